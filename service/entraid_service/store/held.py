"""Complete reads that wait for a person's word, at most one for each connection.

A held read is a generation that nothing serves and no clean-up drops. It ends by being released, or by being dropped
when a later run takes effect; its run then says so, for there is nothing left to approve. Nothing here begins or ends a
transaction.
"""

from dataclasses import dataclass, replace
from datetime import datetime

import aiosqlite

from entraid_service.errors import RunSuperseded
from entraid_service.model.ids import ConnectionId, SyncRunId, TenantId
from entraid_service.model.scope import Scope
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.model.syncrun import RunState, SyncRun
from entraid_service.store import rows
from entraid_service.store.runrows import read_run, write_ended

_HOLD = "INSERT INTO held_read (connection_id, run_id, generation, sync_time, scope) VALUES (?, ?, ?, ?, ?)"
_TAKE = """
DELETE FROM held_read
WHERE connection_id = ?1 AND run_id = ?2 AND generation IN (
    SELECT g.id FROM generation g CROSS JOIN connection c ON c.id = ?1 AND c.uid = g.connection_uid
    WHERE NOT g.is_dropped)
RETURNING generation, sync_time, scope, (SELECT tenant_id FROM generation WHERE id = held_read.generation)
"""
_DROP = "DELETE FROM held_read WHERE connection_id = ? RETURNING run_id, generation"


@dataclass(frozen=True, slots=True)
class HeldRead:
    """What was held: a complete generation, when its read began, and what it knows about."""

    generation: int
    sync_time: datetime
    scope: Scope


async def put_held(db: aiosqlite.Connection, run: SyncRun, held: HeldRead) -> None:
    """Holds a read for its run, in the place of one that was held before."""
    await drop_held(db, run.connection_id)
    values = (run.connection_id, run.id, held.generation, rows.encode_time(held.sync_time))
    await db.execute(_HOLD, (*values, rows.encode_scope(held.scope)))


async def take_held(db: aiosqlite.Connection, run: SyncRun, *, revision: int) -> SnapshotVersion:
    """Takes what is held for a run, so that it is not held any more, as the version to serve.

    Raises:
        RunSuperseded: nothing is.
    """
    for row in list(await db.execute_fetchall(_TAKE, (run.connection_id, run.id))):
        return SnapshotVersion(
            connection_id=run.connection_id,
            tenant_id=TenantId(row[3]),
            generation=row[0],
            revision=revision,
            sync_time=rows.decode_time(row[1]),
            scope=rows.decode_scope(row[2]),
        )
    raise RunSuperseded(
        f"nothing is held back for run `{run.id}` (any more): it was released, or what was served meanwhile is newer; "
        "look at the connection's newest run"
    )


async def drop_held(db: aiosqlite.Connection, connection_id: ConnectionId) -> None:
    """Drops what is held for a connection; its run ends as cancelled."""
    for run_id, generation in list(await db.execute_fetchall(_DROP, (connection_id,))):
        await db.execute("UPDATE generation SET is_dropped = 1 WHERE id = ?", (generation,))
        run = await read_run(db, connection_id, SyncRunId(run_id))
        if run is not None and run.state is RunState.HELD:
            error = RunSuperseded("a later run took effect, so that what this one held back was dropped").report()
            await write_ended(db, replace(run, state=RunState.CANCELLED, error=error))
