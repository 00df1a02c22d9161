"""Conditions joined: all of, any of, none of, in Kleene's three-valued logic.

`AllOf` and `NoneOf` look at every condition, because a denial names all that stood in the way; `AnyOf` stops at the
first that holds, because that one carries the answer.

For most people a condition comes out in one of a few ways. So what came out is kept under the results that it joins,
and with it what an answer says that rests on it. All joints of one condition share the room for that; what another one
made of the same results is never taken.
"""

from typing import Final

from entraid_service.evaluate.result import Combined, Kept, Node, Result
from entraid_service.model.candidates import Candidates
from entraid_service.model.conditions import Combinator
from entraid_service.model.decision import Outcome
from entraid_service.snapshot.catalog import GroupCatalog
from entraid_service.snapshot.person import Person
from entraid_service.snapshot.snapshot import Snapshot

_SATISFIED: Final = Outcome.SATISFIED
"""Looked up once: asking an enum for a member costs as much as a leaf's test."""
_MOST_KEPT: Final = 32
"""Ways in which one condition came out."""
_WIDEST_KEPT: Final = 8
"""Conditions that a joint has if what comes of it is kept: of many, hardly two people have the same results."""


class AllOf:
    """The least of its conditions' outcomes."""

    combinator = Combinator.ALL_OF

    def __init__(self, field: str, children: tuple[Node, ...], kept: Kept) -> None:
        self.field = field
        self.children = children
        self._kept = kept

    def test(self, snapshot: Snapshot, person: Person) -> Combined:
        """See `Node`."""
        results = tuple([child.test(snapshot, person) for child in self.children])
        known = self._kept.get(results)
        if known is not None and known.node is self:
            return known
        return _keep(self._kept, Combined(self, min([result.outcome for result in results]), results))

    def candidates(self, groups: GroupCatalog) -> Candidates | None:
        """See `Node`: those of any one condition, so the ones that are the least work."""
        bounds = [found for child in self.children if (found := child.candidates(groups)) is not None]
        return min(bounds, key=lambda found: found.weight, default=None)


class AnyOf:
    """The greatest of its conditions' outcomes."""

    combinator = Combinator.ANY_OF

    def __init__(self, field: str, children: tuple[Node, ...], kept: Kept) -> None:
        self.field = field
        self.children = children
        self._kept = kept

    def test(self, snapshot: Snapshot, person: Person) -> Combined:
        """See `Node`."""
        looked_at: list[Result] = []
        for child in self.children:
            result = child.test(snapshot, person)
            looked_at.append(result)
            if result.outcome is _SATISFIED:
                break
        results = tuple(looked_at)
        known = self._kept.get(results)
        if known is not None and known.node is self:
            return known
        return _keep(self._kept, Combined(self, max([result.outcome for result in results]), results))

    def candidates(self, groups: GroupCatalog) -> Candidates | None:
        """See `Node`: those of all conditions together."""
        union = Candidates()
        for child in self.children:
            found = child.candidates(groups)
            if found is None:
                return None
            union |= found
        return union


class NoneOf:
    """The opposite of the greatest of its conditions' outcomes."""

    combinator = Combinator.NONE_OF

    def __init__(self, field: str, children: tuple[Node, ...], kept: Kept) -> None:
        self.field = field
        self.children = children
        self._kept = kept

    def test(self, snapshot: Snapshot, person: Person) -> Combined:
        """See `Node`."""
        results = tuple([child.test(snapshot, person) for child in self.children])
        known = self._kept.get(results)
        if known is not None and known.node is self:
            return known
        return _keep(self._kept, Combined(self, max([result.outcome for result in results]).negated(), results))

    def candidates(self, groups: GroupCatalog) -> Candidates | None:
        """See `Node`: who is not ruled out may be anybody."""
        del groups
        return None


def _keep(kept: Kept, combined: Combined) -> Combined:
    if len(combined.results) <= _WIDEST_KEPT:
        if len(kept) >= _MOST_KEPT:
            kept.clear()
        kept[combined.results] = combined
    return combined
