"""When a connection is due for its next sync, and for which kind: by its runs, which every process can read.

Failures wait longer each time; a run that is held back waits for a person, and is looked at again only seldom, as each
look is a full read.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from entraid_service.model.connection import Connection, ConnectionState
from entraid_service.model.syncrun import RunState, SyncMode, SyncRun
from entraid_service.ports import Clock, RunStore

_RECENT = 16
"""Runs that are looked at: more failures in a row than this do not wait any longer."""

_LONGEST_WAIT = timedelta(minutes=30)
_HELD_WAIT = timedelta(minutes=15)
_JITTER = 0.1


@dataclass(frozen=True, slots=True)
class Intervals:
    """How often. Zero turns a kind of sync off."""

    incremental: timedelta
    full: timedelta


def due_time(connection: Connection, recent: Sequence[SyncRun], intervals: Intervals) -> datetime | None:
    """When anything is due at the earliest, by the latest runs (newest first); None if never. Pure.

    A connection that nobody has synced yet is due one interval after it was made or authorized anew, so that whoever
    connects it can start the first sync himself.
    """
    step = intervals.incremental or intervals.full
    if not step:
        return None
    ended = [run for run in recent if run.end_time is not None]
    if not ended or ended[0].end_time is None:
        return connection.update_time + step
    return ended[0].end_time + _wait(ended, step)


def next_run(
    connection: Connection,
    recent: Sequence[SyncRun],
    intervals: Intervals,
    *,
    last_full: datetime | None,
    now: datetime,
) -> tuple[datetime, SyncMode] | None:
    """When a connection is due and for what; `last_full` is when its last good full run ended. None if never. Pure."""
    due = due_time(connection, recent, intervals)
    if due is None:
        return None
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
    return min(step * (1 << failures), max(step, _LONGEST_WAIT))


def _spread(connection: Connection) -> float:
    """Between 0.9 and 1.1, the same each time: connections that were made together do not read in full together."""
    digest = hashlib.sha256(connection.uid.encode()).digest()
    return 1 - _JITTER + 2 * _JITTER * digest[0] / 255


class Forecast:
    """Tells when connections are due."""

    def __init__(self, *, runs: RunStore, clock: Clock, intervals: Intervals) -> None:
        self._runs = runs
        self._clock = clock
        self._intervals = intervals

    async def next_time(self, connection: Connection) -> datetime | None:
        """When a connection is synced next without being asked; None for never, and while a run is under way.

        Raises:
            ResourceNotFound: There is no such connection any more.
            StoreUnavailable: The database cannot be read.
        """
        planned = await self._planned(connection)
        return None if planned is None else planned[0]

    async def due_now(self, connection: Connection) -> SyncMode | None:
        """What a connection is due for at this moment, None for nothing.

        Raises:
            ResourceNotFound, StoreUnavailable: As `next_time`.
        """
        now = self._clock.now()
        planned = await self._planned(connection, until=now)
        return planned[1] if planned is not None and now >= planned[0] else None

    async def _planned(
        self, connection: Connection, *, until: datetime | None = None
    ) -> tuple[datetime, SyncMode] | None:
        """The next run; nothing is worked out in full of one that is due after `until`."""
        if connection.state is ConnectionState.PENDING_CONSENT:
            return None
        recent = await self._runs.page(connection.id, after=None, limit=_RECENT)
        if any(not run.state.is_final for run in recent[:1]):
            return None
        due = due_time(connection, recent, self._intervals)
        if due is None or (until is not None and due > until):
            return None
        last_full = await self._runs.last_full(connection.id)
        return next_run(connection, recent, self._intervals, last_full=last_full, now=self._clock.now())
