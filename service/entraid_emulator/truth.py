"""The whole of a directory as plain values, and membership worked out in the most naive way: an oracle for tests."""

from collections.abc import Mapping
from dataclasses import dataclass

from entraid_emulator.objects import GraphObject, ObjectId


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What a directory holds at one moment; what is deleted, softly or for good, is in none of it.

    Attributes:
        users: by id.
        groups: by id.
        others: devices, service principals, contacts, ... by id.
        members: the direct members of every group, of every kind.
        managers: by the id of the user who has one.
    """

    users: Mapping[ObjectId, GraphObject]
    groups: Mapping[ObjectId, GraphObject]
    others: Mapping[ObjectId, GraphObject]
    members: Mapping[ObjectId, frozenset[ObjectId]]
    managers: Mapping[ObjectId, ObjectId]

    def transitive_members(self, group: ObjectId) -> frozenset[ObjectId]:
        """Every object in a group, directly or through nested groups; a group in a cycle is a member of itself."""
        found: set[ObjectId] = set()
        waiting = list(self.members.get(group, ()))
        while waiting:
            member = waiting.pop()
            if member not in found:
                found.add(member)
                waiting.extend(self.members.get(member, ()))
        return frozenset(found)

    def transitive_users(self, group: ObjectId) -> frozenset[ObjectId]:
        """The users among them."""
        return frozenset(member for member in self.transitive_members(group) if member in self.users)

    def transitive_groups(self, member: ObjectId) -> frozenset[ObjectId]:
        """Every group that holds an object, directly or through nested groups."""
        return frozenset(group for group in self.groups if member in self.transitive_members(group))
