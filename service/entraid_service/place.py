"""Where one process stands among the workers of a service. A service of one process is worker 0 of 1."""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from entraid_service.gathering import Team

_LOOK: Final = timedelta(seconds=1)
_LOOK_AMONG_SIBLINGS: Final = timedelta(milliseconds=500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One worker.

    Attributes:
        number: From 0. Worker 0 also holds the schedule and the HTTP port; runs are driven by whoever was asked.
        count: How many workers there are.
        http: The socket of the HTTP port, which the parent took; None if this process takes it itself, if at all.
        http_port: Its number, 0 if it is not taken yet.
        are_all_serving: Whether every worker has begun to take calls.
        team: The other workers; None if there are none.
    """

    number: int = 0
    count: int = 1
    http: socket.socket | None = None
    http_port: int = 0
    are_all_serving: Callable[[], bool] = lambda: True
    team: Team | None = None

    @property
    def is_first(self) -> bool:
        """Whether this worker does what only one may do."""
        return self.number == 0

    @property
    def shares_port(self) -> bool:
        """Whether others listen on the same gRPC port."""
        return self.count > 1

    @property
    def look_interval(self) -> timedelta:
        """How often to look for commits of other processes: half of the second within which they have to be seen."""
        return _LOOK_AMONG_SIBLINGS if self.count > 1 else _LOOK


ALONE: Final = Place()
"""The whole service in one process."""


def keep_to_a_processor(number: int) -> int:
    """Keeps the calling thread, and those that it starts from now on, to one processor: worker `number`'s.

    A call wakes up one thread after the other. On one processor none of them waits for another processor to wake up,
    and what they share is in its caches.

    Returns:
        Which one.

    Raises:
        OSError: The system forbids it.
    """
    allowed = sorted(os.sched_getaffinity(0))
    processor = allowed[number % len(allowed)]  # some may have been taken away since the start
    try:
        os.sched_setaffinity(0, {processor})
    except OSError as error:
        raise OSError(
            f"the system does not let worker {number} choose a processor ({error.strerror}): "
            "unset ENTRAID_WORKER_PROCESSORS"
        ) from error
    return processor
