"""What one tenant holds, to be read: users, groups, other objects, memberships, managers, what was deleted.

It knows nothing of HTTP and nothing of changing; `directory` changes it.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from entraid_emulator.changes import ChangeLog
from entraid_emulator.memberships import BaseMemberships, Memberships
from entraid_emulator.objects import GROUP_TYPE, ODATA_TYPE, USER_TYPE, GraphObject, ObjectId, object_id, text
from entraid_emulator.shelf import Base, Shelf
from entraid_emulator.truth import Truth


class DirectoryBase(BaseMemberships, Protocol):
    """What a directory starts with, computed on demand."""

    @property
    def users(self) -> Base:
        """The users."""
        ...

    @property
    def groups(self) -> Base:
        """The groups."""
        ...

    def manager_of(self, user: ObjectId) -> ObjectId | None:
        """The manager of a user."""
        ...

    def reports_of(self, manager: ObjectId) -> Iterable[ObjectId]:
        """The users who have that manager."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """An object and its type.

    Attributes:
        odata_type: such as `#microsoft.graph.user`.
        thing: the object's properties.
    """

    odata_type: str
    thing: GraphObject


class Holdings:
    """Users, groups and other objects by id, with memberships and managers by id.

    Attributes:
        users: the users, in order.
        groups: the groups, in order.
        others: devices, service principals, contacts, ...; each carries its `@odata.type`.
        extra_properties: names of properties, by type, that these objects have beyond what Graph documents; a recorded
            tenant knows more than any table.
        changes: the log that delta rounds are computed from.
        deleted: soft-deleted users and Microsoft 365 groups, which can be restored.
        gone: what was deleted for good, by id, with its type.
    """

    def __init__(self, base: DirectoryBase | None = None) -> None:
        self._base = base
        self._lock = threading.RLock()
        self._memberships = Memberships(base)
        self._managers: dict[ObjectId, ObjectId | None] = {}
        self._cleared: dict[ObjectId, set[str]] = {}
        self.users = Shelf(base.users if base else None)
        self.groups = Shelf(base.groups if base else None)
        self.others = Shelf()
        self.extra_properties: dict[str, frozenset[str]] = {}
        self.changes = ChangeLog()
        self.deleted: dict[ObjectId, Entry] = {}
        self.gone: dict[ObjectId, str] = {}

    def find(self, wanted: ObjectId) -> Entry | None:
        """The object of any type with that id."""
        if (user := self.users.get(wanted)) is not None:
            return Entry(USER_TYPE, user)
        if (group := self.groups.get(wanted)) is not None:
            return Entry(GROUP_TYPE, group)
        other = self.others.get(wanted)
        return None if other is None else Entry(text(other, ODATA_TYPE), other)

    def kind_of(self, wanted: ObjectId) -> str | None:
        """The type of the object with that id, without making the object."""
        if self.users.has(wanted):
            return USER_TYPE
        if self.groups.has(wanted):
            return GROUP_TYPE
        other = self.others.get(wanted)
        return None if other is None else text(other, ODATA_TYPE)

    def user(self, key: str) -> GraphObject | None:
        """The user with that object id or user principal name."""
        by_id = self.users.get(ObjectId(key.lower()))
        return self.users.named(key) if by_id is None else by_id

    def type_of(self, wanted: ObjectId) -> str | None:
        """The type of an object that is or was there."""
        if (kind := self.kind_of(wanted)) is not None:
            return kind
        deleted = self.deleted.get(wanted)
        return self.gone.get(wanted) if deleted is None else deleted.odata_type

    def members_of(self, group: ObjectId) -> Sequence[ObjectId | None]:
        """The direct members in a lasting order; None stands where a member was removed.

        Soft-deleted users keep their place: https://learn.microsoft.com/graph/delta-query-groups.
        """
        return self._memberships.of(group)

    def is_member(self, group: ObjectId, member: ObjectId) -> bool:
        """Whether an object is a direct member of a group, also while it is soft-deleted."""
        return self._memberships.has(group, member)

    def groups_of(self, member: ObjectId) -> list[ObjectId]:
        """The groups that hold an object directly; deleted groups are none."""
        return [group for group in self._memberships.groups_of(member) if self.groups.has(group)]

    def manager_of(self, user: ObjectId) -> ObjectId | None:
        """The id of a user's manager; one that was deleted is none."""
        manager = self._manager(user)
        return manager if manager and self.kind_of(manager) else None

    def cleared(self, thing: ObjectId) -> frozenset[str]:
        """The properties of an object that had a value once and have none now."""
        return frozenset(self._cleared.get(thing, ()))

    def truth(self) -> Truth:
        """All of it as plain values; takes time and memory in proportion to the directory."""
        groups = {object_id(group): group for _, group in self.groups.scan()}
        users = {object_id(user): user for _, user in self.users.scan()}
        return Truth(
            users=users,
            groups=groups,
            others={object_id(other): other for _, other in self.others.scan()},
            members={
                group: frozenset(one for one in self.members_of(group) if one is not None and self.kind_of(one))
                for group in groups
            },
            managers={user: manager for user in users if (manager := self.manager_of(user)) is not None},
        )

    def _manager(self, user: ObjectId) -> ObjectId | None:
        if user in self._managers:
            return self._managers[user]
        return self._base.manager_of(user) if self._base else None
