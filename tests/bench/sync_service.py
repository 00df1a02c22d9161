"""The service as the sync benchmark runs it: the whole of it, with a watch on its event loop.

`python sync_service.py` serves by its environment, prints its address as JSON, and for every line that it reads prints
how long its loop was held since the line before.
"""

import asyncio
import json
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from entraid_service.app import running
from entraid_service.config import load

_TICK = 0.002


@dataclass(slots=True)
class LoopWatch:
    """Wakes every two milliseconds; what it comes late by is what everybody else had to wait.

    `held` is that without the time for which a thread of the service could have run and no processor was free, as
    Linux counts it: then other processes had them, and whoever had the interpreter's lock kept it meanwhile. What other
    threads cost by that lock while they run stays in it. `own` is the processor time of this thread alone.
    """

    ticks: int = 0
    late: float = 0.0
    held: float = 0.0
    own: float = 0.0
    over: int = 0

    async def run(self) -> None:
        """Watches for ever."""
        while True:
            before, used, queued = time.perf_counter(), time.thread_time(), _seconds_queued()
            await asyncio.sleep(_TICK)
            late, own = time.perf_counter() - before - _TICK, time.thread_time() - used
            held = max(late - (_seconds_queued() - queued), 0.0)
            self.ticks += 1
            self.late = max(self.late, late)
            self.held = max(self.held, held)
            self.own = max(self.own, own)
            self.over += held > 0.05

    def told(self) -> dict[str, float]:
        """What it saw since it was last asked."""
        seen = {
            "ticks": self.ticks,
            "late_ms": self.late * 1000,
            "held_ms": self.held * 1000,
            "own_ms": self.own * 1000,
            "held_over_50ms": self.over,
        }
        self.ticks, self.late, self.held, self.own, self.over = 0, 0.0, 0.0, 0.0, 0
        return seen


def _seconds_queued() -> float:
    """How long the threads of this process have been ready to run and waited for a processor, in all.

    https://docs.kernel.org/scheduler/sched-stats.html
    """
    seconds = 0.0
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # a thread that ended meanwhile
            seconds += int((task / "schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    return seconds


async def serve() -> None:
    """Serves until its input ends."""
    loop = asyncio.get_running_loop()
    async with running(load()) as endpoints:
        watch = LoopWatch()
        task = loop.create_task(watch.run())
        print(json.dumps({"grpc": endpoints.grpc_address}), flush=True)  # noqa: T201 - the answer
        while await loop.run_in_executor(None, sys.stdin.readline):
            print(json.dumps(watch.told()), flush=True)  # noqa: T201 - the answer
        task.cancel()


if __name__ == "__main__":
    asyncio.run(serve())
