"""Too many calls: when callers are turned away, and how many of them.

gRPC keeps the calls that this process has not begun in a queue of its own. Left alone it cancels some of them by chance
once there are a thousand, with a status that tells the caller nothing; `server` lifts that bound, and this sets one.

1. Up to `most` calls may be under way: a burst is served, however sudden it is.
2. With more there is an overload: as many as are too many get RESOURCE_EXHAUSTED and a time to come back at. While it
   lasts a tenth of `most` is the bound, so that those who are served do not wait behind a long queue.
3. Of two calls one is served all the same: callers who come back at once must not keep the server at refusing alone.
4. An overload is over once that bound was kept for a second.

Streams and questions for health are never turned away.

Looking at the queue takes some 20 microseconds for each connection, during which nobody is answered. So it is looked at
only while there can be a queue, which is when the event loop had much to do or was late, and for a small part of the
time.
"""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Final

import structlog
from grpc._cython import cygrpc  # type: ignore[attr-defined] # the stubs leave it out

LOOK_SECONDS: Final = 0.05
"""Between two looks at the queue; at some thousand calls a second it changes by a few hundred meanwhile."""
CALM_SECONDS: Final = 1.0
_BUSY_SHARE: Final = 0.2
"""What part of the time the loop's thread has to work for there to be a queue: one that rests has begun all calls. Low,
as others may want the processors too.
"""
_LATE_SECONDS: Final = 0.005
"""The same for a loop that gets no processor: by how much it wakes up late."""
_LOOKING_SHARE: Final = 0.05
"""What part of the time looking may take."""
_OVERLOAD_SHARE: Final = 10
"""What part of the bound holds while there is an overload."""

_log = structlog.get_logger(__name__)


def calls_under_way() -> int:
    """The calls of this process's servers that were begun by a caller and have not ended, in gRPC's queue or out of it.

    Read from the counters of channelz (https://grpc.io/docs/guides/debugging/), as the package grpcio-channelz does: no
    other place in gRPC's API tells of calls that no handler has begun.
    """
    servers = json.loads(cygrpc.channelz_get_servers(0)).get("server", ())
    return sum(_under_way(server.get("data", {})) for server in servers)


def _under_way(data: dict[str, str]) -> int:
    started, succeeded, failed = (int(data.get(name, 0)) for name in ("callsStarted", "callsSucceeded", "callsFailed"))
    return started - succeeded - failed


def can_have_queue(*, paused: float, passed: float, worked: float) -> bool:
    """Whether calls can be waiting that nobody has begun.

    Args:
        paused: For how many seconds the loop was asked to pause.
        passed: After how many it went on.
        worked: How many of them its thread used a processor.
    """
    return worked > _BUSY_SHARE * passed or passed > paused + _LATE_SECONDS


class Admission:
    """Decides who is turned away. Belongs to one event loop."""

    def __init__(self, most: int, *, under_way: Callable[[], int] = calls_under_way) -> None:
        """Turns nobody away yet; `calls` counts those who asked.

        Args:
            most: Calls that may be under way.
            under_way: Tells how many are, streams included.
        """
        self._most = most
        self._under_way = under_way
        self.calls = 0
        self._seen = 0
        self._streams = 0
        self._too_many = 0
        self._is_ones_turn = False
        self._refused = 0
        self._calm_since: float | None = None
        self.is_overloaded = False

    def admits(self) -> bool:
        """Whether the call that asks may go on."""
        self.calls += 1
        if not self._too_many:
            return True
        self._is_ones_turn = not self._is_ones_turn
        if self._is_ones_turn:
            return True
        self._too_many -= 1
        self._refused += 1
        return False

    def stream_began(self) -> None:
        """A stream was opened, which stays as long as its caller likes."""
        self._streams += 1

    def stream_ended(self) -> None:
        """A stream was closed."""
        self._streams -= 1

    async def emptied(self, longest: float) -> None:
        """Returns once no call is under way, at the latest after so many seconds."""
        end = time.monotonic() + longest
        while self._waiting() > 0 and time.monotonic() < end:  # noqa: ASYNC110 - gRPC tells nobody
            await asyncio.sleep(LOOK_SECONDS)

    async def watch(self) -> None:
        """Looks at the queue again and again, until it is cancelled."""
        pause = LOOK_SECONDS
        while True:
            began, used = time.monotonic(), time.thread_time()
            await asyncio.sleep(pause)
            now, used = time.monotonic(), time.thread_time() - used
            can_be = self.calls != self._seen and can_have_queue(paused=pause, passed=now - began, worked=used)
            if self.is_overloaded or can_be:
                self._seen = self.calls
                self.look(now)
                pause = max(LOOK_SECONDS, (time.monotonic() - now) / _LOOKING_SHARE)

    def look(self, now: float) -> None:
        """Counts once; `now` is in seconds."""
        waiting = self._waiting()
        if waiting > self._most and not self.is_overloaded:
            self._begin(waiting)
        bound = self._most // _OVERLOAD_SHARE if self.is_overloaded else self._most
        self._too_many = max(0, waiting - bound)
        if not self.is_overloaded or self._too_many:
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since = now
        elif now - self._calm_since >= CALM_SECONDS:
            self._end()

    def _waiting(self) -> int:
        return self._under_way() - self._streams

    def _begin(self, waiting: int) -> None:
        self.is_overloaded = True
        self._refused = 0
        _log.warning("overload_began", calls=waiting, bound=self._most, advice="more workers, or batches")

    def _end(self) -> None:
        self.is_overloaded = False
        self._calm_since = None
        _log.warning("overload_ended", refused=self._refused)
