"""The short way of a decision and the long one give the same answers, and the short one knows when it is not enough."""

from collections.abc import Coroutine, Iterator, Mapping

import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from entraid.v1 import access_service_pb2 as pb
from entraid.v1 import snapshot_pb2
from entraid_service.errors import StoreUnavailable
from entraid_service.rpc.access_service import AccessService
from entraid_service.rpc.deciding import Decider
from entraid_service.rpc.facades import Facades
from entraid_service.rpc.freshness import ServedSnapshots
from entraid_service.rpc.shortcut import Shortcut
from entraid_service.rpc.snapshot_tokens import SnapshotTokens
from entraid_service.rpc.wire import delimited
from entraid_service.store.views import SqliteView
from rpc.rooms import ADELE, BRUNO, CLARA, Server, raw_call

EVALUATE = "/entraid.v1.AccessService/EvaluateAccess"
IN_EMEA = pb.Condition(group=pb.GroupCondition(values=["EMEA"]))
IN_SALES = pb.Condition(attribute=pb.AttributeCondition(attribute="department", values=["Sales"]))
USERS = (ADELE, BRUNO, CLARA, "adele@contoso.example", "nobody@contoso.example", ADELE.upper())
MARKS = st.characters(exclude_categories=["Cs"])
LEAVES = (
    IN_EMEA,
    IN_SALES,
    pb.Condition(manager=pb.ManagerCondition(values=["adele@contoso.example"])),
    pb.Condition(user=pb.UserCondition(values=["bruno@contoso.example"], operator=pb.MATCH_OPERATOR_IS_NOT)),
    pb.Condition(attribute=pb.AttributeCondition(attribute="city", values=["Paris"])),
    pb.Condition(group=pb.GroupCondition(values=["al"], operator=pb.MATCH_OPERATOR_CONTAINS)),
    pb.Condition(group=pb.GroupCondition(values=["No such group"])),
)


class Caller:
    """The context of a call, as far as it is looked at."""

    def peer(self) -> str:
        """Somebody."""
        return "ipv4:127.0.0.1:1"

    def auth_context(self) -> Mapping[str, list[bytes]]:
        """Nobody in particular."""
        return {}


@pytest.fixture
def served(facades: Facades) -> ServedSnapshots:
    """The same snapshots as the server's."""
    return ServedSnapshots(
        facades.snapshots,
        connections=facades.connections,
        tokens=SnapshotTokens(facades.signer),
        clock=facades.clock,
    )


@pytest.fixture
def service(facades: Facades, served: ServedSnapshots) -> AccessService:
    """The service by itself, over the same rooms as the server's."""
    return AccessService(facades, served=served, knows_callers=False)


@pytest.fixture
def quick(facades: Facades, served: ServedSnapshots) -> Shortcut:
    """The short way by itself."""
    return Shortcut(Decider(facades, knows_callers=False), served)


def joined(conditions: list[pb.Condition]) -> st.SearchStrategy[pb.Condition]:
    """These, by each of the three ways to join them."""
    together = pb.ConditionList(conditions=conditions)
    return st.sampled_from(
        (pb.Condition(all_of=together), pb.Condition(any_of=together), pb.Condition(none_of=together))
    )


CONDITIONS = st.recursive(
    st.sampled_from(LEAVES), lambda inner: st.lists(inner, min_size=1, max_size=3).flatmap(joined), max_leaves=6
)
"""Trees of a few leaves."""


def ask(
    user: str = ADELE,
    condition: pb.Condition = IN_EMEA,
    *,
    consistency: snapshot_pb2.Consistency | None = None,
    explain: bool = False,
) -> pb.EvaluateAccessRequest:
    """May this user."""
    return pb.EvaluateAccessRequest(
        user=f"connections/main/users/{user}", condition=condition, consistency=consistency, explain=explain
    )


def same(answer: pb.EvaluateAccessResponse) -> pb.EvaluateAccessResponse:
    """The answer without its id, which is another each time."""
    assert answer.decision_id
    answer.ClearField("decision_id")
    return answer


def at_once(answering: Coroutine[object, object, pb.EvaluateAccessResponse]) -> pb.EvaluateAccessResponse:
    """The answer of a call that does not have to wait."""
    with pytest.raises(StopIteration) as done:
        answering.send(None)
    answer = done.value.value
    assert isinstance(answer, pb.EvaluateAccessResponse)
    return answer


async def test_both_ways_give_the_same_answer(server: Server, service: AccessService, quick: Shortcut) -> None:
    """Over random conditions and everybody: alone, in a batch, and in a stream."""
    await server.commit(await server.add_connection())
    await service.EvaluateAccess(ask(), Caller())  # type: ignore[arg-type]

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(st.sampled_from(USERS), CONDITIONS, st.text(MARKS, min_size=1, max_size=31))
    def check(user: str, condition: pb.Condition, mark: str) -> None:
        request = ask(user, condition)
        alone = quick.evaluate(request.SerializeToString(), Caller())
        assert alone is not None
        pairs = pb.BatchEvaluateAccessRequest(requests=[request, ask()])
        in_batch = quick.batch(pairs.SerializeToString(), Caller())
        assert in_batch is not None
        marked = pb.StreamEvaluateAccessRequest(correlation_id=mark, request=request)
        in_stream = quick.stream(marked.SerializeToString(), None)
        assert in_stream is not None
        slow = same(at_once(service.EvaluateAccess(request, Caller())))  # type: ignore[arg-type]
        assert same(pb.EvaluateAccessResponse.FromString(alone)) == slow
        results = pb.BatchEvaluateAccessResponse.FromString(in_batch).results
        assert len(results) == 2
        assert same(results[0].response) == slow
        streamed = pb.StreamEvaluateAccessResponse.FromString(in_stream)
        assert streamed.correlation_id == mark
        assert same(streamed.response) == slow

    check()


async def test_a_batch_reads_its_people_together_or_leaves_all_of_it(
    server: Server, service: AccessService, quick: Shortcut, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody by himself; where the database cannot be read nothing is answered here, not even about those at hand."""
    await server.commit(await server.add_connection())
    await service.EvaluateAccess(ask("nobody"), Caller())  # type: ignore[arg-type]
    batch = pb.BatchEvaluateAccessRequest(requests=[ask(user) for user in (ADELE, BRUNO, CLARA)]).SerializeToString()

    def unread(*_: object) -> None:
        raise StoreUnavailable("the disk is gone")

    monkeypatch.setattr(SqliteView, "user", unread)
    with monkeypatch.context() as broken:
        broken.setattr(SqliteView, "users", unread)
        assert quick.batch(batch, Caller()) is None
    results = pb.BatchEvaluateAccessResponse.FromString(quick.batch(batch, Caller()) or b"").results
    assert [result.response.decision for result in results] == [pb.DECISION_ALLOW, pb.DECISION_DENY, pb.DECISION_DENY]


def spoilt(data: bytes, place: int) -> bytes:
    """Without what stands behind, or with another byte there; as it is, if it ends before."""
    if place >= len(data):
        return data
    return data[:place] + (b"" if place % 2 else bytes((data[place] ^ 1,)) + data[place + 1 :])


PARENTS = ("main", "twin", "gone")
NAMES = (
    *USERS,
    "bruno",
    "a/b",
    f"x/users/{ADELE}",
    "/",
    "\N{GREEK SMALL LETTER ALPHA}" * 18,
    "n" * 104,
    "n" * 105,
    "n" * 200,
)
WHOLE = st.builds(
    lambda parent, name, condition: pb.EvaluateAccessRequest(
        user=f"connections/{parent}/users/{name}", condition=condition
    ).SerializeToString(),
    st.sampled_from(PARENTS[:2] * 20 + PARENTS),
    st.sampled_from(NAMES),
    st.sampled_from(LEAVES[:3]),
)
ITEMS = st.builds(spoilt, WHOLE, st.integers(0, 2_000))
"""Requests as bytes, most of them plain; about two connections, one of which has nobody in its groups."""


async def test_a_batch_answers_as_each_of_its_requests_alone(
    server: Server, service: AccessService, quick: Shortcut
) -> None:
    """Whatever stands beside it, whoever was asked about before, and not at all if one of them is not plain."""
    for parent, edges in (("main", None), ("twin", [])):
        await server.commit(await server.add_connection(parent), edges=edges)
        await service.EvaluateAccess(
            pb.EvaluateAccessRequest(user=f"connections/{parent}/users/x", condition=IN_EMEA),
            Caller(),  # type: ignore[arg-type]
        )

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
    @given(st.lists(ITEMS, min_size=1, max_size=8))
    def check(items: list[bytes]) -> None:
        batch = quick.batch(b"".join(delimited(1, item) for item in items), Caller())
        alone = [quick.evaluate(item, Caller()) for item in items]
        if None in alone:
            assert batch is None
            return
        assert batch is not None
        results = pb.BatchEvaluateAccessResponse.FromString(batch).results
        assert [same(result.response) for result in results] == [
            same(pb.EvaluateAccessResponse.FromString(answer or b"")) for answer in alone
        ]

    check()


@pytest.mark.parametrize(
    "request_",
    [
        ask(explain=True),
        ask(consistency=snapshot_pb2.Consistency(max_staleness=Duration(seconds=60))),
        ask(""),
        ask("x" * 513),
        ask(condition=pb.Condition()),
        pb.EvaluateAccessRequest(user="connections/other/users/x", condition=IN_EMEA),
        pb.EvaluateAccessRequest(user="tenants/main/users/x", condition=IN_EMEA),
        pb.EvaluateAccessRequest(user="connections/main/groups/x", condition=IN_EMEA),
        pb.EvaluateAccessRequest(user=f"connections/main/users/{ADELE}"),
        pb.EvaluateAccessRequest(condition=IN_EMEA),
        pb.EvaluateAccessRequest(),
    ],
)
async def test_what_is_not_plain_is_left_to_the_long_way(
    server: Server, service: AccessService, quick: Shortcut, request_: pb.EvaluateAccessRequest
) -> None:
    """Nothing is answered and nothing counted, in a batch or a stream neither."""
    await server.commit(await server.add_connection())
    await service.EvaluateAccess(ask(), Caller())  # type: ignore[arg-type]
    assert quick.evaluate(request_.SerializeToString(), Caller()) is None
    pairs = pb.BatchEvaluateAccessRequest(requests=[ask(), request_])
    assert quick.batch(pairs.SerializeToString(), Caller()) is None
    marked = pb.StreamEvaluateAccessRequest(correlation_id="1", request=request_)
    assert quick.stream(marked.SerializeToString(), None) is None


def odd_bytes() -> Iterator[bytes]:
    """The same question in forms that no serializer of ours writes."""
    user, condition = f"connections/main/users/{ADELE}".encode(), IN_EMEA.SerializeToString()
    plain = ask().SerializeToString()
    yield pb.EvaluateAccessRequest(condition=IN_EMEA).SerializeToString() + bytes((10, len(user))) + user
    yield plain + b"\x20\x00"  # explain, said to be false
    yield plain + b"\xf8\x06\x01"  # a field of the future
    yield plain + bytes((10, len(user))) + user
    yield plain + bytes((18, len(condition))) + condition


@pytest.mark.parametrize("data", list(odd_bytes()))
async def test_odd_forms_are_answered_all_the_same(server: Server, data: bytes) -> None:
    """As protobuf says: fields in any order, unknown ones left alone, the last of a field counts."""
    await server.commit(await server.add_connection())
    for _ in range(2):
        answer = pb.EvaluateAccessResponse.FromString(await raw_call(server, EVALUATE)(data))
        assert answer.decision == pb.DECISION_ALLOW


async def test_a_snapshot_that_was_replaced_answers_no_more(
    server: Server, service: AccessService, quick: Shortcut
) -> None:
    """The short way goes by what is served now, not by what it has seen."""
    connection = await server.add_connection()
    await server.commit(connection)
    await service.EvaluateAccess(ask(), Caller())  # type: ignore[arg-type]
    data = ask().SerializeToString()
    before = pb.EvaluateAccessResponse.FromString(quick.evaluate(data, Caller()) or b"")
    assert before.decision == pb.DECISION_ALLOW
    await server.commit(connection, edges=[])
    await server.snapshots.refresh(connection.id)
    assert quick.evaluate(data, Caller()) is None
    after = await server.access.EvaluateAccess(ask())
    assert after.decision == pb.DECISION_DENY
    assert after.snapshot.token != before.snapshot.token
