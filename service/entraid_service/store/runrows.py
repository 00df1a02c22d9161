"""The row of a run: its record, whether it runs, and its lease. Nothing here begins or ends a transaction."""

from dataclasses import dataclass

import aiosqlite

from entraid_service.model.ids import ConnectionId, SyncRunId
from entraid_service.model.syncrun import SyncRun
from entraid_service.store import rows

NOBODY = ""
"""The holder of a run that was taken from its process."""

_INSERT = """
INSERT INTO sync_run (connection_id, id, create_time, is_running, request_id, record, holder, lease_end)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_EXTEND = "UPDATE sync_run SET record = ?, lease_end = ? WHERE connection_id = ? AND id = ?"
_END = "UPDATE sync_run SET is_running = 0, record = ? WHERE connection_id = ? AND id = ?"
_TAKE_AWAY = "UPDATE sync_run SET is_running = 0, record = ?, holder = ? WHERE connection_id = ? AND id = ?"
_ASK_TO_CANCEL = "UPDATE sync_run SET is_cancel_asked = 1 WHERE connection_id = ? AND id = ? AND is_running"
_IS_WANTED = "SELECT 1 FROM sync_run WHERE connection_id = ? AND id = ? AND NOT is_cancel_asked"
_COLUMNS = "SELECT record, is_running, holder, lease_end FROM sync_run"
_ONE = f"{_COLUMNS} WHERE connection_id = ? AND id = ?"
_RUNNING = f"{_COLUMNS} WHERE connection_id = ? AND is_running"
_ALL_RUNNING = f"{_COLUMNS} WHERE is_running"


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as it is kept, with its lease."""

    run: SyncRun
    is_running: bool
    holder: str
    lease_end: int


async def insert_run(db: aiosqlite.Connection, run: SyncRun, *, holder: str, lease_end: int) -> None:
    """Adds a run."""
    created, is_running = rows.encode_time(run.create_time), not run.state.is_final
    values = (run.connection_id, run.id, created, is_running, run.request_id, rows.encode_run(run))
    await db.execute(_INSERT, (*values, holder, lease_end))


async def read_row(db: aiosqlite.Connection, connection_id: ConnectionId, run_id: SyncRunId) -> RunRow | None:
    """One run with its lease, None if there is none."""
    return next(iter(await _rows(db, _ONE, connection_id, run_id)), None)


async def read_run(db: aiosqlite.Connection, connection_id: ConnectionId, run_id: SyncRunId) -> SyncRun | None:
    """One run, None if there is none."""
    row = await read_row(db, connection_id, run_id)
    return None if row is None else row.run


async def running(db: aiosqlite.Connection, connection_id: ConnectionId) -> RunRow | None:
    """The run of a connection that has not ended, None if there is none."""
    return next(iter(await _rows(db, _RUNNING, connection_id)), None)


async def all_running(db: aiosqlite.Connection) -> list[RunRow]:
    """Every run that has not ended."""
    return await _rows(db, _ALL_RUNNING)


async def write_moving(db: aiosqlite.Connection, run: SyncRun, *, lease_end: int) -> None:
    """Saves where a run stands, and extends its lease."""
    await db.execute(_EXTEND, (rows.encode_run(run), lease_end, run.connection_id, run.id))


async def write_ended(db: aiosqlite.Connection, run: SyncRun) -> None:
    """Saves how a run ended."""
    await db.execute(_END, (rows.encode_run(run), run.connection_id, run.id))


async def take_away(db: aiosqlite.Connection, run: SyncRun) -> None:
    """Ends a run whose process did not."""
    await db.execute(_TAKE_AWAY, (rows.encode_run(run), NOBODY, run.connection_id, run.id))


async def ask_to_cancel(db: aiosqlite.Connection, connection_id: ConnectionId, run_id: SyncRunId) -> None:
    """Marks a run that has not ended."""
    await db.execute(_ASK_TO_CANCEL, (connection_id, run_id))


async def is_wanted(db: aiosqlite.Connection, connection_id: ConnectionId, run_id: SyncRunId) -> bool:
    """Whether a run is there and not marked."""
    return bool(list(await db.execute_fetchall(_IS_WANTED, (connection_id, run_id))))


async def _rows(db: aiosqlite.Connection, query: str, *values: str) -> list[RunRow]:
    found = await db.execute_fetchall(query, values)
    return [RunRow(rows.decode_run(row[0]), bool(row[1]), row[2], row[3]) for row in found]
