"""Which groups Groups to Sync hold: those that were named, and all that are nested in them. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from entraid_service.model.ids import GroupId


@dataclass(slots=True)
class Nesting:
    """The edges from groups to the groups that are their direct members."""

    children: defaultdict[GroupId, set[GroupId]] = field(default_factory=lambda: defaultdict(set))

    def add(self, edges: Iterable[tuple[GroupId, GroupId]]) -> None:
        """Adds edges (group, member)."""
        for group_id, child in edges:
            self.children[group_id].add(child)

    def remove(self, group_id: GroupId, child: str) -> None:
        """Removes an edge, if it is there."""
        self.children[group_id].discard(GroupId(child))

    def drop(self, group_id: GroupId) -> None:
        """Removes a group with all its edges."""
        self.children.pop(group_id, None)
        for children in self.children.values():
            children.discard(group_id)

    def reached(self, roots: Iterable[GroupId]) -> set[GroupId]:
        """The roots and everything nested in them, by any depth; cycles are no trouble."""
        seen: set[GroupId] = set()
        pending = list(roots)
        while pending:
            group_id = pending.pop()
            if group_id not in seen:
                seen.add(group_id)
                pending.extend(self.children.get(group_id, ()))
        return seen
