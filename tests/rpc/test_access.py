import asyncio
import uuid
from dataclasses import replace
from datetime import timedelta

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from entraid.v1 import access_service_pb2 as pb
from entraid.v1 import connection_service_pb2, snapshot_pb2, sync_service_pb2
from entraid_service.model.directory import MemberKind
from entraid_service.model.syncrun import RunState
from entraid_service.observe.metrics import Metrics
from rpc.rooms import ADELE, BRUNO, EMEA, SALES, Server
from rpc.told import field_of, reason_of

GET_MAIN = connection_service_pb2.GetConnectionRequest(name="connections/main")
IN_EMEA = pb.Condition(group=pb.GroupCondition(values=["EMEA"]))


def ask(
    user: str = "adele@contoso.example",
    *,
    connection: str = "main",
    condition: pb.Condition | None = IN_EMEA,
    consistency: snapshot_pb2.Consistency | None = None,
    explain: bool = False,
) -> pb.EvaluateAccessRequest:
    """May this user, who must be in EMEA unless told otherwise."""
    return pb.EvaluateAccessRequest(
        user=f"connections/{connection}/users/{user}", condition=condition, consistency=consistency, explain=explain
    )


async def test_a_member_is_allowed_and_told_why(server: Server) -> None:
    """Decision, ground, canonical user, data and decision id; the trace on demand, with the way into the group."""
    await server.commit(await server.add_connection())
    answer = await server.access.EvaluateAccess(ask())
    assert answer.decision == pb.DECISION_ALLOW
    assert [(reason.code, reason.field) for reason in answer.reasons] == [
        (pb.REASON_CODE_GROUP_MEMBER, "condition.group")
    ]
    assert answer.user == f"connections/main/users/{ADELE}"
    assert answer.snapshot.token
    assert uuid.UUID(answer.decision_id).version == 7
    assert not answer.HasField("trace")
    trace = (await server.access.EvaluateAccess(ask(explain=True))).trace
    assert trace.outcome == pb.ConditionTrace.OUTCOME_SATISFIED
    assert list(trace.group_path) == [f"connections/main/groups/{SALES}", f"connections/main/groups/{EMEA}"]


@pytest.mark.parametrize(
    ("user", "code", "field"),
    [
        (BRUNO, pb.REASON_CODE_NOT_GROUP_MEMBER, "condition.group"),
        ("clara@contoso.example", pb.REASON_CODE_USER_DISABLED, ""),
        ("nobody@contoso.example", pb.REASON_CODE_USER_NOT_FOUND, ""),
        ("o'neil#EXT#@contoso.example", pb.REASON_CODE_USER_NOT_FOUND, ""),
    ],
)
async def test_who_may_not_is_denied_with_a_ground(
    server: Server, user: str, code: pb.ReasonCode.ValueType, field: str
) -> None:
    """A denial is an answer and no error."""
    await server.commit(await server.add_connection())
    answer = await server.access.EvaluateAccess(ask(user))
    assert answer.decision == pb.DECISION_DENY
    assert [(reason.code, reason.field) for reason in answer.reasons] == [(code, field)]


async def test_no_answer_without_data(server: Server) -> None:
    """An unknown connection is NOT_FOUND, one that was never synced says so; neither is a denial, let alone more."""
    await server.add_connection()
    for connection, code, reason in (
        ("main", grpc.StatusCode.FAILED_PRECONDITION, "DIRECTORY_NOT_SYNCED"),
        ("other", grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await server.access.EvaluateAccess(ask(connection=connection))
        assert caught.value.code() is code
        assert reason_of(caught.value) == reason


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.EvaluateAccessRequest(), "user"),
        (ask(condition=None), "condition"),
        (ask(condition=pb.Condition()), "condition"),
        (ask(condition=pb.Condition(all_of=pb.ConditionList())), "condition.all_of.conditions"),
        (ask(""), "user"),
        (
            ask(consistency=snapshot_pb2.Consistency(max_staleness=Duration(seconds=-1))),
            "consistency.max_staleness",
        ),
        (
            ask(consistency=snapshot_pb2.Consistency(max_staleness=Duration(seconds=2**62))),
            "consistency.max_staleness",
        ),
        (ask(consistency=snapshot_pb2.Consistency(at_least_as_fresh="x")), "consistency.at_least_as_fresh"),
        (ask(consistency=snapshot_pb2.Consistency(at_least_as_fresh="")), "consistency.at_least_as_fresh"),
    ],
)
async def test_a_malformed_question_is_named(server: Server, request_: pb.EvaluateAccessRequest, field: str) -> None:
    """INVALID_ARGUMENT with the field, never a decision."""
    await server.commit(await server.add_connection())
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await server.access.EvaluateAccess(request_)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert field_of(caught.value) == field


async def test_data_that_is_too_old_is_no_answer(server: Server) -> None:
    """At the bound it answers, beyond it DIRECTORY_STALE with the time of the data."""
    await server.commit(await server.add_connection())
    server.clock.time += timedelta(seconds=59)
    bound = snapshot_pb2.Consistency(max_staleness=Duration(seconds=60))
    assert (await server.access.EvaluateAccess(ask(consistency=bound))).decision == pb.DECISION_ALLOW
    server.clock.time += timedelta(microseconds=1)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await server.access.EvaluateAccess(ask(consistency=bound))
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert reason_of(caught.value) == "DIRECTORY_STALE"


async def test_a_token_is_never_answered_from_older_data(server: Server) -> None:
    """A removal that was committed behind the server's back is seen by whoever sends its token."""
    connection = await server.add_connection()
    await server.commit(connection)
    before = await server.access.EvaluateAccess(ask())
    await server.commit(connection, edges=[(EMEA, SALES, MemberKind.GROUP)])
    newer = (await server.connections.GetConnection(GET_MAIN)).connection.snapshot
    assert newer.token != before.snapshot.token
    for token in (newer.token, before.snapshot.token):
        bound = snapshot_pb2.Consistency(at_least_as_fresh=token)
        answer = await server.access.EvaluateAccess(ask(consistency=bound))
        assert answer.decision == pb.DECISION_DENY
        assert answer.snapshot == newer


async def test_a_token_of_data_to_come_is_stale(server: Server) -> None:
    """A revision that this store does not have (a restored backup, say) is not answered from another one."""
    connection = await server.add_connection()
    await server.commit(connection)
    run = await server.runner.start(connection.id)
    await server.store.runs.save(replace(run, state=RunState.SUCCEEDED, revision=10_000, sync_time=run.create_time))
    name = f"connections/main/syncRuns/{run.id}"
    shown = await server.sync.GetSyncRun(sync_service_pb2.GetSyncRunRequest(name=name))
    bound = snapshot_pb2.Consistency(at_least_as_fresh=shown.sync_run.snapshot.token)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await server.access.EvaluateAccess(ask(consistency=bound))
    assert reason_of(caught.value) == "DIRECTORY_STALE"


async def test_a_token_of_another_connection_is_refused(server: Server) -> None:
    """Equal revisions of two tenants are not the same data."""
    await server.commit(await server.add_connection())
    await server.commit(await server.add_connection("other"))
    foreign = (await server.access.EvaluateAccess(ask(connection="other"))).snapshot.token
    bound = snapshot_pb2.Consistency(at_least_as_fresh=foreign)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await server.access.EvaluateAccess(ask(consistency=bound))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_connection_made_anew_knows_nothing_of_its_forerunner(server: Server) -> None:
    """Disconnected and connected again under the same name: not synced, also where the old data was at hand."""
    connection = await server.add_connection()
    await server.commit(connection)
    assert (await server.access.EvaluateAccess(ask())).decision == pb.DECISION_ALLOW
    await server.connections.Disconnect(connection_service_pb2.DisconnectRequest(name="connections/main"))
    with pytest.raises(grpc.aio.AioRpcError) as gone:
        await server.access.EvaluateAccess(ask())
    assert gone.value.code() is grpc.StatusCode.NOT_FOUND
    await server.add_connection(uid="another")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await server.access.EvaluateAccess(ask())
    assert reason_of(caught.value) == "DIRECTORY_NOT_SYNCED"


async def test_a_batch_answers_in_order_and_item_by_item(server: Server) -> None:
    """Each result belongs to its request; one that fails leaves the others alone, and names its own field."""
    await server.commit(await server.add_connection())
    await server.add_connection("empty")
    stale = snapshot_pb2.Consistency(max_staleness=Duration())
    requests = [
        ask(BRUNO),
        ask(),
        ask(connection="empty"),
        ask(condition=pb.Condition()),
        pb.EvaluateAccessRequest(user="nonsense"),
        ask(consistency=stale),
        ask(consistency=snapshot_pb2.Consistency(at_least_as_fresh="x")),
        ask(connection="other"),
        ask(),
    ]
    results = (await server.access.BatchEvaluateAccess(pb.BatchEvaluateAccessRequest(requests=requests))).results
    assert [result.response.decision for result in results] == [
        pb.DECISION_DENY,
        pb.DECISION_ALLOW,
        *[pb.DECISION_UNSPECIFIED] * 6,
        pb.DECISION_ALLOW,
    ]
    assert [reason_of(result.error) for result in results[2:8]] == [
        "DIRECTORY_NOT_SYNCED",
        "INVALID_FIELD",
        "INVALID_FIELD",
        "DIRECTORY_STALE",
        "INVALID_FIELD",
        "RESOURCE_NOT_FOUND",
    ]
    assert field_of(results[3].error) == "condition"
    assert field_of(results[6].error) == "consistency.at_least_as_fresh"


async def test_a_batch_reads_one_snapshot_per_connection(server: Server) -> None:
    """All answers of a batch on one connection name the same data, the newest that any of them asks for."""
    connection = await server.add_connection()
    await server.commit(connection)
    await server.access.EvaluateAccess(ask())
    await server.commit(connection, edges=[])
    token = (await server.connections.GetConnection(GET_MAIN)).connection.snapshot.token
    fresh = ask(consistency=snapshot_pb2.Consistency(at_least_as_fresh=token))
    batch = pb.BatchEvaluateAccessRequest(requests=[ask()] * 10 + [fresh] + [ask()] * 10)
    results = (await server.access.BatchEvaluateAccess(batch)).results
    assert {result.response.snapshot.token for result in results} == {token}
    assert {result.response.decision for result in results} == {pb.DECISION_DENY}


async def test_a_batch_is_bounded(server: Server) -> None:
    """500 are answered, 501 are refused, none answers nothing."""
    await server.commit(await server.add_connection())
    full = await server.access.BatchEvaluateAccess(pb.BatchEvaluateAccessRequest(requests=[ask()] * 500))
    assert {result.response.decision for result in full.results} == {pb.DECISION_ALLOW}
    assert len({result.response.decision_id for result in full.results}) == 500
    assert not (await server.access.BatchEvaluateAccess(pb.BatchEvaluateAccessRequest())).results
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await server.access.BatchEvaluateAccess(pb.BatchEvaluateAccessRequest(requests=[ask()] * 501))
    assert field_of(caught.value) == "requests"


async def test_decisions_go_on_while_snapshots_change(server: Server) -> None:
    """Commits, refreshes and hundreds of calls at once: every answer is right for the data that it names."""
    connection = await server.add_connection()
    await server.commit(connection)
    allows = {(await server.access.EvaluateAccess(ask())).snapshot.token}

    async def change() -> None:
        for round_ in range(6):
            await server.commit(connection, edges=[] if round_ % 2 == 0 else None)
            shown = (await server.connections.GetConnection(GET_MAIN)).connection.snapshot.token
            if round_ % 2:
                allows.add(shown)
            await server.snapshots.refresh(connection.id)

    async with asyncio.TaskGroup() as group:
        changing = group.create_task(change())
        answers = []
        while not changing.done():
            answers += await asyncio.gather(*(server.access.EvaluateAccess(ask()) for _ in range(20)))
    seen = {(answer.snapshot.token in allows, answer.decision) for answer in answers}
    assert seen == {(True, pb.DECISION_ALLOW), (False, pb.DECISION_DENY)}


async def test_decisions_are_counted(server: Server, metrics: Metrics) -> None:
    """By outcome, unary and batched alike."""
    await server.commit(await server.add_connection())
    await server.access.EvaluateAccess(ask())
    await server.access.BatchEvaluateAccess(pb.BatchEvaluateAccessRequest(requests=[ask(), ask(BRUNO)]))
    text = metrics.exposition().decode()
    assert 'entraid_decisions_total{outcome="allow"} 2.0' in text
    assert 'entraid_decisions_total{outcome="deny"} 1.0' in text
