"""What was used lately, within a bound.

Two halves instead of a list in order of use: what is used goes to the young half, a full young half becomes the old
one, and what the old one held is forgotten. A hit in the young half, nearly every one, writes nothing.
"""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """A mapping that forgets what was not used lately.

    `most` bounds the sum of the weights, which `weigh` tells of a value, always the same. A single value heavier than
    half of that is not kept.
    """

    __slots__ = ("_half", "_old", "_weigh", "_weight", "_young")

    def __init__(self, most: int, *, weigh: Callable[[V], int] = lambda _: 1) -> None:
        self._half = most // 2
        self._weigh = weigh
        self._weight = 0
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """What was put under the key, None if nothing was or it is forgotten."""
        kept = self._young.get(key)
        if kept is not None:
            return kept
        kept = self._old.pop(key, None)
        if kept is not None:
            self._add(key, kept, self._weigh(kept))
        return kept

    def put(self, key: K, value: V) -> None:
        """Keeps a value for as long as it is used and there is room."""
        weight = self._weigh(value)
        if weight > self._half:
            return
        former = self._young.pop(key, None)
        if former is not None:
            self._weight -= self._weigh(former)
        self._old.pop(key, None)
        self._add(key, value, weight)

    def resize(self, most: int) -> None:
        """Changes the bound; what is beyond it is forgotten, and more with it."""
        if most // 2 < self._half:
            self._old = {}
        self._half = most // 2
        if self._weight > self._half:
            self._young = {}
            self._weight = 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def _add(self, key: K, value: V, weight: int) -> None:
        if self._weight + weight > self._half:
            self._old = self._young
            self._young = {}
            self._weight = 0
        self._young[key] = value
        self._weight += weight
