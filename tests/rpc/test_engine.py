"""How gRPC's core and asyncio are set up; the core in processes of its own, as it reads settings while it is loaded."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Coroutine, Generator
from typing import Any

import pytest

from entraid_service.rpc.engine import EXPERIMENTS, FORMER_LISTENER, begin_at_once, choose_listener

_ASKED_ONCE = """
import asyncio
from entraid_service.rpc.server import ServerSettings
import grpc

async def answer(request, context):
    return request

async def main():
    server = grpc.aio.server(options=ServerSettings().options())
    server.add_registered_method_handlers("a.B", {"C": grpc.unary_unary_rpc_method_handler(answer)})
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        print(await channel.unary_unary("/a.B/C")(b"asked"))
    await server.stop(0)

asyncio.run(main())
"""


def _asked_once(**environment: str) -> tuple[str, str]:
    """What a process printed that imports the service's server first, serves a call and ends."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GRPC_")}
    ended = subprocess.run(
        [sys.executable, "-c", _ASKED_ONCE], env={**kept, **environment}, capture_output=True, text=True, check=True
    )
    return ended.stdout, ended.stderr


def test_the_core_knows_the_listener_that_is_chosen() -> None:
    """A core that does not know it any more would say so at every start."""
    assert _asked_once() == ("b'asked'\n", "")


def test_the_core_listens_as_chosen() -> None:
    """The core itself tells which of its parts accepted the connection."""
    told = {"GRPC_TRACE": "tcp", "GRPC_VERBOSITY": "DEBUG"}
    assert "tcp_server_posix.cc" in _asked_once(**told)[1]
    assert "tcp_server_posix.cc" not in _asked_once(**told, GRPC_EXPERIMENTS="event_engine_listener")[1]


def test_who_starts_the_process_may_choose() -> None:
    """Whatever the variable holds stays."""
    chosen: dict[str, str] = {}
    choose_listener(chosen)
    assert chosen == {EXPERIMENTS: FORMER_LISTENER}
    chosen = {EXPERIMENTS: "tcp_rcv_lowat"}
    choose_listener(chosen)
    assert chosen == {EXPERIMENTS: "tcp_rcv_lowat"}


async def test_our_own_tasks_begin_as_ever() -> None:
    """Code that starts a task goes on first, in every version of Python."""
    begin_at_once(asyncio.get_running_loop())
    steps: list[str] = []

    async def work() -> None:
        steps.append("work")

    task = asyncio.create_task(work(), name="named")
    steps.append("go on")
    await task
    assert steps == ["go on", "work"]
    assert task.get_name() == "named"


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
async def test_tasks_of_compiled_coroutines_begin_at_once() -> None:
    """As those of gRPC are, each of which asks the core for something first."""
    begin_at_once(asyncio.get_running_loop())
    steps: list[str] = []

    async def work() -> None:
        steps.append("work")

    task = asyncio.get_running_loop().create_task(_Compiled(work()), name="named")
    steps.append("go on")
    await task
    assert steps == ["work", "go on"]
    assert task.get_name() == "named"
