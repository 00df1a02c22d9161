"""The event loop of the service, with a real server of gRPC on it where gRPC matters."""

import asyncio
import functools
import socket
import sys
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from grpc._cython import cygrpc  # type: ignore[attr-defined] # the stubs leave it out

from entraid_service.rpc.loop import ServingLoop


def run(work: Coroutine[Any, Any, None]) -> None:
    """Runs it as the service does."""
    with asyncio.Runner(loop_factory=ServingLoop) as runner:
        runner.run(work)


async def _echo(request: bytes, context: object) -> bytes:  # noqa: ARG001 - gRPC passes it
    return request


async def _many_calls() -> None:
    server = grpc.aio.server()
    method = grpc.unary_unary_rpc_method_handler(_echo)  # type: ignore[var-annotated]
    server.add_registered_method_handlers("a.B", {"C": method})
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        ask: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/a.B/C")
        for _ in range(20):
            async with asyncio.timeout(10):
                assert await asyncio.gather(*(ask(b"%d" % number) for number in range(100)))
    await server.stop(0)


def test_grpc_works_on_it() -> None:
    """A server and a client at once; no call is forgotten."""
    run(_many_calls())


def _readers(monkeypatch: pytest.MonkeyPatch) -> list[Callable[..., object]]:
    """Every reader that is added to a loop from now on, as whoever added it gave it to asyncio."""
    added: list[Callable[..., object]] = []
    add = ServingLoop.add_reader

    def noted(self: ServingLoop, fd: Any, callback: Callable[..., object], *arguments: object) -> None:  # noqa: ANN401 - a file, or its number
        added.append(callback)
        add(self, fd, callback, *arguments)

    monkeypatch.setattr(ServingLoop, "add_reader", noted)
    return added


def test_what_wakes_grpc_up_is_taken_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """All bytes, of whatever socket gRPC's reader is put on; its reader is called once for all of them."""
    readers = _readers(monkeypatch)

    async def look() -> None:
        server = grpc.aio.server()
        (reader,) = (reader for reader in readers if isinstance(reader, functools.partial))
        assert isinstance(reader.func.__self__, cygrpc.PollerCompletionQueue)  # type: ignore[attr-defined] # a method
        loop = asyncio.get_running_loop()
        with _pair() as (mine, other):
            loop.add_reader(mine, reader)
            other.sendall(bytes(9000))
            async with asyncio.timeout(5):
                while _holds_something(mine):  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0)
            loop.remove_reader(mine)
        await server.stop(None)

    run(look())


def test_other_readers_find_what_is_theirs() -> None:
    """Nothing is taken from them, however they were added."""

    async def look() -> None:
        loop = asyncio.get_running_loop()
        found: asyncio.Queue[bytes] = asyncio.Queue()
        with _pair() as (mine, other):

            def read() -> None:
                found.put_nowait(mine.recv(100))

            for reader in (read, functools.partial(read)):
                loop.add_reader(mine, reader)
                other.sendall(b"theirs")
                assert await found.get() == b"theirs"
                loop.remove_reader(mine)

    run(look())


@contextmanager
def _pair() -> Generator[tuple[socket.socket, socket.socket], None, None]:
    mine, other = socket.socketpair()
    with mine, other:
        mine.setblocking(False)  # noqa: FBT003 - its only argument
        yield mine, other


def _holds_something(waker: socket.socket) -> bool:
    try:
        return bool(waker.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False


def test_our_own_tasks_begin_as_ever() -> None:
    """Code that starts a task goes on first, in every version of Python."""
    steps: list[str] = []

    async def work() -> None:
        steps.append("work")

    async def main() -> None:
        task = asyncio.create_task(work(), name="named")
        steps.append("go on")
        await task
        assert task.get_name() == "named"

    run(main())
    assert steps == ["go on", "work"]


class _Compiled(Coroutine[Any, Any, None]):
    """A coroutine that is not of Python's own type, as those that Cython compiles."""

    def __init__(self, inner: Coroutine[Any, Any, None]) -> None:
        self._inner = inner

    def send(self, value: object) -> object:
        """Goes on."""
        return self._inner.send(value)

    def throw(self, *error: Any) -> object:  # noqa: ANN401 - as Python calls it
        """Goes on with an error."""
        return self._inner.throw(*error)

    def close(self) -> None:
        """Ends."""
        self._inner.close()

    def __await__(self) -> Generator[Any, Any, None]:
        """Goes through all of it."""
        return self._inner.__await__()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="asyncio cannot begin a task at once before Python 3.12")
def test_tasks_of_compiled_coroutines_begin_at_once() -> None:
    """As those of gRPC are, each of which asks the core for something first."""
    steps: list[str] = []

    async def work() -> None:
        steps.append("work")

    async def main() -> None:
        task = asyncio.get_running_loop().create_task(_Compiled(work()), name="named")
        steps.append("go on")
        await task
        assert task.get_name() == "named"

    run(main())
    assert steps == ["work", "go on"]
