"""How gRPC's core is set up, in processes of its own, as it reads settings while it is loaded."""

import os
import subprocess
import sys

from entraid_service.rpc.engine import EXPERIMENTS, FORMER_LISTENER, choose_listener

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
