"""The short way of a decision: from bytes to bytes, for the plain form of requests and what is at hand.

Plain is a request of user and condition, as nearly all are. Whatever else there is to it (a consistency, a trace, an
error, a connection that was not asked about since the last sync) is left to `access_service`, which answers everything:
then the answer is None, and nothing has been done yet.

A decision depends on its request and the snapshot alone. So what was decided lately is kept, under the request's bytes,
and given again while that very snapshot is served: with an id and a record of its own each time.
"""

from typing import Final

import msgspec
from google.protobuf.message import DecodeError

from entraid.v1 import access_service_pb2 as pb
from entraid_service.errors import InvalidField, StoreUnavailable
from entraid_service.evaluate import decide
from entraid_service.model.decision import Decision
from entraid_service.model.ids import ConnectionId
from entraid_service.observe.audit import Asker
from entraid_service.rpc.answers import AnswerWriter, with_decision_id
from entraid_service.rpc.deciding import CallContext, Decider
from entraid_service.rpc.freshness import Label, ServedSnapshots
from entraid_service.rpc.names import CONNECTIONS, LONGEST_ID, USERS
from entraid_service.rpc.validate import MOST_EVALUATIONS
from entraid_service.rpc.wire import delimited, parts, repeated, tag
from entraid_service.snapshot.recent import Recent

_EVALUATION: Final = bytes(
    (tag(pb.EvaluateAccessRequest.USER_FIELD_NUMBER), tag(pb.EvaluateAccessRequest.CONDITION_FIELD_NUMBER))
)
_REQUESTS: Final = tag(pb.BatchEvaluateAccessRequest.REQUESTS_FIELD_NUMBER)
_RESULTS: Final = pb.BatchEvaluateAccessResponse.RESULTS_FIELD_NUMBER
_RESPONSE: Final = pb.BatchEvaluateAccessResponse.Result.RESPONSE_FIELD_NUMBER
_MOST_KEPT: Final = 16 * 1024 * 1024
"""Bytes, roughly: some ten thousand decisions."""
_ENTRY: Final = 1024
"""What one takes beside its request and answer."""


class _Decided(msgspec.Struct, frozen=True, gc=False):
    """A decision and its answer but for the id; `label` is that of the snapshot it was taken from.

    Ten thousand are kept, and garbage collection would go through them again and again.
    """

    label: Label
    user: str
    digest: str
    decision: Decision
    answer: bytes
    weight: int


class Shortcut:
    """Answers plain requests. What it takes in and gives out are serialized messages. Belongs to one event loop."""

    def __init__(self, decider: Decider, served: ServedSnapshots) -> None:
        self._decider = decider
        self._served = served
        self._conditions = decider.conditions
        self._writer = AnswerWriter()
        self._kept: Recent[bytes, _Decided] = Recent(_MOST_KEPT, weigh=lambda decided: decided.weight)

    def evaluate(self, data: bytes, context: CallContext) -> bytes | None:
        """EvaluateAccess."""
        decided = self._decided(data)
        return None if decided is None else self._given(decided, self._decider.asker(context))

    def batch(self, data: bytes, context: CallContext) -> bytes | None:
        """BatchEvaluateAccess, if every request in it is plain: nothing waits in between, so one snapshot answers."""
        requests = repeated(data, _REQUESTS)
        if requests is None or len(requests) > MOST_EVALUATIONS:
            return None
        found: list[_Decided] = []
        for request in requests:
            decided = self._decided(request)
            if decided is None:
                return None
            found.append(decided)
        asker = self._decider.asker(context)
        return b"".join([delimited(_RESULTS, delimited(_RESPONSE, self._given(decided, asker))) for decided in found])

    def _decided(self, data: bytes) -> _Decided | None:
        kept = self._kept.get(data)
        if kept is not None and self._served.is_served(kept.label):
            return kept
        decided = self._decide(data)
        if decided is not None:
            self._kept.put(data, decided)
        return decided

    def _decide(self, data: bytes) -> _Decided | None:
        found = parts(data, _EVALUATION)
        if found is None:
            return None
        try:
            parent, _, user = found[0].decode().partition(USERS)
            if not (parent.startswith(CONNECTIONS) and 0 < len(user) <= LONGEST_ID):
                return None
            # Nothing is at hand under an id that is not well formed.
            served = self._served.peek(ConnectionId(parent[len(CONNECTIONS) :]))
            if served is None:
                return None
            prepared = self._conditions.prepared_bytes(found[1])
            decision = decide(served.snapshot, prepared.compiled, user)
        except (UnicodeDecodeError, DecodeError, InvalidField, StoreUnavailable):
            return None
        label = served.label
        answer = self._writer.written(decision, label)
        weight = _ENTRY + len(data) + len(answer)
        return _Decided(label, user, prepared.digest, decision, answer, weight)

    def _given(self, decided: _Decided, asker: Asker | None) -> bytes:
        decision_id = self._decider.noted(decided.decision, decided.user, decided.digest, decided.label, asker)
        return with_decision_id(decided.answer, decision_id)
