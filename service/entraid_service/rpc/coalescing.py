"""Under load, decisions are made several in a row instead of one by one.

Between two calls gRPC and the kernel fill the processor's caches with their own, and every event wakes the event loop
up by itself. So decisions in a row, and their answers, take a good part less of the processor. While many calls are
under way, each waits for the others anyway: then it waits for some of them before it is decided.

1. How many are under way `overload` counts while the loop is busy. Where two counts in a row found eight or more, three
   quarters of that many are decided together: the others are on their way meanwhile.
2. Nobody waits longer than twenty milliseconds for the others. Where hardly anybody came in that time, nobody waits
   until calls are counted again.
3. Refusals wait and are given with the others.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from entraid_service.rpc.deciding import CallContext

_FEWEST: Final = 6
_MOST: Final = 32
"""Beyond that nothing is gained, and all that one group takes is time in which nobody is answered."""
_LONGEST_SECONDS: Final = 0.02


class Coalescer:
    """Puts calls together, each of a request's bytes and its context. Belongs to one event loop."""

    def __init__(self, answer: Callable[[bytes, CallContext], bytes | None]) -> None:
        """Puts nothing together yet; `answer` is what answers a call, at once."""
        self._answer = answer
        self._counted = 0
        self._waiting: list[tuple[asyncio.Future[bytes | None], bytes | None, CallContext]] = []
        self._timer: asyncio.TimerHandle | None = None
        self.wanted = 0
        """How many calls are answered together; 0 if calls are to be answered as they come."""

    def count(self, under_way: int) -> None:
        """Hears how many calls are under way, those that are waiting here included."""
        wanted = min(under_way, self._counted) * 3 // 4
        self._counted = under_way
        self.wanted = min(wanted, _MOST) if wanted >= _FEWEST else 0
        if self._waiting and len(self._waiting) >= self.wanted:
            self._answer_all()

    def join(self, request: bytes | None, context: CallContext) -> "asyncio.Future[bytes | None]":
        """A call that waits for others; the answer, or what `answer` raised, comes with the future.

        One that is refused joins them without a request, and gets None: a refusal by itself costs more than an answer
        among others.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bytes | None] = loop.create_future()
        self._waiting.append((future, request, context))
        if len(self._waiting) >= self.wanted:
            self._answer_all()
        elif self._timer is None:
            self._timer = loop.call_later(_LONGEST_SECONDS, self._expired)
        return future

    def _expired(self) -> None:
        if len(self._waiting) < _FEWEST:
            self.wanted = 0
        self._answer_all()

    def _answer_all(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, []
        for future, request, context in waiting:
            if future.done():  # its call was cancelled
                continue
            try:
                future.set_result(None if request is None else self._answer(request, context))
            except Exception as error:  # noqa: BLE001 - the call's, which tells of it
                future.set_exception(error)
