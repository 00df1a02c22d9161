"""Sync runs and their history.

That one run of a connection is under way at most, and that a request id starts one run only, are unique indexes: two
processes cannot both succeed. A run's row is its lease, see `leases`. A run that takes effect is saved in the
transaction of its data, by `staging` and `directory`.
"""

from dataclasses import replace
from datetime import datetime

import aiosqlite

from entraid_service.errors import ResourceNotFound, SyncInProgress
from entraid_service.model.ids import ConnectionId, SyncRunId
from entraid_service.model.report import ErrorReport
from entraid_service.model.syncrun import RunState, SyncMode, SyncRun
from entraid_service.store import rows, runrows
from entraid_service.store.database import Database
from entraid_service.store.leases import Leases, superseded
from entraid_service.store.runrows import RunRow

_REQUESTED = "SELECT record FROM sync_run WHERE connection_id = ? AND request_id = ? AND request_id <> ''"
_FIRST_PAGE = "SELECT record FROM sync_run WHERE connection_id = ? ORDER BY create_time DESC, id DESC LIMIT ?"
_NEXT_PAGE = """
SELECT record FROM sync_run WHERE connection_id = ? AND (create_time, id) < (?, ?)
ORDER BY create_time DESC, id DESC LIMIT ?
"""
_FULL_AND_GOOD = (SyncMode.FULL.value, RunState.SUCCEEDED.value)
_LAST_FULL = """
SELECT record FROM sync_run
WHERE connection_id = ? AND json_extract(record, '$.mode') = ? AND json_extract(record, '$.state') = ?
ORDER BY create_time DESC, id DESC LIMIT 1
"""
# Neither the last good full run goes, by which the next one is due, nor a held one, which somebody may still approve.
_FORGET = """
DELETE FROM sync_run WHERE connection_id = ?1 AND NOT is_running
AND (create_time, id) <= (
    SELECT create_time, id FROM sync_run WHERE connection_id = ?1 ORDER BY create_time DESC, id DESC LIMIT 1 OFFSET ?4)
AND id NOT IN (
    SELECT id FROM sync_run
    WHERE connection_id = ?1 AND json_extract(record, '$.mode') = ?2 AND json_extract(record, '$.state') = ?3
    ORDER BY create_time DESC, id DESC LIMIT 1)
AND id NOT IN (SELECT run_id FROM held_read WHERE connection_id = ?1)
"""
_LOST = ErrorReport(
    status="ABORTED",
    message=(
        "the run lost its process: that ended, or did not answer for longer than its lease; nothing of the run was "
        "kept, and a later one took its place"
    ),
)


class SqliteRuns:
    """The `RunStore` of one database, for one process."""

    def __init__(self, database: Database, *, leases: Leases, most: int = 5_000) -> None:
        """`most` is how many runs of each connection are kept: a week of them, at one every two minutes."""
        self._database = database
        self._leases = leases
        self._most = most

    async def start(self, run: SyncRun) -> SyncRun:
        """Saves a new run and takes its lease; see the port."""
        async with self._database.transaction() as db:
            await _check_connection(db, run.connection_id)
            for row in await db.execute_fetchall(_REQUESTED, (run.connection_id, run.request_id)):
                return rows.decode_run(row[0])
            former = await runrows.running(db, run.connection_id)
            if former is not None:
                await self._take_over(db, former)
            await runrows.insert_run(db, run, holder=self._leases.holder, lease_end=self._leases.next_end())
            await db.execute(_FORGET, (run.connection_id, *_FULL_AND_GOOD, self._most))
        return run

    async def save(self, run: SyncRun) -> None:
        """Saves where a run stands; see the port. May be lost to a power cut, unless the run has ended."""
        async with self._database.transaction(durable=run.state.is_final) as db:
            row = await runrows.read_row(db, run.connection_id, run.id)
            if row is None:
                return
            if row.is_running and row.holder == self._leases.holder:
                await self._write(db, run)
            elif row.run.state is RunState.HELD and run.state.is_final:
                await runrows.write_ended(db, run)
            elif row.is_running or not self._is_late(row, run):
                raise superseded(run)

    async def get(self, connection_id: ConnectionId, run_id: SyncRunId) -> SyncRun:
        """Reads one; see the port."""
        async with self._database.reading() as db:
            return await _read(db, connection_id, run_id)

    async def page(self, connection_id: ConnectionId, *, after: SyncRunId | None, limit: int) -> list[SyncRun]:
        """At most `limit` runs behind `after`, newest first; see the port.

        Raises:
            ResourceNotFound: there is no such connection, or no run `after`.
        """
        async with self._database.reading() as db:
            await _check_connection(db, connection_id)
            if after is None:
                found = await db.execute_fetchall(_FIRST_PAGE, (connection_id, limit))
            else:
                last = rows.encode_time((await _read(db, connection_id, after)).create_time)
                found = await db.execute_fetchall(_NEXT_PAGE, (connection_id, last, after, limit))
            return [rows.decode_run(row[0]) for row in found]

    async def last_full(self, connection_id: ConnectionId) -> datetime | None:
        """When the newest full run that succeeded ended; see the port."""
        async with self._database.reading() as db:
            for row in await db.execute_fetchall(_LAST_FULL, (connection_id, *_FULL_AND_GOOD)):
                return rows.decode_run(row[0]).end_time
        return None

    async def ask_to_cancel(self, connection_id: ConnectionId, run_id: SyncRunId) -> None:
        """Leaves word for the process that drives a run; see the port."""
        async with self._database.transaction(durable=False) as db:
            await runrows.ask_to_cancel(db, connection_id, run_id)

    async def is_wanted(self, connection_id: ConnectionId, run_id: SyncRunId) -> bool:
        """Whether a run is to go on; see the port."""
        async with self._database.reading() as db:
            return await runrows.is_wanted(db, connection_id, run_id)

    async def fail_interrupted(self, error: ErrorReport, *, end_time: datetime) -> int:
        """Ends every run whose process is gone or whose lease has expired; see the port."""
        async with self._database.transaction() as db:
            lost = [row for row in await runrows.all_running(db) if self._leases.is_over(row.holder, row.lease_end)]
            for row in lost:
                await runrows.take_away(db, replace(row.run, state=RunState.FAILED, error=error, end_time=end_time))
        return len(lost)

    async def _take_over(self, db: aiosqlite.Connection, former: RunRow) -> None:
        run = former.run
        if not self._leases.is_over(former.holder, former.lease_end):
            raise SyncInProgress(f"connections/{run.connection_id}/syncRuns/{run.id}")
        await runrows.take_away(db, replace(run, state=RunState.FAILED, error=_LOST, end_time=self._leases.now()))

    async def _write(self, db: aiosqlite.Connection, run: SyncRun) -> None:
        if run.state.is_final:
            await runrows.write_ended(db, run)
        else:
            await runrows.write_moving(db, run, lease_end=self._leases.next_end())

    def _is_late(self, row: RunRow, run: SyncRun) -> bool:
        # Progress may be told while the run's own commit has ended it already; an end may be told twice.
        is_progress = not run.state.is_final and row.holder == self._leases.holder
        return is_progress or row.run == run


async def _read(db: aiosqlite.Connection, connection_id: ConnectionId, run_id: SyncRunId) -> SyncRun:
    if run := await runrows.read_run(db, connection_id, run_id):
        return run
    raise ResourceNotFound("sync run", f"connections/{connection_id}/syncRuns/{run_id}")


async def _check_connection(db: aiosqlite.Connection, connection_id: ConnectionId) -> None:
    if not list(await db.execute_fetchall("SELECT 1 FROM connection WHERE id = ?", (connection_id,))):
        raise ResourceNotFound("connection", f"connections/{connection_id}")
