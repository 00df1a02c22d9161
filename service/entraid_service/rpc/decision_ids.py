"""Names of decisions: ordered by time to the millisecond, random beyond it (RFC 9562, UUID version 7)."""

import os
import time

_VERSION = 0x7000_0000_0000_0000_0000
_VARIANT = 0x8000_0000_0000_0000
_RANDOM_HIGH = 0x0FFF_0000_0000_0000_0000
_RANDOM_LOW = 0x3FFF_FFFF_FFFF_FFFF


def new_decision_id() -> str:
    """A fresh UUID of version 7."""
    random = int.from_bytes(os.urandom(10))
    low = (random & (_RANDOM_HIGH | _RANDOM_LOW)) | _VERSION | _VARIANT
    digits = f"{((time.time_ns() // 1_000_000) << 80 | low):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
