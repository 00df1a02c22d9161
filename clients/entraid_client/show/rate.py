"""How fast a run reads: objects a second, by its counters as they move."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Final

from entraid_client.show.words import duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from entraid.v1.sync_service_pb2 import SyncRun

_WINDOW_SECONDS: Final = 10.0
_FEWEST: Final = 2
_SLOW: Final = 10.0


class Rate:
    """Objects a second over the last ten seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._marks: deque[tuple[float, int]] = deque()

    def of(self, run: SyncRun) -> str:
        """For example `1,204 objects/s`; empty before anything can be told. To be called with each state of a run."""
        now, read = self._clock(), objects(run)
        self._marks.append((now, read))
        while len(self._marks) > _FEWEST and self._marks[1][0] <= now - _WINDOW_SECONDS:
            self._marks.popleft()
        begun, had = self._marks[0]
        if now <= begun or not read:
            return ""
        return per_second((read - had) / (now - begun))


def objects(run: SyncRun) -> int:
    """Users, groups and memberships read so far."""
    return run.progress.users + run.progress.groups + run.progress.memberships


def took(run: SyncRun) -> str:
    """How long a run took and how fast it was, for example `3 min, 17,204 objects/s`; empty if it never began."""
    if not (run.HasField("start_time") and run.HasField("end_time")):
        return ""
    text, seconds = duration(run.start_time, run.end_time), _seconds(run)
    return f"{text}, {per_second(objects(run) / seconds)}" if seconds > 0 and objects(run) else text


def _seconds(run: SyncRun) -> float:
    return (run.end_time.ToDatetime() - run.start_time.ToDatetime()).total_seconds()


def per_second(rate: float) -> str:
    """For example `1,204 objects/s`, or `0.4 objects/s`."""
    return f"{rate:,.1f} objects/s" if 0 < rate < _SLOW else f"{rate:,.0f} objects/s"
