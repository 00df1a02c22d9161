"""What was used lately, within a bound.

Two halves instead of a list in order of use: what is used goes to the young half, a full young half becomes the old
one, and what the old one held is forgotten. A hit in the young half, nearly every one, writes nothing.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """A mapping that forgets what was not used lately.

    `most` bounds the sum of the weights that `put` is given. A single value heavier than half of that is not kept.
    """

    __slots__ = ("_half", "_old", "_weight", "_young")

    def __init__(self, most: int) -> None:
        self._half = most // 2
        self._weight = 0
        self._young: dict[K, tuple[V, int]] = {}
        self._old: dict[K, tuple[V, int]] = {}

    def get(self, key: K) -> V | None:
        """What was put under the key, None if nothing was or it is forgotten."""
        kept = self._young.get(key)
        if kept is not None:
            return kept[0]
        kept = self._old.pop(key, None)
        if kept is None:
            return None
        self._add(key, kept)
        return kept[0]

    def put(self, key: K, value: V, *, weight: int = 1) -> None:
        """Keeps a value for as long as it is used and there is room."""
        if weight > self._half:
            return
        former = self._young.pop(key, None)
        if former is not None:
            self._weight -= former[1]
        self._old.pop(key, None)
        self._add(key, (value, weight))

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def _add(self, key: K, kept: tuple[V, int]) -> None:
        if self._weight + kept[1] > self._half:
            self._old = self._young
            self._young = {}
            self._weight = 0
        self._young[key] = kept
        self._weight += kept[1]
