"""The way into a server: calls are turned away in plain words while there are too many, and at its end; streams end."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final, TypeVar

from entraid_service.errors import Overloaded, Stopping
from entraid_service.rpc.overload import Admission
from entraid_service.rpc.wrapping import Behaviour, Context, StreamBehaviour, Wrapping

T = TypeVar("T")

_HEALTH: Final = "/grpc.health.v1.Health/"


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
        for task in (stop, following):
            if task is not None and not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


class Gate(Wrapping):
    """Refuses calls while there are too many, and new ones once it is closed.

    Without it gRPC itself would cancel them, which tells a caller neither why nor what to do.
    """

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._arrived = 0
        self.is_closed = False

    def around_unary(self, method: str, behaviour: Behaviour) -> Behaviour:
        """See `Wrapping`."""
        return self._open_to_all(behaviour) if method.startswith(_HEALTH) else self._guarded(behaviour)

    def around_stream(self, method: str, behaviour: StreamBehaviour) -> StreamBehaviour:  # noqa: ARG002 - the same for all
        """Streams are only counted: those that are open end by `until`, the others fail as they begin."""

        async def counted(request: object, context: Context) -> AsyncIterator[object]:
            self._admission.stream_began()
            try:
                async for message in behaviour(request, context):
                    yield message
            finally:
                self._admission.stream_ended()

        return counted

    async def quiet(self, shortest: float, longest: float) -> None:
        """Returns once no call has arrived for `shortest` seconds, at the latest after `longest`."""
        end = time.monotonic() + longest
        while True:
            arrived = self._arrived
            await asyncio.sleep(shortest)
            if arrived == self._arrived or time.monotonic() >= end:
                return

    def _guarded(self, behaviour: Behaviour) -> Behaviour:
        admits = self._admission.admits

        async def guarded(request: object, context: Context) -> object:
            if self.is_closed:
                raise Stopping("the service is stopping: call again, another one may take it")
            if not admits():
                raise Overloaded("too many calls are waiting here: call again a little later, and with more pause")
            self._arrived += 1
            return await behaviour(request, context)

        return guarded

    def _open_to_all(self, behaviour: Behaviour) -> Behaviour:
        async def guarded(request: object, context: Context) -> object:
            if self.is_closed:
                raise Stopping("the service is stopping: call again, another one may take it")
            return await behaviour(request, context)

        return guarded
