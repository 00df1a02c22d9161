"""Streams of requests that end when the server stops.

A stream that waits for its caller would hold up a clean stop for as long as the caller likes. It is ended where it
waits; one that is at work gives its answer first.
"""

import asyncio
from typing import Protocol, cast

from grpc.aio import EOF

from entraid_service.errors import Stopping


class Pipe(Protocol):
    """A call whose both sides are streams of bytes; see https://grpc.github.io/grpc/python/grpc_asyncio.html."""

    async def read(self) -> object:
        """The next message, EOF at the end."""

    async def write(self, message: bytes) -> None:
        """Sends a message; returns once there is room for the next one."""


class Streams:
    """The streams under way in one event loop."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Task[object]] = set()
        self._stopping = asyncio.Event()

    async def following(self, pipe: Pipe) -> bytes | None:
        """The next request of a stream, None at its end.

        Raises:
            Stopping: The server stops.
        """
        if self._stopping.is_set():
            raise _stopping()
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a stream is read outside of a task")
        self._waiting.add(task)
        try:
            data = await pipe.read()
        except asyncio.CancelledError:
            if not self._stopping.is_set():
                raise
            task.uncancel()
            raise _stopping() from None
        finally:
            self._waiting.discard(task)
        return None if data is EOF else cast("bytes", data)

    def stop(self) -> None:
        """Ends every stream."""
        self._stopping.set()
        for task in tuple(self._waiting):
            task.cancel()


def _stopping() -> Stopping:
    return Stopping("the service is stopping: open the stream anew and ask again what was not answered")
