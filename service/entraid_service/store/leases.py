"""The lease of a run: who drives it, until when, and that nobody writes for a run that is no longer his.

A run's row is its lease. Its process extends it whenever it saves the run; once it has expired, or once its process is
gone, another may fail the run and start the next. A process that was only slow finds that out in the transaction in
which it would have written: that is the fence, and clocks need not be right for it.
"""

from datetime import UTC, datetime, timedelta

import aiosqlite

from entraid_service.errors import ResourceNotFound, RunSuperseded
from entraid_service.model.syncrun import SyncRun
from entraid_service.ports.clock import Clock
from entraid_service.store import rows
from entraid_service.store.presence import Presence

LEASE = timedelta(seconds=30)
"""Runs save themselves every second: a process that was silent for so long is stuck."""

_LEASE = "SELECT is_running AND holder = ? FROM sync_run WHERE connection_id = ? AND id = ?"


class SystemClock:
    """Implements `ports.Clock` by the system's clock."""

    def now(self) -> datetime:
        """See `ports.Clock.now`."""
        return datetime.now(UTC)


class Leases:
    """Takes and judges leases for the process of `presence`; `length` is how long one lasts."""

    def __init__(self, presence: Presence, *, clock: Clock, length: timedelta) -> None:
        self._presence = presence
        self._clock = clock
        self._length = length

    @property
    def holder(self) -> str:
        """The name under which this process holds leases."""
        return self._presence.holder

    def now(self) -> datetime:
        """The time, as leases see it."""
        return self._clock.now()

    def next_end(self) -> int:
        """When a lease that is taken or extended now ends, as kept in a row."""
        return rows.encode_time(self._clock.now() + self._length)

    def is_over(self, holder: str, lease_end: int) -> bool:
        """Whether a lease has expired, or its process is gone."""
        return lease_end <= rows.encode_time(self._clock.now()) or not self.is_there(holder)

    def is_there(self, holder: str) -> bool:
        """Whether a process still has the database open."""
        return self._presence.is_there(holder)

    async def check(self, db: aiosqlite.Connection, run: SyncRun) -> None:
        """The fence, asked within the transaction that writes for a run.

        Raises:
            RunSuperseded: The run has ended, or another process drives it.
            ResourceNotFound: There is no such run: it went with its connection, whoever has that name by now.
        """
        for (is_ours,) in await db.execute_fetchall(_LEASE, (self.holder, run.connection_id, run.id)):
            if is_ours:
                return
            raise superseded(run)
        raise ResourceNotFound("connection", f"connections/{run.connection_id}")


def superseded(run: SyncRun) -> RunSuperseded:
    """What a process is told that goes on with a run which is no longer its own."""
    return RunSuperseded(
        f"run `{run.id}` has ended already, or another process took its place: nothing that it does takes effect any "
        "more; look at the connection's newest run"
    )
