"""Lines put together from pieces against the same lines as JSON is made plainly, for any text in them."""

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from entraid_service.model.decision import Decision, Reason, ReasonCode
from entraid_service.model.ids import ConnectionId, TenantId, UserId
from entraid_service.model.scope import Scope
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.observe.audit_line import Asker, LineWriter, Record, Source, digest, line_of_lost

SYNCED = datetime(2026, 5, 1, 12, tzinfo=UTC)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)  # lone surrogates cannot arrive: UTF-8 has none
REASONS = st.lists(
    st.builds(Reason, st.sampled_from(ReasonCode), field=st.just("condition"), message=TEXTS), max_size=4
).map(tuple)
DECISIONS = st.builds(Decision, st.booleans(), REASONS, st.none() | TEXTS.filter(bool).map(UserId))
AGES = st.timedeltas(timedelta(seconds=-2), timedelta(days=400))


def read(line: bytes) -> dict[str, object]:
    """One line, and nothing behind it."""
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    found = json.loads(line)
    assert isinstance(found, dict)
    return found


def expected(
    decision: Decision, *, asked: str, peer: str, client: str, token: str, condition: str
) -> dict[str, object]:
    """What a line says, but for times."""
    line: dict[str, object] = {"decision_id": "d", "peer": peer, "connection": "main", "tenant": "t"}
    if client:
        line["client"] = client
    if decision.user_id:
        line["user"] = decision.user_id
    else:
        line["user_digest"] = digest(asked.encode())
    line |= {"condition": condition, "outcome": "ALLOW" if decision.is_allowed else "DENY", "snapshot": token}
    return line | {"reasons": list(dict.fromkeys(reason.code.name for reason in decision.reasons)), "revision": 7}


@given(st.lists(DECISIONS, min_size=1, max_size=5), TEXTS, TEXTS, TEXTS, TEXTS, AGES)
def test_a_line_is_the_json_of_its_parts(
    decisions: list[Decision], peer: str, client: str, token: str, condition: str, age: timedelta
) -> None:
    """Whatever was said before by the same writer: quotes, line ends and other scripts stay inside their field."""
    version = SnapshotVersion(ConnectionId("main"), TenantId("t"), 1, 7, SYNCED, Scope(frozenset()))
    asker, source, writer = Asker(peer, client), Source(version, token), LineWriter()
    for decision in decisions * 2:
        line = read(writer.line(Record("d", SYNCED + age, asker, "nobody@x", condition, decision, source)))
        assert datetime.fromisoformat(str(line.pop("time"))) == SYNCED + age
        assert abs(float(str(line.pop("age_seconds"))) - age.total_seconds()) < 0.001
        assert line == expected(decision, asked="nobody@x", peer=peer, client=client, token=token, condition=condition)


def test_what_one_decision_had_is_not_told_of_the_next() -> None:
    """One writer, and each of time, caller and snapshot alone another one from line to line, there and back."""
    versions = [SnapshotVersion(ConnectionId(name), TenantId(name), 1, 7, SYNCED, Scope(frozenset())) for name in "ab"]
    first = SYNCED, Asker("p"), Source(versions[0], "t")
    turns = [
        first,
        (SYNCED + timedelta(seconds=5), *first[1:]),
        first,
        (first[0], Asker("q"), first[2]),
        first,
        (*first[:2], Source(versions[1], "t")),
        first,
    ]
    writer = LineWriter()
    decision = Decision(is_allowed=True, reasons=(), user_id=UserId("u"))
    told = [read(writer.line(Record("d", *turn[:2], "u", "c", decision, turn[2]))) for turn in turns]
    assert [line["age_seconds"] for line in told] == [0, 5, 0, 0, 0, 0, 0]
    assert [line["peer"] for line in told] == ["p", "p", "p", "q", "p", "p", "p"]
    assert [line["tenant"] for line in told] == ["a", "a", "a", "a", "a", "b", "a"]


def test_reasons_that_were_forgotten_are_written_anew() -> None:
    """Many thousand different ones in a row: each line has its own, and a later one under the same place in memory."""
    version = SnapshotVersion(ConnectionId("main"), TenantId("t"), 1, 7, SYNCED, Scope(frozenset()))
    asker, source, writer = Asker("p"), Source(version, "t"), LineWriter()
    codes = list(ReasonCode)
    for number in range(10_000):
        code = codes[number % len(codes)]
        decision = Decision(is_allowed=False, reasons=(Reason(code, "", str(number)),), user_id=UserId("u"))
        line = read(writer.line(Record("d", SYNCED, asker, "u", "c", decision, source)))
        assert line["reasons"] == [code.name]


def test_what_was_lost_is_a_line_too() -> None:
    """It has a time and the number."""
    line = read(line_of_lost(30))
    assert line.pop("lost_records") == 30
    assert datetime.fromisoformat(str(line.pop("time"))).tzinfo == UTC
    assert not line
