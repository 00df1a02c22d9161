"""Starting each connection's syncs without being asked: incrementally every interval, in full now and then.

A full read repairs what incremental ones may have missed, and what it finds to repair is told. When what is due stands
in `due`.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from entraid_service.errors import ResourceNotFound, StoreUnavailable, SyncInProgress
from entraid_service.model.connection import Connection
from entraid_service.ports import ConnectionStore
from entraid_service.sync.due import Forecast
from entraid_service.sync.runner import SyncRunner

if TYPE_CHECKING:
    from entraid_service.model.ids import ConnectionId

_log = structlog.get_logger(__name__)

_PAGE = 500


class Schedule:
    """Starts runs when they are due. `run` goes on until it is cancelled."""

    def __init__(
        self,
        *,
        connections: ConnectionStore,
        runner: SyncRunner,
        forecast: Forecast,
        tick: timedelta = timedelta(seconds=1),
    ) -> None:
        self._connections = connections
        self._runner = runner
        self._forecast = forecast
        self._tick = tick

    async def run(self) -> None:
        """Looks at every connection each tick."""
        while True:
            await asyncio.sleep(self._tick.total_seconds())
            try:
                async for connection in self._all():
                    await self._look_at(connection)
            except StoreUnavailable as error:
                _log.warning("schedule_cannot_look", problem=str(error))

    async def _all(self) -> AsyncIterator[Connection]:
        after: ConnectionId | None = None
        while page := await self._connections.page(after=after, limit=_PAGE):
            for connection in page:
                yield connection
            after = page[-1].id

    async def _look_at(self, connection: Connection) -> None:
        try:
            mode = await self._forecast.due_now(connection)
            if mode is not None:
                await self._runner.start(connection.id, mode=mode)
        except (ResourceNotFound, SyncInProgress):
            return  # gone, or somebody else was faster
