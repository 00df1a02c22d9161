"""Answers of EvaluateAccess as bytes, put together from pieces that were serialized before.

Serialized pieces of one message that are joined are that message: https://protobuf.dev/programming-guides/encoding/
(`Last One Wins`). A reason is serialized when it is first given, what names a snapshot once for that snapshot.
`decisions.response_message` makes the same as a message.
"""

from entraid.v1 import access_service_pb2 as pb
from entraid_service.model.decision import Decision, Reason
from entraid_service.rpc.decisions import reason_message
from entraid_service.rpc.freshness import Label
from entraid_service.rpc.wire import delimited
from entraid_service.snapshot.recent import Recent

_ALLOW = pb.EvaluateAccessResponse(decision=pb.DECISION_ALLOW).SerializeToString()
_DENY = pb.EvaluateAccessResponse(decision=pb.DECISION_DENY).SerializeToString()
_USER = pb.EvaluateAccessResponse.USER_FIELD_NUMBER
_DECISION_ID = pb.EvaluateAccessResponse.DECISION_ID_FIELD_NUMBER
_MOST_KEPT = 8192
"""Reasons that are kept; with the bounds on conditions this is a few megabytes, mostly of common ones."""


def with_decision_id(answer: bytes, decision_id: str) -> bytes:
    """What `AnswerWriter` wrote, complete."""
    return answer + delimited(_DECISION_ID, decision_id.encode())


class AnswerWriter:
    """Writes answers. Belongs to one event loop."""

    def __init__(self) -> None:
        # By identity, as comparing reasons costs more than serializing them; the reason is kept, so its id stays its.
        self._reasons: Recent[int, tuple[Reason, bytes]] = Recent(_MOST_KEPT)

    def written(self, decision: Decision, label: Label) -> bytes:
        """The answer but for the decision's id, and without a trace."""
        pieces = [_ALLOW if decision.is_allowed else _DENY]
        for reason in decision.reasons:
            kept = self._reasons.get(id(reason))
            pieces.append(self._serialized(reason) if kept is None else kept[1])
        if decision.user_id is not None:
            pieces.append(delimited(_USER, label.users + decision.user_id.encode()))
        pieces.append(label.piece)
        return b"".join(pieces)

    def _serialized(self, reason: Reason) -> bytes:
        piece = pb.EvaluateAccessResponse(reasons=[reason_message(reason)]).SerializeToString()
        self._reasons.put(id(reason), (reason, piece))
        return piece
