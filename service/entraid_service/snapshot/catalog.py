"""The groups of one revision, kept in memory: by id, by display name, and how they nest.

Built once per revision, in a thread, and then only read. Names come back as they are; whether one is ambiguous is told,
what that means is decided elsewhere.
"""

from collections.abc import Iterable
from typing import Final, Protocol, TypeVar, cast

from entraid_service.model.directory import Group
from entraid_service.model.ids import GroupId, fold
from entraid_service.model.scope import ResolutionState, Scope
from entraid_service.snapshot.closure import GroupClosure
from entraid_service.snapshot.recent import Recent

_MOST_BOUND: Final = 500_000
"""The weight of what conditions keep here, in group ids: a few dozen MB at most."""


class Bound(Protocol):
    """What a condition worked out for the groups of one revision; `weight` counts the group ids it holds, from 1."""

    @property
    def weight(self) -> int:
        """How much room it takes."""


B = TypeVar("B", bound=Bound)
B_co = TypeVar("B_co", bound=Bound, covariant=True)


class Binder(Protocol[B_co]):
    """A condition that looks groups up; kept by identity, so it has to be made once and used often."""

    def bind(self, catalog: "GroupCatalog") -> B_co:
        """Works out what does not depend on the user."""


class GroupCatalog:
    """Every synced group. `names` and `folded` hold display names by id, the latter in the form of `fold`."""

    def __init__(
        self, groups: Iterable[Group], *, nesting: Iterable[tuple[GroupId, GroupId]] = (), scope: Scope
    ) -> None:
        self.is_whole_directory: Final = scope.is_whole_directory
        self.names: dict[GroupId, str] = {}
        self.folded: dict[GroupId, str] = {}
        self._by_name: dict[str, GroupId | None] = {}
        opaque: set[GroupId] = set()
        for group in groups:
            self._add(group)
            if group.is_opaque:
                opaque.add(group.id)
        # Several groups of the tenant carry these names, though not all of them may be in the snapshot.
        self._by_name.update(
            (fold(found.entry), None) for found in scope.resolutions if found.state is ResolutionState.AMBIGUOUS
        )
        self.closure = GroupClosure(self.names, nesting=nesting, opaque=opaque)
        self._bound: Recent[object, Bound] = Recent(_MOST_BOUND, weigh=lambda bound: bound.weight)

    def _add(self, group: Group) -> None:
        name = fold(group.display_name)
        self.names[group.id] = group.display_name
        # One string for both where folding changes nothing: half the memory.
        self.folded[group.id] = group.display_name if name == group.display_name else name
        if name:
            self._by_name[name] = None if name in self._by_name else group.id

    def __contains__(self, group: GroupId) -> bool:
        return group in self.names

    def is_ambiguous(self, folded_name: str) -> bool:
        """Whether several groups carry this display name."""
        return folded_name in self._by_name and self._by_name[folded_name] is None

    def named(self, folded_name: str) -> GroupId | None:
        """The one group that carries this display name."""
        return self._by_name.get(folded_name)

    def label(self, group: GroupId) -> str:
        """What to call a group in a message: its display name, or its id if it has none."""
        return self.names.get(group) or group

    def bound(self, binder: "Binder[B]") -> B:
        """What a condition works out once for these groups; kept while it is used, and forgotten with them."""
        kept = self._bound.get(binder)
        if kept is not None:
            return cast("B", kept)  # only the line below fills it, with what this very binder made
        made = binder.bind(self)
        self._bound.put(binder, made)
        return made
