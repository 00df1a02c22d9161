"""The one thread hop of the login side: MSAL is synchronous, so that it runs here and never on the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar

T = TypeVar("T")


class LoginThreads:
    """A bounded pool of threads, and the longest that a caller waits for one of them.

    A call that is given up runs to its own end in its thread, where every request has a deadline too.
    """

    def __init__(self, *, threads: int, timeout: timedelta) -> None:
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="entraid-login")
        self._timeout = timeout.total_seconds()

    async def run(self, call: Callable[[], T]) -> T:
        """What `call` returns.

        Raises:
            TimeoutError: It took too long, the wait for a thread included.
        """
        async with asyncio.timeout(self._timeout):
            return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    def close(self) -> None:
        """Takes no more calls; those that run are left to their deadlines."""
        self._pool.shutdown(wait=False, cancel_futures=True)
