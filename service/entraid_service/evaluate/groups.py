"""Conditions on whole groups: is the user in one of these, by object id or display name?

What does not depend on the user (which groups are meant, who is nested in them) is worked out once per revision and
kept with the groups; per user it takes one comparison of keys. Who cannot be told to be in or not to be in is UNKNOWN.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from entraid_service.evaluate.result import Finding, Node
from entraid_service.evaluate.wording import quoted
from entraid_service.model.candidates import Candidates
from entraid_service.model.conditions import GroupCondition
from entraid_service.model.decision import Outcome, Reason, ReasonCode
from entraid_service.model.ids import GroupId, fold, is_guid
from entraid_service.model.keys import Key, KeySet, decode_id, encode_id
from entraid_service.snapshot.catalog import GroupCatalog
from entraid_service.snapshot.person import Person
from entraid_service.snapshot.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class _Target:
    """A group that is asked for; whoever is directly in one of `members` is in it."""

    members: KeySet
    hit: Finding


@dataclass(frozen=True, slots=True)
class _Targets:
    """The groups that a condition means at one revision.

    `members` are those of all targets. `unknown` is set if somebody who is in none of them may be in one all the same.
    `missing` are object ids that no group has.
    """

    targets: tuple[_Target, ...]
    members: KeySet
    missing: KeySet
    unknown: Finding | None
    miss: Finding

    @property
    def weight(self) -> int:
        return 1 + len(self.members.keys) + 4 * len(self.targets) + len(self.missing.keys)


class GroupLeaf:
    """`IS` and `IS_NOT`: the user is in one of the groups, or in none of them."""

    children: tuple[Node, ...] = ()

    def __init__(self, condition: GroupCondition) -> None:
        self.field = condition.field
        self._values = condition.values
        self._direct_only = condition.direct_only
        self._is_negative = condition.operator.is_negative

    def test(self, snapshot: Snapshot, person: Person) -> Finding:
        """See `Node`."""
        bound = snapshot.groups.bound(self)
        if not person.is_in_none_of(bound.members):
            for target in bound.targets:
                if not person.is_in_none_of(target.members):
                    return target.hit
        if bound.unknown is not None:
            return bound.unknown
        if bound.missing.keys and not person.is_in_none_of(bound.missing):
            return self._unsynced(min(person.direct_groups().intersection(map(decode_id, bound.missing.keys))))
        return bound.miss

    def candidates(self, groups: GroupCatalog) -> Candidates | None:
        """See `Node`."""
        if self._is_negative:
            return None
        return Candidates(frozenset(GroupId(decode_id(key)) for key in groups.bound(self).members.keys))

    def bind(self, catalog: GroupCatalog) -> _Targets:
        """Looks up what the values mean at this revision."""
        draft = _Draft()
        for value in self._values:
            self._bind_value(value, catalog, draft)
        members = KeySet(frozenset[Key]().union(*(target.members.keys for target in draft.targets)))
        missing = _keys(value for value in draft.missing if is_guid(value))
        unknown = draft.unknown[0] if draft.unknown else None
        return _Targets(tuple(draft.targets), members, missing, unknown, self._miss(draft.missing))

    def _bind_value(self, value: str, catalog: GroupCatalog, draft: "_Draft") -> None:
        folded = fold(value)
        group = _as_id(value, catalog) if is_guid(value) else catalog.named(folded)
        if group is not None:
            draft.targets.append(self._target(group, catalog))
            if group in (catalog.closure.opaque if self._direct_only else catalog.closure.leaky):
                draft.unknown.append(self._unreadable(value))
        elif not is_guid(value) and catalog.is_ambiguous(folded):
            draft.unknown.append(self._ambiguous(value))
        elif not catalog.is_whole_directory or value.lower() in catalog.closure.outside:
            draft.unknown.append(self._unsynced(value))
        else:
            draft.missing.append(value)

    def _target(self, group: GroupId, catalog: GroupCatalog) -> _Target:
        members = (group,) if self._direct_only else catalog.closure.contains(group)
        outcome = Outcome.NOT_SATISFIED if self._is_negative else Outcome.SATISFIED
        suffix = ", which is ruled out" if self._is_negative else ""
        message = f"the user is in the group `{catalog.label(group)}`{suffix}"
        return _Target(_keys(members), Finding(outcome, Reason(ReasonCode.GROUP_MEMBER, self.field, message), group))

    def _miss(self, missing: list[str]) -> Finding:
        outcome = Outcome.SATISFIED if self._is_negative else Outcome.NOT_SATISFIED
        asked = f"not in the group {quoted(self._values)}"
        if len(self._values) > 1:
            asked = f"in none of the groups {quoted(self._values)}"
        directly = " directly" if self._direct_only else ""
        message = f"the user is{directly} {asked}"
        if missing:
            message += f": no such group exists in the tenant: {quoted(missing)}"
        return Finding(outcome, Reason(ReasonCode.NOT_GROUP_MEMBER, self.field, message))

    def _unsynced(self, value: str) -> Finding:
        return self._unknown(
            ReasonCode.GROUP_NOT_SYNCED, f"the group `{value}` is not synced: nobody can tell who is in it"
        )

    def _unreadable(self, value: str) -> Finding:
        return self._unknown(
            ReasonCode.GROUP_NOT_SYNCED,
            f"the membership of the group `{value}`, or of a group in it, cannot be read: "
            "nobody can tell whether the user is in it",
        )

    def _ambiguous(self, value: str) -> Finding:
        return self._unknown(
            ReasonCode.GROUP_NAME_AMBIGUOUS,
            f"several groups are named `{value}`: give the object ID of the one that is meant",
        )

    def _unknown(self, code: ReasonCode, message: str) -> Finding:
        return Finding(Outcome.UNKNOWN, Reason(code, self.field, message))


@dataclass(slots=True)
class _Draft:
    """What the values were found to mean so far."""

    targets: list[_Target] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unknown: list[Finding] = field(default_factory=list)


def _keys(ids: Iterable[str]) -> KeySet:
    return KeySet(frozenset(map(encode_id, ids)))


def _as_id(value: str, catalog: GroupCatalog) -> GroupId | None:
    group = GroupId(value.lower())
    return group if group in catalog else None
