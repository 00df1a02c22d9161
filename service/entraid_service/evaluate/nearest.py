"""Which known name somebody may have meant."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from entraid_service.model.ids import fold

_MOST: Final = 3
_LEAST_ALIKE: Final = 0.6
_LONGEST: Final = 256
"""Characters of a name that is compared: the work grows with their square."""
_FEW: Final = 3_000
"""Of so many names all are compared; of more, those that begin with the same letter."""
_MOST_COMPARED: Final = 30_000
"""Comparisons that one set of names is good for, one or two seconds; afterwards nothing is near."""


class Names:
    """Known names. They are folded when the first of them is looked for."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = known
        self._folded: dict[str, str] | None = None
        self._left = _MOST_COMPARED

    def nearest(self, name: str) -> tuple[str, ...]:
        """The names most like this one, likeliest first; letter case does not count."""
        if self._folded is None:
            self._folded = {fold(each): each for each in self._known if each}
        folded = fold(name)
        pool = [each for each in self._folded if len(self._folded) <= _FEW or each[0] == folded[:1]]
        if len(name) > _LONGEST or len(pool) > self._left:
            return ()
        self._left -= len(pool)
        found = get_close_matches(folded, pool, n=_MOST, cutoff=_LEAST_ALIKE)
        return tuple(self._folded[each] for each in found)
