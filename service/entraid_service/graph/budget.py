"""How many requests of one app in one tenant are under way, and when none may start.

The number falls to half when Graph throttles and grows by one for each round of successes (additive increase,
multiplicative decrease). While a throttle lasts nothing starts: requests made meanwhile count against the tenant too
(https://learn.microsoft.com/graph/throttling). Before it comes to that requests are spread: when the resource units of
ten seconds are used, and, the longer the more, when Graph says that the limit is near.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from entraid_service.errors import GraphThrottled
from entraid_service.graph.limits import Limits, Timer
from entraid_service.graph.pace import Usage

_WINDOW = 10.0
"""Seconds over which Graph counts resource units."""


class Budget:
    """The turns of the requests of one app in one tenant; all that read it share one."""

    def __init__(self, limits: Limits, *, timer: Timer) -> None:
        self._most = limits.concurrency
        self._longest_wait = limits.longest_wait
        self._units = limits.units
        self._press = limits.press.total_seconds()
        self._timer = timer
        self._allowed = float(limits.concurrency)
        self._busy = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closed_until = timer.time()
        self._round = 0
        self._used = 0.0
        self._used_at = timer.time()

    @property
    def allowed(self) -> int:
        """How many requests may be under way now."""
        return int(self._allowed)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[int]:
        """Waits until a request may start, and holds its place; the number is for `throttled`.

        Raises:
            GraphThrottled: Graph asked for a longer wait than is waited out.
        """
        await self._enter()
        try:
            yield self._round
        finally:
            self._busy -= 1
            self._wake()

    def throttled(self, wait: timedelta, *, turn: int) -> None:
        """Notes that Graph throttled a request: nothing starts before the wait is over, and then less at once.

        Requests that started before the last fall say nothing about the number that it fell to.
        """
        self._closed_until = max(self._closed_until, self._timer.time() + wait.total_seconds())
        if turn == self._round:
            self._round += 1
            self._allowed = max(1.0, self._allowed / 2)

    def answered(self, usage: Usage) -> None:
        """Notes what an answer cost, and spreads what follows if the allowance is used or nearly so."""
        now = self._timer.time()
        rate = self._units / _WINDOW
        self._used = max(0.0, self._used - (now - self._used_at) * rate) + usage.units
        self._used_at = now
        pause = max((self._used - self._units) / rate, usage.excess * self._press)
        if pause > 0:
            self._closed_until = max(self._closed_until, now + pause)

    def succeeded(self, usage: Usage) -> None:
        """Notes that Graph answered with data; near the limit that is no reason for more at once."""
        if self._allowed < self._most and not usage.excess:
            self._allowed = min(float(self._most), self._allowed + 1 / self._allowed)
            self._wake()

    async def _enter(self) -> None:
        while True:
            await self._opened()
            if self._busy < self.allowed:
                self._busy += 1
                return
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter in self._waiting:
                    self._waiting.remove(waiter)
                else:
                    self._wake()  # it was its turn: the next one takes it
                raise

    async def _opened(self) -> None:
        while (left := self._closed_until - self._timer.time()) > 0:
            if left > self._longest_wait.total_seconds():
                raise GraphThrottled(
                    f"Microsoft Graph throttles and asks for a pause of {left:.0f} s: try again after it",
                    retry_after=timedelta(seconds=left),
                )
            await self._timer.sleep(left)

    def _wake(self) -> None:
        for _ in range(min(self.allowed - self._busy, len(self._waiting))):
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
