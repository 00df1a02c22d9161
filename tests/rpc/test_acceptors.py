"""Calls of one method that are asked for many at a time, with a real server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import grpc
import pytest
from grpc._cython import cygrpc  # type: ignore[attr-defined] # the stubs leave it out

from entraid_service.rpc import acceptors
from entraid_service.rpc.acceptors import Acceptors, can_accept
from entraid_service.rpc.listener import Listener

Handler: TypeAlias = "Callable[[bytes, grpc.aio.ServicerContext[bytes, Awaitable[bytes]]], Awaitable[bytes]]"
Ask: TypeAlias = "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]"


async def echo(request: bytes, context: object) -> bytes:  # noqa: ARG001 - gRPC passes it
    """Answers with the question."""
    return request


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[tuple[Listener, Ask]]:
    """A server whose method `/a.B/C` is the handler, and a caller of it."""
    listener = Listener("127.0.0.1:0", [], is_shared=False)
    # The stubs describe the threaded server.
    method = grpc.unary_unary_rpc_method_handler(handler)  # type: ignore[var-annotated]
    listener.add_registered_method_handlers("a.B", {"C": method})
    port = listener.bind(None)
    await listener.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield listener, channel.unary_unary("/a.B/C")
    finally:
        await listener.stop(0)


def acceptors_of(listener: Listener) -> Acceptors:
    """Those of the method."""
    (found,) = listener._acceptors
    return found


def test_this_grpc_can_be_asked_for_many() -> None:
    """If not, its steps have changed: see what `AioServer._server_main_loop` does now, and follow it."""
    server = cygrpc.AioServer
    assert can_accept(server)
    assert hasattr(server, "is_running")
    assert not can_accept(object())


async def test_all_of_many_calls_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Far more than are asked for at a time, each with its own answer; nearly all of them come in by the acceptors."""
    taken_by_grpc = 0
    handle = cygrpc._handle_rpc

    def counted(*arguments: object) -> object:
        nonlocal taken_by_grpc
        taken_by_grpc += 1
        return handle(*arguments)

    monkeypatch.setattr(cygrpc, "_handle_rpc", counted)  # the step that only gRPC's own loop takes
    async with serving(echo) as (listener, ask):
        questions = [b"%d" % number for number in range(1000)]
        assert await asyncio.gather(*(ask(question) for question in questions)) == questions
        await asyncio.sleep(0.05)
        assert not acceptors_of(listener)._calls, "a call that has ended is kept by nobody"
    assert 0 < taken_by_grpc < 500


async def test_calls_that_wait_hold_up_no_others() -> None:
    """However many wait."""
    free = asyncio.Event()

    async def handler(request: bytes, context: object) -> bytes:  # noqa: ARG001 - gRPC passes it
        if request == b"wait":
            await free.wait()
        return request

    async with serving(handler) as (_, ask):
        waiting = [ask(b"wait") for _ in range(200)]
        assert await ask(b"quick", timeout=5) == b"quick"
        free.set()
        assert await asyncio.gather(*waiting) == [b"wait"] * 200


async def test_a_caller_who_leaves_ends_his_call() -> None:
    """What answers him is cancelled."""
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def handler(request: bytes, context: object) -> bytes:  # noqa: ARG001 - gRPC passes it
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return request

    async with serving(handler) as (_, ask):
        call = ask(b"")
        await begun.wait()
        call.cancel()
        async with asyncio.timeout(5):
            await cancelled.wait()


async def test_errors_and_statuses_arrive() -> None:
    """As with gRPC's own loop."""

    async def handler(request: bytes, context: "grpc.aio.ServicerContext[bytes, Awaitable[bytes]]") -> bytes:
        if request == b"abort":
            await context.abort(grpc.StatusCode.NOT_FOUND, "nobody", (("key", "value"),))
        raise ValueError("a slip")

    async with serving(handler) as (_, ask):
        with pytest.raises(grpc.aio.AioRpcError) as aborted:
            await ask(b"abort")
        assert (aborted.value.code(), aborted.value.details()) == (grpc.StatusCode.NOT_FOUND, "nobody")
        assert ("key", "value") in list(aborted.value.trailing_metadata())
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await ask(b"")
        assert failed.value.code() is grpc.StatusCode.UNKNOWN


async def test_the_end_waits_for_those_under_way() -> None:
    """For as long as the grace lasts; afterwards nobody asks for calls any more."""
    begun, free = asyncio.Event(), asyncio.Event()

    async def handler(request: bytes, context: object) -> bytes:  # noqa: ARG001 - gRPC passes it
        begun.set()
        await free.wait()
        return request

    async with serving(handler) as (listener, ask):
        call = ask(b"last")
        await begun.wait()
        stopping = asyncio.create_task(listener.stop(10))
        await asyncio.sleep(0.05)
        assert not stopping.done()
        free.set()
        assert await call == b"last"
        await stopping
        assert all(task.done() for task in acceptors_of(listener)._accepting)


async def test_a_stop_in_the_middle_of_a_load_leaves_nothing_behind() -> None:
    """Whoever is cut off hears so; no task of the server is left."""
    before = asyncio.all_tasks()

    async def handler(request: bytes, context: object) -> bytes:  # noqa: ARG001 - gRPC passes it
        await asyncio.sleep(0.001)
        return request

    async with serving(handler) as (listener, ask):

        async def ask_on() -> None:
            while True:
                await ask(b"")

        async def caller() -> None:
            with pytest.raises(grpc.aio.AioRpcError) as ended:
                await ask_on()
            assert ended.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)

        callers = [asyncio.create_task(caller()) for _ in range(50)]
        await asyncio.sleep(0.2)
        async with asyncio.timeout(5):
            await listener.stop(0)
            await asyncio.gather(*callers)
    await asyncio.sleep(0.05)
    assert asyncio.all_tasks() <= before


async def test_without_its_steps_grpc_takes_all_calls_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """So a new version of gRPC makes a service slower, and no worse than that."""
    monkeypatch.setattr(acceptors, "can_accept", lambda _: False)
    async with serving(echo) as (listener, ask):
        assert not acceptors_of(listener)._accepting
        assert await asyncio.gather(*(ask(b"a") for _ in range(100))) == [b"a"] * 100
