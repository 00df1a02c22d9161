"""The short way of a decision: from bytes to bytes, for the plain form of requests and what is at hand.

Plain is a request of user and condition, as nearly all are. Whatever else there is to it (a consistency, a trace, an
error, a connection that was not asked about since the last sync) is left to `access_service`, which answers everything:
then the answer is None, and nothing has been done yet.

Between two calls gRPC and the kernel fill the processor's caches with their own. So what counts here is how much is
touched: a request is cut in three, and the first and the last part are looked up as they are.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from google.protobuf.message import DecodeError

from entraid.v1 import access_service_pb2 as pb
from entraid_service.errors import InvalidField, StoreUnavailable
from entraid_service.evaluate import Compiled, decide, decide_about
from entraid_service.model.ids import ConnectionId, UserId
from entraid_service.observe.audit_line import Asker
from entraid_service.rpc.answers import AnswerWriter
from entraid_service.rpc.conditions import Prepared
from entraid_service.rpc.deciding import CallContext, Decided, Decider
from entraid_service.rpc.freshness import Label, ServedSnapshots
from entraid_service.rpc.names import CONNECTIONS, LONGEST_ID, USERS
from entraid_service.rpc.validate import MOST_EVALUATIONS
from entraid_service.rpc.wire import delimited, nested_head, parts, repeated, tag
from entraid_service.snapshot.recent import Recent
from entraid_service.snapshot.snapshot import Snapshot

if TYPE_CHECKING:
    from entraid_service.snapshot.person import Person

_USER: Final = tag(pb.EvaluateAccessRequest.USER_FIELD_NUMBER)
_EVALUATION: Final = bytes((_USER, tag(pb.EvaluateAccessRequest.CONDITION_FIELD_NUMBER)))
_REQUESTS: Final = tag(pb.BatchEvaluateAccessRequest.REQUESTS_FIELD_NUMBER)
_RESULTS: Final = pb.BatchEvaluateAccessResponse.RESULTS_FIELD_NUMBER
_RESPONSE: Final = pb.BatchEvaluateAccessResponse.Result.RESPONSE_FIELD_NUMBER
_MARK: Final = pb.StreamEvaluateAccessResponse.CORRELATION_ID_FIELD_NUMBER
_MARKED_RESPONSE: Final = pb.StreamEvaluateAccessResponse.RESPONSE_FIELD_NUMBER
_MARKED: Final = bytes(
    (
        tag(pb.StreamEvaluateAccessRequest.CORRELATION_ID_FIELD_NUMBER),
        tag(pb.StreamEvaluateAccessRequest.REQUEST_FIELD_NUMBER),
    )
)
_MOST_KEPT: Final = 1024
"""Conditions, and connections."""
_LONGEST_NAME: Final = 127
"""Bytes of a user's name, or of a mark, whose length is written in one."""
_SHORTEST: Final = 2
_LONGEST_KEPT: Final = 16 * 1024
"""Bytes of a request whose end is kept; with the number of them this bounds the memory."""


_Question: TypeAlias = tuple[str, Prepared[Compiled], Snapshot, Label]
"""Who is asked about, what has to hold, and what answers."""

_LEFT_ALONE: Final = (UnicodeDecodeError, DecodeError, InvalidField, StoreUnavailable)
"""What is wrong with a request that is not plain, or the store; `access_service` says it."""


class Shortcut:
    """Answers plain requests. What it takes in and gives out are serialized messages. Belongs to one event loop."""

    def __init__(self, decider: Decider, served: ServedSnapshots) -> None:
        self._decider = decider
        self._noted = decider.noted
        self._served = served
        self._writer = AnswerWriter()
        # By what stands before the last part of a user's name, which is the same for all of a connection's.
        self._labels: Recent[bytes, Label] = Recent(_MOST_KEPT)
        # By a request's bytes behind the name, of which it was found that they are one condition.
        self._conditions: Recent[bytes, Prepared[Compiled]] = Recent(_MOST_KEPT)

    def evaluate(self, data: bytes, context: CallContext) -> bytes | None:
        """EvaluateAccess."""
        decided = self._decided(data)
        return None if decided is None else self._given(decided, self._decider.asker(context))

    def batch(self, data: bytes, context: CallContext) -> bytes | None:
        """BatchEvaluateAccess, if every request in it is plain: nothing waits in between, so one snapshot answers."""
        requests = repeated(data, _REQUESTS)
        if requests is None or len(requests) > MOST_EVALUATIONS:
            return None
        try:
            found = self._all_decided(requests)
        except _LEFT_ALONE:
            return None
        if found is None:
            return None
        ids = self._decider.all_noted(found, self._decider.asker(context))
        written = self._writer.written
        pieces: list[bytes] = []
        for (_, _, label, decision), decision_id in zip(found, ids, strict=True):
            answer = written(decision, label, decision_id)
            pieces += nested_head(_RESULTS, _RESPONSE, len(answer)), answer
        return b"".join(pieces)

    def stream(self, data: bytes, asker: Asker | None) -> bytes | None:
        """A message of StreamEvaluateAccess."""
        found = parts(data, _MARKED)
        if found is None or not 0 < len(found[0]) <= _LONGEST_NAME or not _is_text(found[0]):
            return None
        decided = self._decided(found[1])
        if decided is None:
            return None
        return delimited(_MARK, found[0]) + delimited(_MARKED_RESPONSE, self._given(decided, asker))

    def _decided(self, data: bytes) -> Decided | None:
        try:
            question = self._question(data)
            return None if question is None else _decided(question)
        except _LEFT_ALONE:
            return None

    def _all_decided(self, requests: Sequence[bytes]) -> list[Decided] | None:
        """What `_decided` finds of each, None if one is not plain; whoever has to be read is read together.

        Raises:
            _LEFT_ALONE: One is not plain, or the database cannot be read.
        """
        questions = self._questions(requests)
        if questions is None:
            return None
        people: list[Person | None] = []
        unread: dict[Snapshot, list[str]] = {}
        for user, _, snapshot, _ in questions:
            person = snapshot.people.get(UserId(user))
            people.append(person)
            if person is None:
                unread.setdefault(snapshot, []).append(user)
        for snapshot, names in unread.items():
            snapshot.read_ahead(names)
        return [
            (
                user,
                prepared,
                label,
                decide(snapshot, prepared.compiled, user)
                if person is None
                else decide_about(snapshot, prepared.compiled, person),
            )
            for (user, prepared, snapshot, label), person in zip(questions, people, strict=True)
        ]

    def _questions(self, requests: Sequence[bytes]) -> list[_Question] | None:
        """`_question` of each, None if one is not plain.

        Nearly all requests of a batch are about users of one connection whose names are of one length, and begin alike.
        """
        found: list[_Question] = []
        usual: _Question | None = None
        beginning, start, end = b"", 0, 0
        for request in requests:
            if usual is not None and request.startswith(beginning):
                prepared = self._conditions.get(request[end:])
                if prepared is not None:
                    found.append((request[start:end].decode(), prepared, usual[2], usual[3]))
                    continue
            question = self._question(request)
            if question is None:
                return None
            found.append(question)
            usual = question if request[1] <= _LONGEST_NAME else None
            start, end = 2 + len(question[3].users), 2 + request[1]
            beginning = request[:start]
        return found

    def _question(self, data: bytes) -> _Question | None:
        return self._recognized(data) or self._read(data)

    def _given(self, decided: Decided, asker: Asker | None) -> bytes:
        _, _, label, decision = decided
        return self._writer.written(decision, label, self._noted(decided, asker))

    def _recognized(self, data: bytes) -> _Question | None:
        """A request whose beginning and end were read before.

        Raises:
            UnicodeDecodeError: The user's name is no text.
        """
        if len(data) < _SHORTEST or data[0] != _USER or data[1] > _LONGEST_NAME:
            return None
        end = 2 + data[1]
        prepared = self._conditions.get(data[end:])
        start, _, name = data[2:end].rpartition(b"/")
        label = self._labels.get(start)
        if prepared is None or label is None or not name:
            return None
        snapshot = self._served.snapshot_of(label)
        return None if snapshot is None else (name.decode(), prepared, snapshot, label)

    def _read(self, data: bytes) -> _Question | None:
        """Any plain request; what it begins and ends with is recognized from then on.

        Raises:
            UnicodeDecodeError: The user's name is no text.
            DecodeError: The condition's bytes are none.
            InvalidField: The condition breaks a rule.
        """
        found = parts(data, _EVALUATION)
        if found is None:
            return None
        parent, _, user = found[0].decode().partition(USERS)
        if not (parent.startswith(CONNECTIONS) and 0 < len(user) <= LONGEST_ID):
            return None
        # Nothing is at hand under an id that is not well formed.
        served = self._served.peek(ConnectionId(parent[len(CONNECTIONS) :]))
        if served is None:
            return None
        prepared = self._decider.prepared(pb.Condition.FromString(found[1]))
        snapshot, label = served
        if data[1] <= _LONGEST_NAME and len(data) <= _LONGEST_KEPT:
            self._labels.put(label.users[:-1], label)
            self._conditions.put(data[2 + data[1] :], prepared)
        return user, prepared, snapshot, label


def _decided(question: _Question) -> Decided:
    user, prepared, snapshot, label = question
    return user, prepared, label, decide(snapshot, prepared.compiled, user)


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
