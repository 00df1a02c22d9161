"""The end of a server: new calls are refused in plain words, and streams end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TypeVar

from entraid_service.errors import RetryLater
from entraid_service.rpc.wrapping import Behaviour, Context, StreamBehaviour, Wrapping

T = TypeVar("T")


async def until(stopping: asyncio.Event, items: AsyncIterator[T]) -> AsyncIterator[T]:
    """The items, as long as nothing stops.

    Raises:
        RetryLater: The server stops; the call may be repeated against another one.
    """
    stop = asyncio.ensure_future(stopping.wait())
    following: asyncio.Future[T] | None = None
    try:
        while True:
            following = asyncio.ensure_future(anext(items))
            await asyncio.wait((stop, following), return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                raise RetryLater("the service is stopping: call again, the run is told of from its start")
            try:
                item = following.result()
            except StopAsyncIteration:
                return
            yield item
    finally:
        for task in (stop, following):
            if task is not None and not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


class Gate(Wrapping):
    """Refuses new calls once it is closed: gRPC itself would cancel those that arrive while it stops."""

    def __init__(self) -> None:
        self.is_closed = False

    def around_unary(self, method: str, behaviour: Behaviour) -> Behaviour:  # noqa: ARG002 - the same for all
        """See `Wrapping`."""

        async def guarded(request: object, context: Context) -> object:
            if self.is_closed:
                raise RetryLater("the service is stopping: call again, another one may take it")
            return await behaviour(request, context)

        return guarded

    def around_stream(self, method: str, behaviour: StreamBehaviour) -> StreamBehaviour:  # noqa: ARG002 - as above
        """Streams are as they were: those that are open end by `until`, the others fail as they begin."""
        return behaviour
