"""How long, how much and how often: the bounds of reading Graph, and the timer that they are measured with."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one tenant's reading.

    Attributes:
        concurrency: Requests at once, when Graph does not throttle.
        attempts: Requests for one answer while the answers are broken or 5xx.
        throttles: How often one request lets itself be throttled.
        first_backoff: The wait after a first failure where Graph names none; doubled with each further one.
        longest_backoff: Where the doubling ends.
        longest_wait: The longest `Retry-After` that is waited out; a longer one ends the read.
        connect: Time for a connection, TLS included.
        silence: The longest pause within an answer.
        answer: Time for a whole request; a page of 999 users takes Graph some seconds.
        body_bytes: Size of an answer, unpacked; a page of 999 users with every attribute takes about 5 MB.
        pages: Pages of one list; 100,000 full ones are a hundred million objects.
        units: Resource units in ten seconds before requests are spread: Graph grants 8,000 to an app in a tenant of
            more than 500 users (https://learn.microsoft.com/graph/throttling-limits). Smaller ones get less and are
            read before they have used it.
        press: The longest pause between requests while Graph says that the limit is near.
    """

    concurrency: int = 8
    attempts: int = 6
    throttles: int = 12
    first_backoff: timedelta = timedelta(seconds=0.5)
    longest_backoff: timedelta = timedelta(seconds=30)
    longest_wait: timedelta = timedelta(minutes=5)
    connect: timedelta = timedelta(seconds=15)
    silence: timedelta = timedelta(seconds=30)
    answer: timedelta = timedelta(seconds=120)
    body_bytes: int = 64 * 1024 * 1024
    pages: int = 100_000
    units: int = 8_000
    press: timedelta = timedelta(seconds=5)


class Timer(Protocol):
    """Time that passes; tests bring their own."""

    def time(self) -> float:
        """Seconds on a clock that never goes back."""

    def now(self) -> datetime:
        """The date, aware."""

    async def sleep(self, seconds: float) -> None:
        """Returns when they are over."""


class LoopTimer:
    """The real one."""

    def time(self) -> float:
        """See `Timer.time`."""
        return time.monotonic()

    def now(self) -> datetime:
        """See `Timer.now`."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """See `Timer.sleep`."""
        await asyncio.sleep(seconds)
