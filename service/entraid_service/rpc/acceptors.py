"""Calls of the method that is called most are asked for many at a time.

grpc.aio asks the core for one call of a method. Until it asks for the next one it wakes up four tasks, and the event
loop goes round for each of them; whatever comes in meanwhile waits, and whoever is under way goes round alone. With
several that ask, each of which hands a call over and asks again, a server answers half as many calls more.

grpc.aio has no setting for that, so this takes the steps of its own loop (`AioServer._server_main_loop`) by the names
that they have there. In a version of gRPC without these names its own loop takes all calls, as it does those of other
methods; a test tells of it.
"""

import asyncio
from typing import Any, Final, Protocol, cast

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined] # the stubs leave it out

_COUNT: Final = 32
"""Calls that are asked for at a time. Eight were fewer than come in at once under load, 64 no better."""


class _Core(Protocol):
    """What grpc.aio's server is made of."""

    def is_running(self) -> bool:
        """Whether it was started and has not begun to stop."""

    async def _request_registered_call(self, method: bytes) -> object:
        """The next call of a method."""


class Acceptors:
    """Take the calls of one method, from one message to one, of a server of grpc.aio."""

    def __init__(self, server: grpc.aio.Server, method: str, handler: "grpc.RpcMethodHandler[Any, Any]") -> None:
        """Takes no calls yet; `method` is the name in full under which `handler` was registered."""
        self._core = cast("_Core | None", getattr(server, "_server", None))
        self._method = method
        self._handler = handler
        self._accepting: list[asyncio.Task[None]] = []
        self._calls: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Takes calls from now on, until the server stops."""
        if self._core is not None and can_accept(self._core):
            self._accepting = [asyncio.create_task(self._accept(self._core)) for _ in range(_COUNT)]

    async def ended(self) -> None:
        """Returns once no more calls are asked for, as is soon the case when the server has stopped.

        They must not be cancelled: the core writes a call to where it was asked for.
        """
        if self._accepting:
            await asyncio.wait(self._accepting)

    async def _accept(self, core: _Core) -> None:
        name, loop = self._method.encode(), asyncio.get_running_loop()
        while core.is_running():
            try:
                call = await core._request_registered_call(name)  # noqa: SLF001 - see above
            except cygrpc._RequestCallError:  # noqa: SLF001
                continue  # the caller has left already, or the server stops
            answer = cygrpc._handle_unary_unary_rpc(self._handler, call, loop)  # noqa: SLF001
            task = loop.create_task(cygrpc._schedule_rpc_coro(answer, call, loop, self._method))  # noqa: SLF001
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)


def can_accept(core: object) -> bool:
    """Whether this version of gRPC has the steps that are taken here."""
    steps = ("_RequestCallError", "_handle_unary_unary_rpc", "_schedule_rpc_coro")
    return hasattr(core, "_request_registered_call") and all(hasattr(cygrpc, step) for step in steps)
