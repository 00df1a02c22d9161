"""Which version of a connection is served: one row, which a commit turns over.

Serving another version, or the same one as of a later time, drops what was held back for the connection: that was
read before, and would lead back to what is not so any more.
Nothing here begins or ends a transaction.
"""

import aiosqlite

from entraid_service.errors import ResourceNotFound, RunSuperseded
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.store import rows
from entraid_service.store.held import drop_held

_SERVE = """
INSERT INTO snapshot (connection_id, tenant_id, generation, revision, sync_time, scope) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (connection_id) DO UPDATE SET tenant_id = excluded.tenant_id, generation = excluded.generation,
    revision = excluded.revision, sync_time = excluded.sync_time, scope = excluded.scope
"""
_NOTE_GROUPS = "UPDATE generation SET groups_revision = ? WHERE id = ?"
_IS_SERVED = "SELECT 1 FROM snapshot WHERE connection_id = ? AND generation = ? AND revision = ?"


async def next_revision(db: aiosqlite.Connection) -> int:
    """A revision that was never used, by any connection."""
    await db.execute("UPDATE last_revision SET value = value + 1")
    return next(int(row[0]) for row in await db.execute_fetchall("SELECT value FROM last_revision"))


async def serve(db: aiosqlite.Connection, version: SnapshotVersion) -> None:
    """Serves a version under its new revision."""
    await db.execute(_SERVE, _row(version))
    await drop_held(db, version.connection_id)


async def serve_as_of(db: aiosqlite.Connection, version: SnapshotVersion) -> None:
    """Notes that what is served was found unchanged at a later time; what was held before that is older than it."""
    await db.execute(_SERVE, _row(version))
    await drop_held(db, version.connection_id)


async def note_groups(db: aiosqlite.Connection, version: SnapshotVersion) -> None:
    """Notes at which revision the groups of what is served last changed."""
    await db.execute(_NOTE_GROUPS, (version.groups_revision, version.generation))


async def check_served(db: aiosqlite.Connection, version: SnapshotVersion) -> None:
    """Whether this very version is served.

    Raises:
        RunSuperseded: another one is, or none.
        ResourceNotFound: the connection was deleted.
    """
    if list(await db.execute_fetchall(_IS_SERVED, (version.connection_id, version.generation, version.revision))):
        return
    if not list(await db.execute_fetchall("SELECT 1 FROM connection WHERE id = ?", (version.connection_id,))):
        raise ResourceNotFound("connection", f"connections/{version.connection_id}")
    raise RunSuperseded(
        f"revision {version.revision} of connection `{version.connection_id}` is not served any more, so what was read "
        "on top of it cannot take effect; sync again"
    )


def _row(version: SnapshotVersion) -> tuple[str | int, ...]:
    return (
        version.connection_id,
        version.tenant_id,
        version.generation,
        version.revision,
        rows.encode_time(version.sync_time),
        rows.encode_scope(version.scope),
    )
