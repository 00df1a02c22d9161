"""Giving the event loop its turn while much is worked through: decisions are answered on the same loop."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

T = TypeVar("T")

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


async def in_turns(items: Iterable[T]) -> AsyncIterator[T]:
    """The items, and now and then a turn for others; for loops of many short steps."""
    turns = Turns()
    for item in items:
        yield item
        await turns.take_turns()
