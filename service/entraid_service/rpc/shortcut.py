"""The short way of a decision: from bytes to bytes, for the plain form of requests and what is at hand.

Plain is a request of user and condition, as nearly all are. Whatever else there is to it (a consistency, a trace, an
error, a connection that was not asked about since the last sync) is left to `access_service`, which answers everything:
then the answer is None, and nothing has been done yet.
"""

from typing import NamedTuple

from google.protobuf.message import DecodeError

from entraid.v1 import access_service_pb2 as pb
from entraid_service.errors import EntraidError, InvalidField
from entraid_service.evaluate import Compiled
from entraid_service.model.ids import ConnectionId
from entraid_service.observe.audit import Asker
from entraid_service.rpc.answers import AnswerWriter
from entraid_service.rpc.conditions import Prepared
from entraid_service.rpc.deciding import CallContext, Decider
from entraid_service.rpc.freshness import Served, ServedSnapshots
from entraid_service.rpc.names import CONNECTIONS, LONGEST_ID, USERS
from entraid_service.rpc.status import from_error
from entraid_service.rpc.validate import MOST_EVALUATIONS
from entraid_service.rpc.wire import delimited, parts, repeated, tag

_EVALUATION = bytes(
    (tag(pb.EvaluateAccessRequest.USER_FIELD_NUMBER), tag(pb.EvaluateAccessRequest.CONDITION_FIELD_NUMBER))
)
_REQUESTS = tag(pb.BatchEvaluateAccessRequest.REQUESTS_FIELD_NUMBER)
_RESULTS = pb.BatchEvaluateAccessResponse.RESULTS_FIELD_NUMBER
_RESPONSE = pb.BatchEvaluateAccessResponse.Result.RESPONSE_FIELD_NUMBER


class _Question(NamedTuple):
    """Who is asked about, what has to hold, and the data at hand."""

    user: str
    prepared: Prepared[Compiled]
    served: Served


class Shortcut:
    """Answers plain requests. What it takes in and gives out are serialized messages."""

    def __init__(self, decider: Decider, served: ServedSnapshots) -> None:
        self._decider = decider
        self._served = served
        self._conditions = decider.conditions
        self._writer = AnswerWriter()

    def evaluate(self, data: bytes, context: CallContext) -> bytes | None:
        """EvaluateAccess.

        Raises:
            StoreUnavailable: The database cannot be read.
        """
        question = self._question(data)
        return None if question is None else self._answer(question, self._decider.asker(context))

    def batch(self, data: bytes, context: CallContext) -> bytes | None:
        """BatchEvaluateAccess, if every request in it is plain: nothing waits in between, so one snapshot answers.

        What cannot be decided is told in its place.
        """
        requests = repeated(data, _REQUESTS)
        if requests is None or len(requests) > MOST_EVALUATIONS:
            return None
        questions = []
        for request in requests:
            question = self._question(request)
            if question is None:
                return None
            questions.append(question)
        asker = self._decider.asker(context)
        return b"".join([self._result(question, asker) for question in questions])

    def _question(self, data: bytes) -> _Question | None:
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
            return _Question(user, self._conditions.prepared_bytes(found[1]), served)
        except (UnicodeDecodeError, DecodeError, InvalidField):
            return None

    def _result(self, question: _Question, asker: Asker | None) -> bytes:
        try:
            return delimited(_RESULTS, delimited(_RESPONSE, self._answer(question, asker)))
        except EntraidError as error:
            result = pb.BatchEvaluateAccessResponse.Result(error=from_error(error))
            return pb.BatchEvaluateAccessResponse(results=[result]).SerializeToString()

    def _answer(self, question: _Question, asker: Asker | None) -> bytes:
        user, prepared, served = question
        decision, decision_id = self._decider.decided(user, prepared, served, asker)
        return self._writer.written(decision, served, decision_id)
