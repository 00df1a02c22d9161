"""When each connection is synced without being asked: incrementally every interval, in full now and then.

A full read repairs what incremental ones may have missed, and what it finds to repair is told. Failures wait longer
each time; a run that is held back waits for a person, and is looked at again only seldom, as each look is a full read.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from entraid_service.errors import ResourceNotFound, StoreUnavailable, SyncInProgress
from entraid_service.model.connection import Connection, ConnectionState
from entraid_service.model.syncrun import RunState, SyncMode, SyncRun
from entraid_service.ports import Clock, ConnectionStore, RunStore
from entraid_service.sync.runner import SyncRunner

if TYPE_CHECKING:
    from entraid_service.model.ids import ConnectionId

_log = structlog.get_logger(__name__)

_PAGE = 500
_HISTORY = 50
_LONGEST_WAIT = timedelta(minutes=30)
_HELD_WAIT = timedelta(minutes=15)
_JITTER = 0.1


@dataclass(frozen=True, slots=True)
class Intervals:
    """How often. Zero turns a kind of sync off."""

    incremental: timedelta
    full: timedelta


def next_run(
    connection: Connection, history: list[SyncRun], intervals: Intervals, *, now: datetime
) -> tuple[datetime, SyncMode] | None:
    """When a connection is due and for what, by its runs (newest first); None if never. Pure.

    A connection that nobody has synced yet is due one interval after it was made or authorized anew, so that whoever
    connects it can start the first sync himself.
    """
    if not intervals.incremental and not intervals.full:
        return None
    ended = [run for run in history if run.end_time is not None]
    last_full = next(
        (r.end_time for r in ended if r.mode is SyncMode.FULL and r.state is RunState.SUCCEEDED and r.end_time), None
    )
    step = intervals.incremental or intervals.full
    if not ended or ended[0].end_time is None:
        return connection.update_time + step, SyncMode.INCREMENTAL
    due = ended[0].end_time + _wait(ended, step)
    if last_full is not None and intervals.full:
        full_due = last_full + intervals.full * _spread(connection)
        if now >= full_due:
            return due, SyncMode.FULL
        if not intervals.incremental:
            return max(due, full_due), SyncMode.FULL
    return due, SyncMode.INCREMENTAL


def _wait(ended: list[SyncRun], step: timedelta) -> timedelta:
    """How long after the last run: doubled with each failure in a row."""
    if ended[0].state is RunState.HELD:
        return max(step, _HELD_WAIT)
    failures = next((n for n, run in enumerate(ended) if run.state is not RunState.FAILED), len(ended))
    return min(step * (1 << min(failures, 16)), max(step, _LONGEST_WAIT))


def _spread(connection: Connection) -> float:
    """Between 0.9 and 1.1, the same each time: connections that were made together do not read in full together."""
    digest = hashlib.sha256(connection.uid.encode()).digest()
    return 1 - _JITTER + 2 * _JITTER * digest[0] / 255


class Schedule:
    """Starts runs when they are due. `run` goes on until it is cancelled."""

    def __init__(
        self,
        *,
        connections: ConnectionStore,
        runs: RunStore,
        runner: SyncRunner,
        clock: Clock,
        intervals: Intervals,
        tick: timedelta = timedelta(seconds=1),
    ) -> None:
        self._connections = connections
        self._runs = runs
        self._runner = runner
        self._clock = clock
        self._intervals = intervals
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
        if connection.state is ConnectionState.PENDING_CONSENT:
            return
        now = self._clock.now()
        try:
            history = await self._runs.page(connection.id, after=None, limit=_HISTORY)
            if any(not run.state.is_final for run in history[:1]):
                return
            due = next_run(connection, history, self._intervals, now=now)
            if due is not None and now >= due[0]:
                await self._runner.start(connection.id, mode=due[1])
        except (ResourceNotFound, SyncInProgress):
            return  # gone, or somebody else was faster
