"""The event loop that the service runs on: asyncio's, in two things fitted to calls that are answered in microseconds.

1. gRPC's core tells the loop of everything that happens by a byte in a socket, of which gRPC's reader takes one at a
   time, and with the first of them all that has happened. The loop then goes round once more for each of the others,
   for nothing. Here all bytes are taken at once.
2. A task begins when the loop comes round to it. gRPC makes several for every call, and the first thing that each does
   is to ask the core for something. From Python 3.12 on they begin at once; ours begin as ever.
"""

import asyncio
import functools
import socket
import sys
from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final, TypeVarTuple, Unpack

from grpc._cython import cygrpc  # type: ignore[attr-defined] # the stubs leave it out

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

_MANY: Final = 4096
"""Bytes that are taken at once: more than there are calls under way."""

_Ts = TypeVarTuple("_Ts")


class ServingLoop(asyncio.SelectorEventLoop):
    """For `asyncio.Runner`. gRPC works on any other loop too, for more of the processor's time."""

    def __init__(self) -> None:
        super().__init__()
        if sys.version_info >= (3, 12):
            self.set_task_factory(_task)

    def add_reader(self, fd: "FileDescriptorLike", callback: Callable[[Unpack[_Ts]], Any], *args: *_Ts) -> None:
        """As asyncio does it."""
        if isinstance(fd, socket.socket) and _is_of_grpc(callback):
            super().add_reader(fd, _told_at_once(fd, callback), *args)
        else:
            super().add_reader(fd, callback, *args)


def _is_of_grpc(callback: Callable[..., Any]) -> bool:
    """Whether this is how gRPC hears of its core."""
    if not isinstance(callback, functools.partial):
        return False
    return isinstance(getattr(callback.func, "__self__", None), cygrpc.PollerCompletionQueue)


def _told_at_once(waker: socket.socket, callback: Callable[[Unpack[_Ts]], Any]) -> Callable[[Unpack[_Ts]], None]:
    """The callback, after all bytes were taken: what each tells of is there before it."""

    def told(*args: *_Ts) -> None:
        try:
            while len(waker.recv(_MANY)) == _MANY:
                pass
        except BlockingIOError:
            pass  # a loop in another thread was quicker
        callback(*args)

    return told


def _task(
    loop: asyncio.AbstractEventLoop,
    coroutine: Coroutine[Any, Any, Any],
    **options: Any,  # noqa: ANN401 - those of a task, which differ by version
) -> "asyncio.Task[Any]":
    # gRPC's coroutines are compiled by Cython, and of a type of its own.
    if type(coroutine) is not CoroutineType:
        options.setdefault("eager_start", True)
    return asyncio.Task(coroutine, loop=loop, **options)
