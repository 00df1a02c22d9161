"""The page with the metrics: this process's own, and those of the other workers if there are any.

How old the data of each connection is, is looked up when somebody asks: so the page tells it from the start, whichever
process has synced, and no more of a connection that is gone.
"""

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from entraid_service.observe.pooled import pooled


class MetricsPage:
    """Answers `/metrics`."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        others: Callable[[], Awaitable[Mapping[int, bytes]]] | None,
        before: Callable[[], Awaitable[None]],
    ) -> None:
        """Nothing is asked yet.

        Args:
            registry: What this process counts.
            others: What the other workers count; None if there are none.
            before: Brings the registry up to date.
        """
        self._registry = registry
        self._others = others
        self._before = before

    def routes(self) -> tuple[web.RouteDef, ...]:
        """Where it is."""
        return (web.get("/metrics", self._page),)

    async def _page(self, _: web.Request) -> web.Response:
        await self._before()
        return web.Response(body=await self._text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _text(self) -> bytes:
        if self._others is None:
            return generate_latest(self._registry)
        return pooled(self._registry, await self._others())
