"""A delta round, folded: for each thing what came last. Pure.

Microsoft Graph may tell a change twice, a group in pieces, and objects in any order; the order of one object's own
changes is kept (https://learn.microsoft.com/graph/delta-query-overview). So a later change goes over an earlier one
of the same object, and an edge is what its last change says.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from entraid_service.model.changes import (
    KEPT,
    GroupChange,
    GroupFeedItem,
    MemberChange,
    Removal,
    UserChange,
    UserFeedItem,
)
from entraid_service.model.directory import AttributeValue, Group, User
from entraid_service.model.ids import GroupId, UserId


@dataclass(slots=True)
class UserFold:
    """Users: `changed` are patches over what is served, `removed` are gone; one in both was deleted and came back."""

    changed: dict[UserId, UserChange] = field(default_factory=dict)
    removed: set[UserId] = field(default_factory=set)

    def take(self, items: Iterable[UserFeedItem]) -> None:
        """Adds what came next."""
        for item in items:
            if isinstance(item, Removal):
                self.removed.add(UserId(item.id))
                self.changed.pop(UserId(item.id), None)
            elif (former := self.changed.get(item.id)) is not None:
                self.changed[item.id] = joined(former, item)
            else:
                self.changed[item.id] = item


@dataclass(slots=True)
class GroupFold:
    """Groups: `changed` holds the newest properties (None if only members were told), `removed` those that are gone."""

    changed: dict[GroupId, Group | None] = field(default_factory=dict)
    removed: set[GroupId] = field(default_factory=set)
    members: dict[GroupId, dict[str, MemberChange]] = field(default_factory=dict)
    edges: int = 0

    def take(self, items: Iterable[GroupFeedItem]) -> None:
        """Adds what came next."""
        for item in items:
            if isinstance(item, Removal):
                self.removed.add(GroupId(item.id))
                self.changed.pop(GroupId(item.id), None)
                self.edges -= len(self.members.pop(GroupId(item.id), ()))
            else:
                self._take_change(item)

    def _take_change(self, item: GroupChange) -> None:
        self.changed[item.id] = item.group or self.changed.get(item.id)
        members = self.members.setdefault(item.id, {})
        self.edges -= len(members)
        members.update((member.id, member) for member in item.members)
        self.edges += len(members)

    def forget_members(self, group_id: GroupId) -> None:
        """Drops what was told of a group's members: they were read in another way, or cannot be known."""
        self.edges -= len(self.members.pop(group_id, ()))


def joined(former: UserChange, later: UserChange) -> UserChange:
    """Two changes of one user as one."""
    return UserChange(
        id=former.id,
        attributes=_patched(former.attributes, later),
        cleared=former.cleared | later.cleared,
        manager_id=former.manager_id if later.manager_id is KEPT else later.manager_id,
    )


def patched(user: User | None, change: UserChange) -> User:
    """The user after a change; None for one who is not known yet."""
    former = user or User(change.id)
    return User(
        id=change.id,
        attributes=_patched(former.attributes, change),
        manager_id=former.manager_id if change.manager_id is KEPT else change.manager_id,
    )


def _patched(attributes: Mapping[str, AttributeValue], change: UserChange) -> dict[str, AttributeValue]:
    if not change.cleared:
        return {**attributes, **change.attributes}
    kept = {
        name: value
        for name, value in attributes.items()
        if name not in change.cleared and name.partition(".")[0] not in change.cleared
    }
    return {**kept, **change.attributes}
