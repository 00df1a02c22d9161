"""Conditions on the names of the user's groups: does one contain this, start with that, is there any at all?

The names of all groups that the user is in are looked at. If none matches there may still be one that nobody knows of:
a group outside of what is synced, or one that matches and whose members cannot be read.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from entraid_service.evaluate.match import matcher
from entraid_service.evaluate.result import Finding, Node
from entraid_service.evaluate.wording import failed
from entraid_service.model.candidates import Candidates
from entraid_service.model.conditions import GroupCondition, Operator
from entraid_service.model.decision import Outcome, Reason, ReasonCode
from entraid_service.model.ids import GroupId, fold
from entraid_service.snapshot.catalog import GroupCatalog
from entraid_service.snapshot.person import Person
from entraid_service.snapshot.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class _IfNone:
    """How the condition comes out at one revision for those of whom no known group matches."""

    finding: Finding

    @property
    def weight(self) -> int:
        return 1


class GroupPatternLeaf:
    """`CONTAINS`, `DOES_NOT_CONTAIN`, `STARTS_WITH` on display names, and `IS_SET`: any group at all."""

    children: tuple[Node, ...] = ()

    def __init__(self, condition: GroupCondition) -> None:
        self.field = condition.field
        self._operator = condition.operator
        self._is_negative = condition.operator.is_negative
        self._direct_only = condition.direct_only
        self._matches = matcher(condition.operator, [fold(value) for value in condition.values])
        self._miss = Finding(
            Outcome.SATISFIED if self._is_negative else Outcome.NOT_SATISFIED,
            Reason(ReasonCode.NOT_GROUP_MEMBER, self.field, _no_group_matches(condition.operator)),
        )
        self._unsynced = self._unknown(
            "no synced group of the user matches, and only some groups are synced: nobody can tell about the others"
        )
        self._in_unsynced = self._unknown(
            "the user is in a group that is not synced: nobody can tell whether its name matches"
        )

    def test(self, snapshot: Snapshot, person: Person) -> Finding:
        """See `Node`."""
        catalog = snapshot.groups
        groups = self._groups_of(person, catalog)
        names = catalog.folded
        if self._matches([names[group] for group in groups]):
            return self._hit(next(group for group in groups if self._matches((names[group],))), catalog)
        if_none = catalog.bound(self).finding
        if if_none is self._miss and not person.direct_groups() <= names.keys():
            return self._in_unsynced
        return if_none

    def candidates(self, groups: GroupCatalog) -> Candidates | None:
        """See `Node`."""
        if self._is_negative:
            return None
        matching = (group for group, name in groups.folded.items() if self._matches((name,)))
        if self._direct_only:
            return Candidates(frozenset(matching))
        return Candidates(frozenset[GroupId]().union(*map(groups.closure.contains, matching)))

    def bind(self, catalog: GroupCatalog) -> _IfNone:
        """Looks whether somebody of whom no known group matches may be in a matching one all the same."""
        if not catalog.is_whole_directory:
            return _IfNone(self._unsynced)
        unreadable = catalog.closure.opaque if self._direct_only else catalog.closure.leaky
        for group in sorted(unreadable):
            if self._matches((catalog.folded[group],)):
                return _IfNone(
                    self._unknown(
                        f"the membership of the group `{catalog.label(group)}`, which matches, or of a group in it, "
                        "cannot be read: nobody can tell whether the user is in it"
                    )
                )
        return _IfNone(self._miss)

    def _groups_of(self, person: Person, catalog: GroupCatalog) -> Sequence[GroupId]:
        if self._direct_only:
            return catalog.closure.known(person.direct_groups())
        return person.groups(catalog.closure)

    def _hit(self, group: GroupId, catalog: GroupCatalog) -> Finding:
        outcome = Outcome.NOT_SATISFIED if self._is_negative else Outcome.SATISFIED
        message = f"the user is in the group `{catalog.label(group)}`{_HOW_IT_MATCHES[self._operator]}"
        return Finding(outcome, Reason(ReasonCode.GROUP_MEMBER, self.field, message), group)

    def _unknown(self, message: str) -> Finding:
        return Finding(Outcome.UNKNOWN, Reason(ReasonCode.GROUP_NOT_SYNCED, self.field, message))


_HOW_IT_MATCHES = {
    Operator.CONTAINS: ", whose name contains one of the values asked for",
    Operator.DOES_NOT_CONTAIN: ", whose name contains one of the values ruled out",
    Operator.STARTS_WITH: ", whose name starts with one of the values asked for",
    Operator.IS_SET: "",
}


def _no_group_matches(operator: Operator) -> str:
    if operator is Operator.IS_SET:
        return "the user is in no group"
    if operator is Operator.DOES_NOT_CONTAIN:
        return "no name of the user's groups contains one of the values ruled out"
    return failed("each name of the user's groups", operator)
