"""Bounds on the age of data: met, or an error, and never an answer from older data."""

from dataclasses import replace
from datetime import timedelta

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from entraid.v1 import access_service_pb2 as pb
from entraid.v1.snapshot_pb2 import Consistency
from entraid_service.model.changes import ChangeSet, FeedLinks
from entraid_service.model.connection import Connection
from entraid_service.model.directory import MemberKind
from entraid_service.model.ids import SyncRunId
from entraid_service.model.syncrun import RunState, SyncMode, SyncRun
from entraid_service.rpc.facades import Facades
from entraid_service.rpc.snapshot_tokens import SnapshotTokens
from rpc.rooms import ADELE, SALES, Server
from rpc.told import reason_of

IN_SALES = pb.Condition(group=pb.GroupCondition(values=["Sales"]))
MINUTE = Consistency(max_staleness=Duration(seconds=60))


def ask(consistency: Consistency | None = None, *, connection: str = "main") -> pb.EvaluateAccessRequest:
    """May Adele, who must be in Sales."""
    return pb.EvaluateAccessRequest(
        user=f"connections/{connection}/users/{ADELE}", condition=IN_SALES, consistency=consistency
    )


async def confirm(server: Server, connection: Connection) -> None:
    """A sync that found that nothing changed."""
    run = SyncRun(
        id=SyncRunId(f"confirm-{server.clock.now():%H%M%S%f}"),
        connection_id=connection.id,
        mode=SyncMode.INCREMENTAL,
        state=RunState.RUNNING,
        create_time=server.clock.now(),
    )
    run = await server.store.runs.start(run)
    base = await server.store.lists.version(connection.id)
    await server.store.directory.apply(
        base,
        ChangeSet(),
        run=replace(run, state=RunState.SUCCEEDED, end_time=server.clock.now()),
        sync_time=server.clock.now(),
        scope=base.scope,
        links=FeedLinks(binding="", users="", groups={}),
    )


async def test_a_sync_that_changes_nothing_makes_data_fresh(server: Server) -> None:
    """The revision and its token stay, `sync_time` moves, and a bound that was not met is met."""
    connection = await server.add_connection()
    await server.commit(connection)
    before = await server.access.EvaluateAccess(ask())
    server.clock.time += timedelta(minutes=5)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await server.access.EvaluateAccess(ask(MINUTE))
    assert reason_of(caught.value) == "DIRECTORY_STALE"
    await confirm(server, connection)
    after = await server.access.EvaluateAccess(ask(MINUTE))
    assert after.decision == pb.DECISION_ALLOW
    assert after.snapshot.token == before.snapshot.token
    assert after.snapshot.sync_time.seconds - before.snapshot.sync_time.seconds == 301
    exact = Consistency(at_least_as_fresh=before.snapshot.token)
    assert (await server.access.EvaluateAccess(ask(exact))).snapshot == after.snapshot


async def test_older_tokens_are_met_by_newer_data(server: Server) -> None:
    """Every token of the past is met by what is served now; each revision has a token of its own."""
    connection = await server.add_connection()
    tokens = []
    for number in range(4):
        edges = [(SALES, str(ADELE), MemberKind.USER)] * (number % 2)
        await server.commit(connection, edges=edges)
        await server.snapshots.refresh(connection.id)
        tokens.append((await server.access.EvaluateAccess(ask())).snapshot.token)
    assert len(set(tokens)) == 4
    for token in tokens:
        answer = await server.access.EvaluateAccess(ask(Consistency(at_least_as_fresh=token)))
        assert answer.snapshot.token == tokens[-1]
        assert answer.decision == pb.DECISION_ALLOW


async def test_an_altered_token_is_refused(server: Server) -> None:
    """A token with any character changed, cut or added is not this connection's."""
    await server.commit(await server.add_connection())
    token = (await server.access.EvaluateAccess(ask())).snapshot.token
    altered = [
        f"{token[:place]}{'A' if token[place] != 'A' else 'B'}{token[place + 1 :]}" for place in range(len(token))
    ]
    for other in (*altered, token[:-1], f"{token}A", f"{token}=", f" {token}", token.swapcase()):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await server.access.EvaluateAccess(ask(Consistency(at_least_as_fresh=other)))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT, other


async def test_every_way_to_ask_keeps_the_bound(server: Server) -> None:
    """Batch, stream and search refuse stale data as a single question does."""
    await server.commit(await server.add_connection())
    server.clock.time += timedelta(minutes=5)
    batch = await server.access.BatchEvaluateAccess(pb.BatchEvaluateAccessRequest(requests=[ask(), ask(MINUTE)]))
    assert batch.results[0].response.decision == pb.DECISION_ALLOW
    assert reason_of(batch.results[1].error) == "DIRECTORY_STALE"
    call = server.access.StreamEvaluateAccess()
    await call.write(pb.StreamEvaluateAccessRequest(correlation_id="x", request=ask(MINUTE)))
    answer = await call.read()
    assert isinstance(answer, pb.StreamEvaluateAccessResponse)
    assert reason_of(answer.error) == "DIRECTORY_STALE"
    call.cancel()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await server.access.SearchEligibleUsers(
            pb.SearchEligibleUsersRequest(parent="connections/main", condition=IN_SALES, consistency=MINUTE)
        )
    assert reason_of(caught.value) == "DIRECTORY_STALE"


async def test_a_search_at_a_token_sees_what_was_committed(server: Server, facades: Facades) -> None:
    """A removal behind the server's back is seen by whoever sends its token; the page names that data."""
    connection = await server.add_connection()
    await server.commit(connection)
    request = pb.SearchEligibleUsersRequest(parent="connections/main", condition=IN_SALES)
    assert len((await server.access.SearchEligibleUsers(request)).users) == 1
    revision = await server.commit(connection, edges=[])
    token = SnapshotTokens(facades.signer).issue(connection.uid, revision)
    request.consistency.CopyFrom(Consistency(at_least_as_fresh=token))
    page = await server.access.SearchEligibleUsers(request)
    assert list(page.users) == []
    assert page.snapshot.token == token


async def test_a_page_token_of_a_search_belongs_to_its_question(server: Server) -> None:
    """Another condition, bound or detail than on the first page is refused; another size is not."""
    await server.commit(await server.add_connection())
    everybody = pb.Condition(user=pb.UserCondition(operator=pb.MATCH_OPERATOR_IS_SET))
    request = pb.SearchEligibleUsersRequest(parent="connections/main", condition=everybody, page_size=1)
    request.page_token = (await server.access.SearchEligibleUsers(request)).next_page_token
    assert request.page_token
    request.page_size = 5
    assert len((await server.access.SearchEligibleUsers(request)).users) == 1
    others = [pb.SearchEligibleUsersRequest() for _ in range(4)]
    for other in others:
        other.CopyFrom(request)
    others[0].explain = True
    others[1].condition.CopyFrom(IN_SALES)
    others[2].consistency.CopyFrom(MINUTE)
    others[3].page_token += "A"
    for other in others:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await server.access.SearchEligibleUsers(other)
        assert reason_of(caught.value) == "INVALID_PAGE_TOKEN"
