"""The first sync of a connection, for the page that follows it: how it stands, and each step as a server-sent event.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import timedelta
from typing import Protocol

import orjson

from entraid_service.errors import EntraidError
from entraid_service.model.ids import ConnectionId, SyncRunId
from entraid_service.model.syncrun import SyncRun
from entraid_service.ports import RunStore
from entraid_service.web import wording

_LONGEST = timedelta(hours=1)
"""The page reconnects by itself when a stream ends."""


class Watching(Protocol):
    """See `sync.runner.SyncRunner`."""

    def watch(self, connection_id: ConnectionId, run_id: SyncRunId) -> AsyncIterator[SyncRun]:
        """The run as it moves, last in its final state."""


class FirstSyncs:
    """Looks after the latest run of a connection."""

    def __init__(self, *, runs: RunStore, runner: Watching) -> None:
        self._runs = runs
        self._runner = runner

    async def latest(self, connection_id: ConnectionId) -> SyncRun | None:
        """The latest run.

        Raises:
            ResourceNotFound: The connection is gone.
        """
        page = await self._runs.page(connection_id, after=None, limit=1)
        return page[0] if page else None

    async def events(self, connection_id: ConnectionId) -> AsyncGenerator[bytes]:
        """Each step of the latest run, to its end or for an hour."""
        run = await self.latest(connection_id)
        if run is None:
            return
        try:
            async with asyncio.timeout(_LONGEST.total_seconds()):
                async for step in self._runner.watch(connection_id, run.id):
                    yield _event(step)
        except (TimeoutError, EntraidError):
            return  # the page asks again, and is then told what there is


def _event(run: SyncRun) -> bytes:
    view = wording.outcome(run)
    data = {
        "phase": view.phase,
        "step": view.step,
        "users": view.users,
        "groups": view.groups,
        "memberships": view.memberships,
        "final": view.is_final,
    }
    return b"event: run\ndata: " + orjson.dumps(data) + b"\n\n"
