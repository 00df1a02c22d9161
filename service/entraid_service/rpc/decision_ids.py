"""Names of decisions: ordered by time to the millisecond, random beyond it (RFC 9562, UUID version 7)."""

import os
import time
from collections.abc import Iterator

_DRAWN = 64
"""Ids for which random bytes are drawn at once: asking the system for each costs more than the rest of it."""
_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
"""By a hexadecimal digit: one with the variant's two bits at its top."""


class DecisionIds:
    """Makes ids, none of them twice. Not for several threads at once."""

    def __init__(self) -> None:
        self._ends = _ends()
        self._milliseconds = 0
        self._start = ""

    def new(self) -> str:
        """A fresh UUID of version 7."""
        now = time.time_ns() // 1_000_000
        if now != self._milliseconds:
            digits = f"{now:012x}"
            self._milliseconds = now
            self._start = f"{digits[:8]}-{digits[8:]}-"
        return self._start + next(self._ends)


def _ends() -> Iterator[str]:
    """What follows the time: version, variant and 74 random bits."""
    while True:
        drawn = os.urandom(10 * _DRAWN).hex()
        yield from [
            f"7{digits[:3]}-{_VARIANT[digits[3]]}{digits[4:7]}-{digits[7:19]}"
            for digits in (drawn[start : start + 20] for start in range(0, len(drawn), 20))
        ]
