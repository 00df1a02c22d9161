"""Names of decisions: ordered by time to the millisecond, random beyond it (RFC 9562, UUID version 7)."""

import os
import time
from collections.abc import Iterator

_DRAWN = 256
"""Ids for which random bytes are drawn at once: asking the system for each costs more than the rest of it."""
_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
"""By a hexadecimal digit: one with the variant's two bits at its top."""


class DecisionIds:
    """Makes ids, none of them twice. Not for several threads at once."""

    def __init__(self) -> None:
        self._random = _digits()

    def new(self) -> str:
        """A fresh UUID of version 7."""
        stamp = f"{time.time_ns() // 1_000_000:012x}"
        random = next(self._random)
        return f"{stamp[:8]}-{stamp[8:]}-7{random[:3]}-{_VARIANT[random[3]]}{random[4:7]}-{random[7:]}"


def _digits() -> Iterator[str]:
    """19 random hexadecimal digits each time."""
    while True:
        drawn = os.urandom(10 * _DRAWN).hex()
        yield from [drawn[start : start + 19] for start in range(0, len(drawn), 20)]
