"""Streams of requests that end when the server stops.

A stream that waits for its caller would hold up a clean stop for as long as the caller likes. It is ended where it
waits; one that is at work gives its answer first.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
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
        self._open: set[_Stream] = set()
        self._is_stopping = False

    async def answer_all(
        self, pipe: Pipe, answer: Callable[[bytes], bytes | None], otherwise: Callable[[bytes], Awaitable[bytes]]
    ) -> None:
        """Answers a stream's requests one after another until its end: by `answer`, by `otherwise` where that has none.

        Raises:
            Stopping: The server stops.
        """
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a stream is answered outside of a task")
        stream = _Stream(task)
        read, write = pipe.read, pipe.write
        self._open.add(stream)
        try:
            while not self._is_stopping:
                stream.is_waiting = True
                data = await read()
                stream.is_waiting = False
                if data is EOF:
                    return
                request = cast("bytes", data)
                await write(answer(request) or await otherwise(request))
        except asyncio.CancelledError:
            if not (self._is_stopping and stream.is_waiting):
                raise
            task.uncancel()
        finally:
            self._open.discard(stream)
        raise Stopping("the service is stopping: open the stream anew and ask again what was not answered")

    def stop(self) -> None:
        """Ends every stream."""
        self._is_stopping = True
        for stream in self._open:
            if stream.is_waiting:
                stream.task.cancel()


@dataclass(slots=True, eq=False)
class _Stream:
    """One that is open; `is_waiting` for its caller's next request if it is not at work."""

    task: asyncio.Task[object]
    is_waiting: bool = False
