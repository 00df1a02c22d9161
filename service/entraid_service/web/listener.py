"""The HTTP listener: is the process alive, is it ready for calls, and its metrics. Nothing here is about a tenant.

`/healthz` answers as long as the event loop turns; `/readyz` tells whether gRPC calls are taken, 503 while starting
and stopping.
"""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

_SHUTDOWN_SECONDS = 2.0


class HttpListener:
    """Serves health and metrics until it is closed."""

    def __init__(self, address: str, *, metrics: CollectorRegistry, is_ready: Callable[[], bool]) -> None:
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._metrics = metrics
        self._is_ready = is_ready
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Listens, and tells where: `host:port`.

        Raises:
            OSError: The address cannot be taken.
        """
        app = web.Application()
        app.add_routes(
            [web.get("/healthz", self._alive), web.get("/readyz", self._ready), web.get("/metrics", self._metrics_page)]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host.strip("[]"), self._port)
        await site.start()
        return f"{self._host}:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        """Stops listening; requests under way are given a moment."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _alive(self, _: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def _ready(self, _: web.Request) -> web.Response:
        return web.Response(text="ready\n") if self._is_ready() else web.Response(text="not ready\n", status=503)

    async def _metrics_page(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._metrics), headers={"Content-Type": CONTENT_TYPE_LATEST})
