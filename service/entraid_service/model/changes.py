"""What changed in a tenant's directory since it was last read, as Microsoft Graph's delta queries tell it.

Changes are patches: what they name is set or cleared, what they leave out stays. They may come twice, in pieces and
in any order among objects; for one object the last one counts.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from entraid_service.model.directory import AttributeValue, Group, MemberKind, Membership, User
from entraid_service.model.ids import GroupId, UserId


class Kept(enum.Enum):
    """Says that a change leaves something as it was."""

    KEPT = enum.auto()


KEPT = Kept.KEPT


@dataclass(frozen=True, slots=True)
class UserChange:
    """A user who is new or changed.

    `attributes` are set, those in `cleared` are emptied; both hold names as in `User.attributes`, and a complex
    attribute's name in `cleared` stands for all its parts. A complex attribute that is told at all is told whole: its
    name is in `cleared`, its parts in `attributes`, and clearing comes first.
    """

    id: UserId
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    cleared: frozenset[str] = frozenset()
    manager_id: UserId | Kept | None = KEPT


@dataclass(frozen=True, slots=True)
class MemberChange:
    """A direct member that was added to a group or removed. Graph may leave out the kind of one that was removed."""

    id: str
    kind: MemberKind | None
    is_removed: bool


@dataclass(frozen=True, slots=True)
class GroupChange:
    """A group that is new or changed, or some changes of its members.

    `group` is None where the change tells members only, or not enough properties to make a group of: one that is not
    known yet then has to be read. Of a large group several changes come, each with other members.
    """

    id: GroupId
    group: Group | None = None
    members: Sequence[MemberChange] = ()


@dataclass(frozen=True, slots=True)
class Removal:
    """An object that was deleted, for good or so that it can be restored. A restored one comes back as a change."""

    id: str


UserFeedItem: TypeAlias = UserChange | Removal
GroupFeedItem: TypeAlias = GroupChange | Removal


@dataclass(frozen=True, slots=True)
class FeedLinks:
    """Where the next incremental read goes on, and what the links are good for.

    `users` is one link; `groups` maps the ids that a link covers, joined by commas, to it (empty for all groups).
    `binding` digests tenant, app, attributes, Graph URL and Groups to Sync: under any other binding the links are
    worthless.
    """

    binding: str
    users: str
    groups: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """An incremental read, folded: at most one change for each thing. Applying it twice is the same as once.

    Removals come first, and removing a user or a group removes its edges too: one that was deleted and came back
    stands in both places, and has the edges that are added here and no others.
    """

    users: Sequence[User] = ()
    removed_users: Sequence[UserId] = ()
    groups: Sequence[Group] = ()
    removed_groups: Sequence[GroupId] = ()
    added: Sequence[Membership] = ()
    removed: Sequence[tuple[GroupId, str]] = ()

    @property
    def size(self) -> int:
        """How many objects and edges it touches."""
        objects = len(self.users) + len(self.removed_users) + len(self.groups) + len(self.removed_groups)
        return objects + len(self.added) + len(self.removed)


@dataclass(frozen=True, slots=True)
class Removals:
    """How many of the served users, groups and memberships something would remove, each beside how many there are."""

    users: tuple[int, int]
    groups: tuple[int, int]
    memberships: tuple[int, int]
