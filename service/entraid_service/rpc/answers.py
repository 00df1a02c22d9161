"""Answers of EvaluateAccess as bytes, put together from pieces that were serialized before.

Serialized pieces of one message that are joined are that message: https://protobuf.dev/programming-guides/encoding/
(`Last One Wins`). Reasons are serialized when they are first given together, what names a snapshot once for that
snapshot; the decision itself is never looked up. `decisions.response_message` makes the same as a message.
"""

from typing import Final

from entraid.v1 import access_service_pb2 as pb
from entraid_service.model.decision import Decision, Reason
from entraid_service.rpc.decisions import reason_message
from entraid_service.rpc.freshness import GUID_LENGTH, Label
from entraid_service.rpc.wire import delimited, tag
from entraid_service.snapshot.recent import Recent

_ALLOW = pb.EvaluateAccessResponse(decision=pb.DECISION_ALLOW).SerializeToString()
_DENY = pb.EvaluateAccessResponse(decision=pb.DECISION_DENY).SerializeToString()
_USER = pb.EvaluateAccessResponse.USER_FIELD_NUMBER
_DECISION_ID = pb.EvaluateAccessResponse.DECISION_ID_FIELD_NUMBER
_DECISION_ID_START = bytes((tag(_DECISION_ID), GUID_LENGTH))
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
        return b"".join(
            (
                _ALLOW if decision.is_allowed else _DENY,
                self._serialized(decision.reasons) if kept is None else kept[1],
                b"" if decision.user_id is None else _user(decision.user_id.encode(), label),
                label.piece,
                _id(decision_id.encode()),
            )
        )

    def _serialized(self, reasons: tuple[Reason, ...]) -> bytes:
        piece = pb.EvaluateAccessResponse(reasons=[reason_message(reason) for reason in reasons]).SerializeToString()
        self._kept.put(id(reasons), (reasons, piece))
        return piece


def _user(user_id: bytes, label: Label) -> bytes:
    if len(user_id) == GUID_LENGTH:
        return label.user_start + user_id
    return delimited(_USER, label.users + user_id)


def _id(decision_id: bytes) -> bytes:
    if len(decision_id) == GUID_LENGTH:
        return _DECISION_ID_START + decision_id
    return delimited(_DECISION_ID, decision_id)
