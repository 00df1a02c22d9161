"""One tenant's directory in memory: users, groups, other objects, who is a member of what, who manages whom.

Tests and scripts change it while it is served; every change goes through a method here. It knows nothing of HTTP, and
checks only what keeps it consistent (ids exist), not what Entra's administration would allow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from entraid_emulator.objects import GROUP_TYPE, ODATA_TYPE, USER_TYPE, GraphObject, Json, ObjectId, object_id, text
from entraid_emulator.shelf import Base, Shelf


class UnknownObjectError(KeyError):
    """A change names an object that the directory does not hold."""


class DirectoryBase(Protocol):
    """What a directory starts with, computed on demand."""

    @property
    def users(self) -> Base:
        """The users."""
        ...

    @property
    def groups(self) -> Base:
        """The groups."""
        ...

    def members_of(self, group: ObjectId) -> Sequence[ObjectId]:
        """The direct members of a group; empty for a group it does not know."""
        ...

    def manager_of(self, user: ObjectId) -> ObjectId | None:
        """The manager of a user."""
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


class Directory:
    """Users, groups and other objects by id, with memberships and managers by id.

    Attributes:
        users: the users, in order.
        groups: the groups, in order.
        others: devices, service principals, contacts, ...; each carries its `@odata.type`.
        extra_properties: names of properties, by type, that these objects have beyond what Graph documents; a recorded
            tenant knows more than any table.
    """

    def __init__(self, base: DirectoryBase | None = None) -> None:
        self._base = base
        self.users = Shelf(base.users if base else None)
        self.groups = Shelf(base.groups if base else None)
        self.others = Shelf()
        self.extra_properties: dict[str, frozenset[str]] = {}
        self._members: dict[ObjectId, list[ObjectId | None]] = {}
        self._managers: dict[ObjectId, ObjectId | None] = {}
        self._deleted: dict[ObjectId, GraphObject] = {}

    def find(self, wanted: ObjectId) -> Entry | None:
        """The object of any type with that id."""
        if (user := self.users.get(wanted)) is not None:
            return Entry(USER_TYPE, user)
        if (group := self.groups.get(wanted)) is not None:
            return Entry(GROUP_TYPE, group)
        other = self.others.get(wanted)
        return None if other is None else Entry(text(other, ODATA_TYPE), other)

    def user(self, key: str) -> GraphObject | None:
        """The user with that object id or user principal name."""
        by_id = self.users.get(ObjectId(key.lower()))
        return self.users.named(key) if by_id is None else by_id

    def members_of(self, group: ObjectId) -> Sequence[ObjectId | None]:
        """The direct members in a lasting order; None stands where a member was removed."""
        own = self._members.get(group)
        if own is not None:
            return own
        return self._base.members_of(group) if self._base else ()

    def manager_of(self, user: ObjectId) -> ObjectId | None:
        """The id of a user's manager; one that was deleted is none."""
        manager = self._managers[user] if user in self._managers else self._base and self._base.manager_of(user)
        return manager if manager and self.find(manager) else None

    def add_user(self, user: GraphObject) -> ObjectId:
        """Add a user, or replace the one with its id."""
        self.users.put(user)
        return object_id(user)

    def update_user(self, user: ObjectId, changes: Mapping[str, Json]) -> None:
        """Set properties of a user; None clears one."""
        self.users.put({**self._existing(self.users, user), **changes})

    def delete_user(self, user: ObjectId) -> None:
        """Soft-delete a user: gone from every list, and with all memberships back if restored.

        https://learn.microsoft.com/graph/delta-query-groups: a deleted user keeps the memberships for 30 days.
        """
        self._existing(self.users, user)
        removed = self.users.remove(user)
        if removed is not None:
            self._deleted[user] = removed

    def restore_user(self, user: ObjectId) -> None:
        """Undo `delete_user`."""
        if user not in self._deleted:
            raise UnknownObjectError(f"no deleted user `{user}`")
        self.users.put(self._deleted.pop(user))

    def add_group(self, group: GraphObject) -> ObjectId:
        """Add a group, or replace the one with its id."""
        self.groups.put(group)
        return object_id(group)

    def update_group(self, group: ObjectId, changes: Mapping[str, Json]) -> None:
        """Set properties of a group; None clears one."""
        self.groups.put({**self._existing(self.groups, group), **changes})

    def delete_group(self, group: ObjectId) -> None:
        """Delete a group for good, with its memberships, as Entra does with a security group."""
        self._existing(self.groups, group)
        self.groups.remove(group)
        self._members[group] = []

    def add_other(self, thing: GraphObject) -> ObjectId:
        """Add a device, service principal, contact, ...; it carries its `@odata.type`."""
        if not text(thing, ODATA_TYPE):
            raise ValueError(f"object `{object_id(thing)}` needs an `@odata.type`")
        self.others.put(thing)
        return object_id(thing)

    def add_member(self, group: ObjectId, member: ObjectId) -> None:
        """Make an object a direct member of a group; a member already is left as it is."""
        self._existing(self.groups, group)
        if self.find(member) is None:
            raise UnknownObjectError(f"no object `{member}` to make a member")
        members = self._own_members(group)
        if member not in members:
            members.append(member)

    def set_members(self, group: ObjectId, members: Sequence[ObjectId]) -> None:
        """Set the direct members of a group at once, for loading; repeated ids count once."""
        self._existing(self.groups, group)
        self._members[group] = list(dict.fromkeys(members))

    def remove_member(self, group: ObjectId, member: ObjectId) -> None:
        """End a direct membership."""
        members = self._own_members(group)
        if member not in members:
            raise UnknownObjectError(f"`{member}` is no member of `{group}`")
        members[members.index(member)] = None

    def set_manager(self, user: ObjectId, manager: ObjectId | None) -> None:
        """Give a user a manager, or none."""
        self._existing(self.users, user)
        if manager is not None and self.find(manager) is None:
            raise UnknownObjectError(f"no object `{manager}` to be a manager")
        self._managers[user] = manager

    def _own_members(self, group: ObjectId) -> list[ObjectId | None]:
        self._existing(self.groups, group)
        if group not in self._members:
            self._members[group] = list(self.members_of(group))
        return self._members[group]

    @staticmethod
    def _existing(shelf: Shelf, wanted: ObjectId) -> GraphObject:
        found = shelf.get(wanted)
        if found is None:
            raise UnknownObjectError(f"no object `{wanted}`")
        return found
