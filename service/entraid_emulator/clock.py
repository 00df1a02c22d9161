"""The emulator's time. Tests move it forward to age tokens; it never goes back."""

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Wall-clock time plus what tests have advanced it by."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """The present moment, in UTC."""
        return datetime.fromtimestamp(time.time(), UTC) + self._ahead

    def advance(self, by: timedelta) -> None:
        """Let time pass at once, for everything the emulator dates."""
        if by < timedelta():
            raise ValueError(f"time cannot go back by `{by}`")
        self._ahead += by
