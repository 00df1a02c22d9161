"""Giving the event loop its turn while a large page is decoded: decisions are answered on the same loop."""

import asyncio
import time

_TURN = 0.002
"""Seconds for which nothing else runs: what a decision may have to wait for a page of 999 users in pieces."""


class Turns:
    """Counts how long the loop has been held."""

    def __init__(self) -> None:
        self._until = time.perf_counter() + _TURN

    async def take_turns(self) -> None:
        """Lets others run if it is their turn. Cheap where it is not."""
        if time.perf_counter() >= self._until:
            await asyncio.sleep(0)
            self._until = time.perf_counter() + _TURN
