"""What all ways to ask for decisions share: prepare the condition, decide, count, take note.

Nothing here waits, so that whoever calls holds one snapshot from the first line to the last.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol, TypeAlias

from entraid.v1 import access_service_pb2 as pb
from entraid_service.errors import InvalidField
from entraid_service.evaluate import Compiled, compile_condition, decide
from entraid_service.model.decision import Decision
from entraid_service.observe.audit_line import Asker, Record
from entraid_service.rpc.conditions import ConditionCache, Prepared
from entraid_service.rpc.facades import Facades
from entraid_service.rpc.freshness import Label, Served
from entraid_service.snapshot.recent import Recent

_MOST_ASKERS: Final = 1024
"""Callers whose name in the audit log is kept."""

Decided: TypeAlias = tuple[str, Prepared[Compiled], Label, Decision]
"""A decision: whom it is about, as the caller named him, what had to hold, and the label of the snapshot."""


class CallContext(Protocol):
    """What a call tells of who makes it."""

    def peer(self) -> str:
        """The address, as gRPC writes it."""

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """What TLS found out; see https://grpc.github.io/grpc/python/grpc.html#grpc.ServicerContext.auth_context."""


class Decider:
    """Decides what requests ask for.

    `knows_callers` says whether callers show certificates: asking each call for one takes longer than a comparison.
    """

    def __init__(self, facades: Facades, *, knows_callers: bool) -> None:
        self._knows_callers = knows_callers
        self.conditions: Final[ConditionCache[Compiled]] = ConditionCache(compile_condition)
        self._new_decision_id = facades.new_decision_id
        self._count_decision = facades.metrics.count_decision
        self._count_decisions = facades.metrics.count_decisions
        self._audit = facades.audit
        self._note = facades.audit.note
        self._now = facades.clock.now
        self._askers: Recent[tuple[str, bytes], Asker] = Recent(_MOST_ASKERS)

    def asker(self, context: CallContext) -> Asker | None:
        """Who makes a call, for the decisions of that call; None where nobody takes note."""
        if not self._audit.is_on:
            return None
        key = context.peer(), self._caller(context) if self._knows_callers else b""
        asker = self._askers.get(key)
        if asker is None:
            asker = Asker(key[0], key[1].decode(errors="replace"))
            self._askers.put(key, asker)
        return asker

    def prepared(self, condition: pb.Condition | None) -> Prepared[Compiled]:
        """The condition of a request's field `condition`, None where the request has none.

        Raises:
            InvalidField: There is none, or it breaks a rule.
        """
        if condition is None:
            raise InvalidField("condition", "there is nothing to decide: give the condition that the user must satisfy")
        return self.conditions.prepared(condition)

    def decided(
        self, user: str, prepared: Prepared[Compiled], served: Served, asker: Asker | None, *, explain: bool = False
    ) -> tuple[Decision, str]:
        """Decides for one user, whose name `user` is the last part of the request's; `asker` comes from `asker`.

        Returns:
            The decision and its id.

        Raises:
            StoreUnavailable: The database cannot be read.
        """
        decision = decide(served.snapshot, prepared.compiled, user, explain=explain)
        return decision, self.noted((user, prepared, served.label, decision), asker)

    def noted(self, decided: Decided, asker: Asker | None) -> str:
        """Counts a decision that is given to a caller and takes note of it.

        Returns:
            The id it is noted under.
        """
        user, prepared, label, decision = decided
        decision_id = self._new_decision_id()
        self._count_decision(decision.is_allowed)
        if asker is not None:
            # By position: by name it would take twice as long.
            self._note(Record(decision_id, self._now(), asker, user, prepared.digest, decision, label.source))
        return decision_id

    def all_noted(self, decided: Sequence[Decided], asker: Asker | None) -> list[str]:
        """The same for those that are given together; their ids."""
        new_id, now = self._new_decision_id, self._now()
        ids = [new_id() for _ in decided]
        self._count_decisions([decision.is_allowed for _, _, _, decision in decided])
        if asker is not None:
            self._audit.note_all(
                [
                    Record(decision_id, now, asker, user, prepared.digest, decision, label.source)
                    for decision_id, (user, prepared, label, decision) in zip(ids, decided, strict=True)
                ]
            )
        return ids

    def _caller(self, context: CallContext) -> bytes:
        return next(iter(context.auth_context().get("x509_common_name", ())), b"")


def condition_of(request: pb.EvaluateAccessRequest) -> pb.Condition | None:
    """The condition that a request brings along, None if it brings none."""
    return request.condition if request.HasField("condition") else None
