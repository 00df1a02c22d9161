"""Who is a direct member of which group: computed lists with edits on top, and the way back from member to groups.

A member keeps its place for life; None stands where one was removed, so that pages are cut by place while members come
and go. A computed list costs no memory but for its edits. Nothing here knows whether an id is alive.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, overload

from entraid_emulator.objects import ObjectId


class BaseMembers(Protocol):
    """The members that a group starts with, never changing."""

    def __len__(self) -> int: ...

    @overload
    def __getitem__(self, index: int) -> ObjectId: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ObjectId]: ...

    def place_of(self, member: ObjectId) -> int | None:
        """Where a member stands."""
        ...


class BaseMemberships(Protocol):
    """The memberships that a directory starts with."""

    def members_of(self, group: ObjectId) -> BaseMembers:
        """The direct members of a group; empty for a group it does not know."""
        ...

    def groups_of(self, member: ObjectId) -> Iterable[ObjectId]:
        """The groups that hold a member directly."""
        ...


class ListedMembers(Sequence[ObjectId]):
    """Members given as a list; they are indexed when somebody is first looked for."""

    __slots__ = ("_members", "_places")

    def __init__(self, members: Iterable[ObjectId] = ()) -> None:
        self._members = tuple(dict.fromkeys(members))
        self._places: dict[ObjectId, int] | None = None

    def __len__(self) -> int:
        return len(self._members)

    @overload
    def __getitem__(self, index: int) -> ObjectId: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ObjectId]: ...
    def __getitem__(self, index: int | slice) -> ObjectId | Sequence[ObjectId]:
        return self._members[index]

    def place_of(self, member: ObjectId) -> int | None:
        """Where a member stands."""
        if self._places is None:
            self._places = {one: place for place, one in enumerate(self._members)}
        return self._places.get(member)


class Roster(Sequence[ObjectId | None]):
    """The members of one group: its base, less who was removed, then who was added."""

    __slots__ = ("_added", "_base", "_places", "_removed")

    def __init__(self, base: BaseMembers) -> None:
        self._base = base
        self._removed: set[int] = set()
        self._added: list[ObjectId | None] = []
        self._places: dict[ObjectId, int] = {}

    def __len__(self) -> int:
        return len(self._base) + len(self._added)

    @overload
    def __getitem__(self, index: int) -> ObjectId | None: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ObjectId | None]: ...
    def __getitem__(self, index: int | slice) -> ObjectId | Sequence[ObjectId | None] | None:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        if index < 0 or index >= len(self):
            raise IndexError(index)
        if index >= len(self._base):
            return self._added[index - len(self._base)]
        return None if index in self._removed else self._base[index]

    def has(self, member: ObjectId) -> bool:
        """Whether it is a member now."""
        return self._place_of(member) is not None

    def add(self, member: ObjectId) -> bool:
        """Append a member; False if it is one already."""
        if self.has(member):
            return False
        self._places[member] = len(self)
        self._added.append(member)
        return True

    def remove(self, member: ObjectId) -> bool:
        """Leave its place empty; False if it is no member."""
        place = self._place_of(member)
        if place is None:
            return False
        if place < len(self._base):
            self._removed.add(place)
        else:
            self._added[place - len(self._base)] = None
            del self._places[member]
        return True

    def unindexed(self) -> Iterator[ObjectId]:
        """The members that no base leads back from."""
        if isinstance(self._base, ListedMembers):
            yield from self._base
        yield from (member for member in self._added if member is not None)

    def _place_of(self, member: ObjectId) -> int | None:
        if member in self._places:
            return self._places[member]
        place = self._base.place_of(member)
        return None if place is None or place in self._removed else place


class Memberships:
    """The rosters of all groups."""

    def __init__(self, base: BaseMemberships | None = None) -> None:
        self._base = base
        self._rosters: dict[ObjectId, Roster] = {}
        self._holders: dict[ObjectId, dict[ObjectId, None]] | None = None

    def of(self, group: ObjectId) -> Sequence[ObjectId | None]:
        """The direct members in a lasting order; None stands where a member was removed."""
        return self._seen(group)

    def has(self, group: ObjectId, member: ObjectId) -> bool:
        """Whether an object is a direct member of a group."""
        return self._seen(group).has(member)

    def add(self, group: ObjectId, member: ObjectId) -> bool:
        """Add a member; False if it is one already."""
        added = self._edited(group).add(member)
        if added and self._holders is not None:
            self._holders.setdefault(member, {})[group] = None
        return added

    def remove(self, group: ObjectId, member: ObjectId) -> bool:
        """Remove a member; False if it is none."""
        return self.has(group, member) and self._edited(group).remove(member)

    def load(self, group: ObjectId, members: Iterable[ObjectId]) -> None:
        """Give a group its members all at once, in place of what it had."""
        self._rosters[group] = Roster(ListedMembers(members))
        self._holders = None

    def groups_of(self, member: ObjectId) -> list[ObjectId]:
        """The groups that hold a member directly."""
        if self._holders is None:
            self._holders = self._index()
        found = dict.fromkeys(self._base.groups_of(member) if self._base else ())
        found.update(self._holders.get(member, {}))
        return [group for group in found if self.has(group, member)]

    def _index(self) -> dict[ObjectId, dict[ObjectId, None]]:
        holders: dict[ObjectId, dict[ObjectId, None]] = {}
        for group, roster in self._rosters.items():
            for member in roster.unindexed():
                holders.setdefault(member, {})[group] = None
        return holders

    def _seen(self, group: ObjectId) -> Roster:
        """A group's roster to read; one without edits is made anew each time, for it is nothing but its base."""
        own = self._rosters.get(group)
        if own is not None:
            return own
        return Roster(self._base.members_of(group) if self._base else ListedMembers())

    def _edited(self, group: ObjectId) -> Roster:
        return self._rosters.setdefault(group, self._seen(group))
