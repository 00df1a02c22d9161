"""Groups in groups: who is in whom, at any depth.

A graph of group ids and nothing else, walked iteratively, so that neither depth nor cycles matter. Only groups that
were synced are walked through. A group is *leaky* if it cannot be told who all is in it: its own members, or those of
a group nested in it at any depth, could not be read, or a group nested in it was not synced at all.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import Final, TypeAlias

from entraid_service.model.ids import GroupId
from entraid_service.snapshot.recent import Recent

_Edges: TypeAlias = dict[GroupId, tuple[GroupId, ...]]

_MOST_REMEMBERED: Final = 500_000
"""Ids kept over all answers of `contains`: a few dozen MB in the worst case, and the groups of most conditions."""


class GroupClosure:
    """The nesting of one revision's groups."""

    def __init__(
        self,
        groups: Collection[GroupId],
        *,
        nesting: Iterable[tuple[GroupId, GroupId]] = (),
        opaque: Collection[GroupId] = frozenset(),
    ) -> None:
        """Takes the synced groups, every (group, group directly in it), and the groups with unreadable members."""
        self._groups = groups
        self.opaque: frozenset[GroupId] = frozenset(opaque)
        # Not sorted as a whole: that holds the interpreter, and with it the event loop, for as long as it takes.
        edges = dict.fromkeys(nesting)
        self._children = _grouped((parent, child) for parent, child in edges if child in groups and parent in groups)
        self._parents = _grouped((child, parent) for parent, child in edges if child in groups and parent in groups)
        self.outside: frozenset[GroupId] = frozenset(id_ for edge in edges for id_ in edge if id_ not in groups)
        torn = {parent for parent, child in edges if parent in groups and child not in groups}
        self.leaky: frozenset[GroupId] = frozenset(_reached(sorted(self.opaque | torn), self._parents))
        self._contained: Recent[GroupId, frozenset[GroupId]] = Recent(_MOST_REMEMBERED, weigh=len)

    def contains(self, group: GroupId) -> frozenset[GroupId]:
        """A synced group and every synced group in it: whoever is directly in one of these is in the group."""
        if group not in self._children:
            return frozenset((group,))
        known = self._contained.get(group)
        if known is None:
            known = frozenset(_reached((group,), self._children))
            self._contained.put(group, known)
        return known

    def above(self, direct: Iterable[GroupId]) -> tuple[GroupId, ...]:
        """Every synced group that somebody is in who is directly in these, nearest first."""
        return tuple(_reached(self.known(direct), self._parents))

    def known(self, groups: Iterable[GroupId]) -> list[GroupId]:
        """Those of these groups that were synced, in the order of their ids."""
        return sorted(group for group in groups if group in self._groups)

    def path(self, direct: Iterable[GroupId], target: GroupId) -> tuple[GroupId, ...]:
        """The shortest way up from a direct group to the target, both included; empty if there is none."""
        came_from = _reached(self.known(direct), self._parents, until=target.__eq__)
        if target not in came_from:
            return ()
        path = [target]
        while (step := came_from[path[-1]]) is not None:
            path.append(step)
        return tuple(reversed(path))


def _grouped(edges: Iterable[tuple[GroupId, GroupId]]) -> _Edges:
    grouped: dict[GroupId, list[GroupId]] = {}
    for start, end in edges:
        grouped.setdefault(start, []).append(end)
    return {start: tuple(sorted(ends)) for start, ends in grouped.items()}


def _reached(
    start: Iterable[GroupId], edges: _Edges, *, until: Callable[[GroupId], bool] | None = None
) -> dict[GroupId, GroupId | None]:
    """What can be reached, breadth first, with where each was reached from (None for the start)."""
    came_from: dict[GroupId, GroupId | None] = dict.fromkeys(start)
    waiting = deque(came_from)
    while waiting:
        group = waiting.popleft()
        if until is not None and until(group):
            break
        for following in edges.get(group, ()):
            if following not in came_from:
                came_from[following] = group
                waiting.append(following)
    return came_from
