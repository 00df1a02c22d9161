"""Names of decisions: UUIDs of version 7, ordered by time to the millisecond (RFC 9562, sections 5.7 and 6.2).

Beyond the time there are 66 random bits and a counter of 8 bits, for each round of which they are drawn anew.
"""

import os
import time
from collections.abc import Iterator

_COUNTED = [f"{number:02x}" for number in range(256)]
_RANDOM_BYTES = 9
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
    """What follows the time: version, variant, random bits and counter."""
    while True:
        digits = os.urandom(_RANDOM_BYTES).hex()
        start = f"7{digits[:3]}-{_VARIANT[digits[3]]}{digits[4:7]}-{digits[7:17]}"
        for count in _COUNTED:
            yield start + count
