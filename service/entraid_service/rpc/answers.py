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
from entraid_service.rpc.wire import head, tag
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
        kept, user_id = self._kept.get(id(decision.reasons)), decision.user_id
        user, name = b"" if user_id is None else user_id.encode(), decision_id.encode()
        return b"".join(
            (
                _ALLOW if decision.is_allowed else _DENY,
                self._serialized(decision.reasons) if kept is None else kept[1],
                label.user_start if len(user) == GUID_LENGTH else _user_start(user, label),
                user,
                label.piece,
                _DECISION_ID_START if len(name) == GUID_LENGTH else head(_DECISION_ID, len(name)),
                name,
            )
        )

    def _serialized(self, reasons: tuple[Reason, ...]) -> bytes:
        piece = pb.EvaluateAccessResponse(reasons=[reason_message(reason) for reason in reasons]).SerializeToString()
        self._kept.put(id(reasons), (reasons, piece))
        return piece


def _user_start(user_id: bytes, label: Label) -> bytes:
    """What stands before an id that is no GUID; nothing if there is none."""
    return head(_USER, len(label.users) + len(user_id)) + label.users if user_id else b""
