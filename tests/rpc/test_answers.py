"""Answers that are put together from pieces are those that the generated classes write."""

from datetime import UTC, datetime

import pytest

from entraid.v1 import access_service_pb2 as pb
from entraid.v1 import snapshot_pb2
from entraid_service.model.decision import Decision, Reason, ReasonCode
from entraid_service.model.ids import ConnectionId, TenantId, UserId
from entraid_service.model.scope import Scope
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.rpc.answers import AnswerWriter
from entraid_service.rpc.decisions import reason_message
from entraid_service.rpc.freshness import Label
from entraid_service.rpc.names import user_name
from rpc.rooms import ADELE

MEMBER = Reason(ReasonCode.GROUP_MEMBER, "condition", "the user is in the group `EMEA`")


def label(connection_id: str) -> Label:
    """As `ServedSnapshots` makes it."""
    version = SnapshotVersion(
        ConnectionId(connection_id), TenantId("t"), 1, 1, datetime(2026, 1, 1, tzinfo=UTC), Scope(frozenset())
    )
    return Label.of("uid", version, snapshot_pb2.Snapshot(token="token"))


@pytest.mark.parametrize("connection_id", ["main", "c" * 63, "c" * 100])
@pytest.mark.parametrize("user_id", [ADELE, "x", "ü" * 18, "x" * 300, None])
@pytest.mark.parametrize("decision_id", ["0" * 36, "short", "x" * 200])
def test_the_pieces_are_the_message(connection_id: str, user_id: str | None, decision_id: str) -> None:
    """Whatever the lengths of names and ids."""
    user = None if user_id is None else UserId(user_id)
    data = AnswerWriter().written(
        Decision(is_allowed=True, reasons=(MEMBER, MEMBER), user_id=user), label(connection_id), decision_id
    )
    assert pb.EvaluateAccessResponse.FromString(data) == pb.EvaluateAccessResponse(
        decision=pb.DECISION_ALLOW,
        reasons=[reason_message(MEMBER)] * 2,
        user="" if user is None else user_name(ConnectionId(connection_id), user),
        snapshot=snapshot_pb2.Snapshot(token="token"),
        decision_id=decision_id,
    )


@pytest.mark.parametrize("reasons", [(), (MEMBER,)])
@pytest.mark.parametrize("first", [True, False])
def test_reasons_that_were_given_before_bring_no_decision_along(reasons: tuple[Reason, ...], first: bool) -> None:
    """A denial stays one, even with the reasons of an allow, and with none."""
    writer = AnswerWriter()
    for is_allowed in (first, not first):
        data = writer.written(Decision(is_allowed, reasons), label("main"), "id")
        decision = pb.EvaluateAccessResponse.FromString(data).decision
        assert decision == (pb.DECISION_ALLOW if is_allowed else pb.DECISION_DENY)


def test_more_reasons_than_are_kept_are_each_told_as_they_are() -> None:
    """Many thousand wide denials, whose reasons are forgotten and whose places in memory are used again."""
    writer = AnswerWriter()
    for number in range(3000):
        reasons = tuple(Reason(ReasonCode.GROUP_MEMBER, "condition", f"{number} {'m' * 100}") for _ in range(30))
        answer = pb.EvaluateAccessResponse.FromString(
            writer.written(Decision(is_allowed=False, reasons=reasons), label("main"), "id")
        )
        assert {reason.message for reason in answer.reasons} == {reasons[0].message}
