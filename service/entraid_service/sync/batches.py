"""Rows in handy portions, so that no write takes long."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

BATCH_ROWS = 2_000
"""Rows per write: large enough that a write costs little, small enough that it is over soon."""


def in_batches(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    """The rows, at most `BATCH_ROWS` at a time."""
    for start in range(0, len(rows), BATCH_ROWS):
        yield rows[start : start + BATCH_ROWS]
