"""Answers of EvaluateAccess as bytes, put together from pieces that were serialized before.

Serialized pieces of one message that are joined are that message: https://protobuf.dev/programming-guides/encoding/
(`Last One Wins`). Decision and reasons are serialized when they are first given, what names a snapshot once for that
snapshot. `decisions.response_message` makes the same as a message.
"""

from typing import Final

from entraid.v1 import access_service_pb2 as pb
from entraid_service.model.decision import Decision, Reason
from entraid_service.rpc.decisions import reason_message
from entraid_service.rpc.freshness import GUID_LENGTH, Label
from entraid_service.rpc.wire import delimited, tag
from entraid_service.snapshot.recent import Recent

_USER = pb.EvaluateAccessResponse.USER_FIELD_NUMBER
_DECISION_ID_START = bytes((tag(pb.EvaluateAccessResponse.DECISION_ID_FIELD_NUMBER), GUID_LENGTH))
_MOST_KEPT: Final = 4 * 1024 * 1024
"""Bytes of what is serialized, roughly."""
_ENTRY: Final = 512
"""What one takes beside its bytes."""


class AnswerWriter:
    """Writes answers. Belongs to one event loop."""

    def __init__(self) -> None:
        # By identity, as comparing reasons costs more than serializing them; they are kept, so their id stays theirs.
        self._kept: Recent[int, tuple[tuple[Reason, ...], bytes]] = Recent(
            _MOST_KEPT, weigh=lambda kept: _ENTRY + len(kept[1])
        )

    def written(self, decision: Decision, label: Label, decision_id: str) -> bytes:
        """The answer, without a trace."""
        kept = self._kept.get(id(decision.reasons))
        start = self._serialized(decision) if kept is None else kept[1]
        if decision.user_id is None:
            user = b""
        else:
            user_id = decision.user_id.encode()
            is_usual = len(user_id) == GUID_LENGTH
            user = label.user_start + user_id if is_usual else delimited(_USER, label.users + user_id)
        return b"".join((start, user, label.piece, _DECISION_ID_START, decision_id.encode()))

    def _serialized(self, decision: Decision) -> bytes:
        """Decision and reasons: the same reasons never come with another decision."""
        piece = pb.EvaluateAccessResponse(
            decision=pb.DECISION_ALLOW if decision.is_allowed else pb.DECISION_DENY,
            reasons=[reason_message(reason) for reason in decision.reasons],
        ).SerializeToString()
        self._kept.put(id(decision.reasons), (decision.reasons, piece))
        return piece
