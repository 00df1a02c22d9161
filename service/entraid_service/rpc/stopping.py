"""The end of a server: streams of answers end."""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

from entraid_service.errors import Stopping

T = TypeVar("T")


async def until(stopping: asyncio.Event, items: AsyncIterator[T]) -> AsyncIterator[T]:
    """The items, as long as nothing stops.

    Raises:
        Stopping: The server stops; the call may be repeated against another one.
    """
    stop = asyncio.ensure_future(stopping.wait())
    following: asyncio.Future[T] | None = None
    try:
        while True:
            following = asyncio.ensure_future(anext(items))
            await asyncio.wait((stop, following), return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                raise Stopping("the service is stopping: call again, the run is told of from its start")
            try:
                item = following.result()
            except StopAsyncIteration:
                return
            yield item
    finally:
        tasks = [task for task in (stop, following) if task is not None]
        for task in tasks:
            task.cancel()
        # Also what is done is looked at: the end of the items may have come together with the end of the call.
        await asyncio.gather(*tasks, return_exceptions=True)
