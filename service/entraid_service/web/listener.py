"""The HTTP listener: is the process alive, is it ready for calls; other pages are added to it.

`/healthz` answers as long as the event loop turns; `/readyz` tells whether gRPC calls are taken, 503 while starting
and stopping.
"""

import socket
from collections.abc import Callable, Iterable

from aiohttp import web

_SHUTDOWN_SECONDS = 2.0
_LARGEST_FORM = 64 * 1024
"""Bytes of a request's body; the largest that anybody sends is a list of groups."""


def listening_socket(address: str) -> socket.socket:
    """Takes an address (`host:port`, port 0 takes a free one), so that it is known before anything is served.

    Raises:
        OSError: It cannot be taken.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    return socket.create_server((host, int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


class HttpListener:
    """Serves health, and what else it is given, until it is closed. Owns the socket."""

    def __init__(
        self,
        listening: socket.socket,
        *,
        is_ready: Callable[[], bool],
        more: Iterable[web.RouteDef] = (),
    ) -> None:
        self._listening = listening
        self._is_ready = is_ready
        self._more = tuple(more)
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Answers from now on."""
        app = web.Application(client_max_size=_LARGEST_FORM)
        app.add_routes([web.get("/healthz", self._alive), web.get("/readyz", self._ready)])
        app.add_routes(self._more)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        await self._runner.setup()
        await web.SockSite(self._runner, self._listening).start()

    async def close(self) -> None:
        """Stops listening; requests under way are given a moment."""
        if self._runner is not None:
            await self._runner.cleanup()
        self._listening.close()

    async def _alive(self, _: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def _ready(self, _: web.Request) -> web.Response:
        return web.Response(text="ready\n") if self._is_ready() else web.Response(text="not ready\n", status=503)
