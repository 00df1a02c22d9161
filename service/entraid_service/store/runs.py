"""Sync runs and their history.

That one run of a connection is under way at most, and that a request id starts one run only, are unique indexes: two
processes cannot both succeed. A run that is committed is saved by `staging`, in the transaction of its data.
"""

from dataclasses import replace
from datetime import datetime

import aiosqlite

from entraid_service.errors import ResourceNotFound, SyncInProgress
from entraid_service.model.ids import ConnectionId, SyncRunId
from entraid_service.model.report import ErrorReport
from entraid_service.model.syncrun import RunState, SyncRun
from entraid_service.store import rows
from entraid_service.store.database import Database

_INSERT = """
INSERT INTO sync_run (connection_id, id, create_time, is_running, request_id, record) VALUES (?, ?, ?, ?, ?, ?)
"""
_UPDATE = "UPDATE sync_run SET is_running = ?, record = ? WHERE connection_id = ? AND id = ?"
_GET = "SELECT record FROM sync_run WHERE connection_id = ? AND id = ?"
_REQUESTED = "SELECT record FROM sync_run WHERE connection_id = ? AND request_id = ? AND request_id <> ''"
_RUNNING = "SELECT id FROM sync_run WHERE connection_id = ? AND is_running"
_ALL_RUNNING = "SELECT record FROM sync_run WHERE is_running"
_FIRST_PAGE = "SELECT record FROM sync_run WHERE connection_id = ? ORDER BY create_time DESC, id DESC LIMIT ?"
_NEXT_PAGE = """
SELECT record FROM sync_run WHERE connection_id = ? AND (create_time, id) < (?, ?)
ORDER BY create_time DESC, id DESC LIMIT ?
"""


class SqliteRuns:
    """The `RunStore` of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def start(self, run: SyncRun) -> SyncRun:
        """Saves a new run; see the port."""
        async with self._database.transaction() as db:
            await _check_connection(db, run.connection_id)
            for row in await db.execute_fetchall(_REQUESTED, (run.connection_id, run.request_id)):
                return rows.decode_run(row[0])
            for row in await db.execute_fetchall(_RUNNING, (run.connection_id,)):
                raise SyncInProgress(f"connections/{run.connection_id}/syncRuns/{row[0]}")
            await db.execute(_INSERT, _values(run))
        return run

    async def save(self, run: SyncRun) -> None:
        """Saves where a run stands; see the port. May be lost to a power cut, unless the run has ended."""
        async with self._database.transaction(durable=run.state.is_final) as db:
            await update_run(db, run)

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

    async def fail_interrupted(self, error: ErrorReport, *, end_time: datetime) -> int:
        """Ends every run that has not ended as failed; see the port."""
        async with self._database.transaction() as db:
            runs = [rows.decode_run(row[0]) for row in await db.execute_fetchall(_ALL_RUNNING)]
            for run in runs:
                await update_run(db, replace(run, state=RunState.FAILED, error=error, end_time=end_time))
        return len(runs)


async def update_run(db: aiosqlite.Connection, run: SyncRun) -> None:
    """Saves where a run stands, within a transaction; a run that is gone is left gone."""
    await db.execute(_UPDATE, (not run.state.is_final, rows.encode_run(run), run.connection_id, run.id))


async def _read(db: aiosqlite.Connection, connection_id: ConnectionId, run_id: SyncRunId) -> SyncRun:
    for row in await db.execute_fetchall(_GET, (connection_id, run_id)):
        return rows.decode_run(row[0])
    raise ResourceNotFound("sync run", f"connections/{connection_id}/syncRuns/{run_id}")


async def _check_connection(db: aiosqlite.Connection, connection_id: ConnectionId) -> None:
    if not list(await db.execute_fetchall("SELECT 1 FROM connection WHERE id = ?", (connection_id,))):
        raise ResourceNotFound("connection", connection_id)


def _values(run: SyncRun) -> tuple[str | int, ...]:
    return (
        run.connection_id,
        run.id,
        rows.encode_time(run.create_time),
        not run.state.is_final,
        run.request_id,
        rows.encode_run(run),
    )
