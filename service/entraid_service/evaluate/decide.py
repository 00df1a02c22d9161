"""One decision: who is it, may the account sign in, does the condition hold, and why.

Everything but a condition that is SATISFIED denies. Who is not found, is ambiguous or disabled is denied before any
condition is looked at.
"""

from typing import Final

from entraid_service.evaluate.compile import Compiled
from entraid_service.evaluate.explain import traced, untested
from entraid_service.evaluate.reasons import carried_by, in_the_way_of
from entraid_service.model.decision import Decision, Outcome, Reason, ReasonCode
from entraid_service.model.ids import UserId
from entraid_service.snapshot.person import Person
from entraid_service.snapshot.snapshot import Nobody, Snapshot

_NOBODY = {
    Nobody.UNKNOWN: (
        Reason(ReasonCode.USER_NOT_FOUND, "", "no synced user has this object ID, user principal name or mail address"),
    ),
    Nobody.AMBIGUOUS: (
        Reason(
            ReasonCode.USER_AMBIGUOUS, "", "several users go by this name: give the object ID of the one that is meant"
        ),
    ),
}
_SATISFIED: Final = Outcome.SATISFIED
_DISABLED = (Reason(ReasonCode.USER_DISABLED, "", "the account is disabled in Entra ID, or not known to be enabled"),)


def decide(snapshot: Snapshot, compiled: Compiled, user: str, *, explain: bool = False) -> Decision:
    """Decides for the user whom an object id, user principal name or mail address names.

    Args:
        snapshot: What is known. It has to stay open during the call, which never waits.
        compiled: What has to hold.
        user: As the caller named him.
        explain: Whether to tell how every condition came out.

    Raises:
        StoreUnavailable: The database cannot be read; there is then no decision, which callers have to treat as a
            denial.
    """
    person = snapshot.find(user)
    if isinstance(person, Nobody):
        return _denied(_NOBODY[person], compiled, explain=explain)
    return decide_about(snapshot, compiled, person, explain=explain)


def decide_about(snapshot: Snapshot, compiled: Compiled, person: Person, *, explain: bool = False) -> Decision:
    """Decides for somebody who is at hand, as `decide` does for whom it finds; he has to be of the same revision."""
    if not person.is_enabled:
        return _denied(_DISABLED, compiled, explain=explain, user_id=person.id)
    result = compiled.test(snapshot, person)
    is_allowed = result.outcome is _SATISFIED
    if not result.told:
        result.told = tuple(carried_by(result) if is_allowed else in_the_way_of(result))
    return Decision(
        is_allowed,
        result.told,
        person.id,
        traced(result, node=compiled, snapshot=snapshot, person=person) if explain else None,
    )


def _denied(
    reasons: tuple[Reason, ...], compiled: Compiled, *, explain: bool, user_id: UserId | None = None
) -> Decision:
    return Decision(is_allowed=False, reasons=reasons, user_id=user_id, trace=untested(compiled) if explain else None)
