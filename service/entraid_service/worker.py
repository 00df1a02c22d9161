"""A worker's process: the service at one place, from the parent's order to the end of the process.

It tells its parent through a pipe that it serves, or why it cannot, and its metrics when it is asked for them (see
`gathering`); hears from it that all serve; and stops when it is
asked to, or when the pipe ends because the parent is gone.
"""

import asyncio
import signal
import socket
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from typing import Final

import structlog

from entraid_service import app
from entraid_service.config import Settings
from entraid_service.errors import EntraidError
from entraid_service.gathering import Team
from entraid_service.oauth.keys import KeyUnusable
from entraid_service.place import Place
from entraid_service.rpc.loop import ServingLoop

SERVING: Final = b"serving"
"""Said by a worker of itself, and by the parent of all."""
FAILED: Final = b"failed: "
"""Said by a worker, with the reason behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a parent starts a worker with; `http` is given to the first one only."""

    settings: Settings
    number: int
    http: socket.socket | None
    http_port: int
    are_all_serving: bool


def work(order: Order, pipe: Pipe) -> None:
    """What runs in the process."""
    try:
        with asyncio.Runner(loop_factory=ServingLoop) as runner:
            runner.run(_serve(order, pipe))
    except (EntraidError, KeyUnusable, OSError) as error:
        pipe.send_bytes(FAILED + str(error).encode())
        sys.exit(1)


async def _serve(order: Order, pipe: Pipe) -> None:
    structlog.contextvars.bind_contextvars(worker=order.number)
    stop, all_serving = asyncio.Event(), asyncio.Event()
    if order.are_all_serving:
        all_serving.set()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)

    def hear() -> None:
        try:
            if not team.hear(pipe.recv_bytes()):
                all_serving.set()
        except (EOFError, OSError):
            loop.remove_reader(pipe.fileno())
            stop.set()

    team = Team(pipe.send_bytes)
    loop.add_reader(pipe.fileno(), hear)
    place = Place(
        number=order.number,
        count=order.settings.workers,
        http=order.http,
        http_port=order.http_port,
        are_all_serving=all_serving.is_set,
        team=team,
    )
    async with app.running(order.settings, place):
        pipe.send_bytes(SERVING)
        await stop.wait()
