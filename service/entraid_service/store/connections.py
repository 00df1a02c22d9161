"""Connections and their sealed credentials.

One row each; a change by a caller checks and raises the version in the same statement, a change of health does not.
Directory data goes with its connection: `directory` drops it once the connection is gone.
"""

import sqlite3
from collections.abc import Awaitable, Callable

import aiosqlite

from entraid_service.errors import ConnectionExists, EtagMismatch, ResourceNotFound
from entraid_service.model.connection import Connection, ConnectionState
from entraid_service.model.ids import ConnectionId, TenantId
from entraid_service.model.report import ErrorReport
from entraid_service.ports.store import SealedCredential
from entraid_service.store import rows
from entraid_service.store.database import Database

_COLUMNS = (
    "id, uid, display_name, tenant_id, client_id, state, create_time, update_time, version, groups_to_sync, "
    "granted_permissions, missing_permissions, credential_expire_time, last_error"
)
_INSERT = f"INSERT INTO connection ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants
_REPLACE = """
UPDATE connection SET display_name = ?, tenant_id = ?, client_id = ?, state = ?, create_time = ?, update_time = ?,
    version = ?, groups_to_sync = ?, granted_permissions = ?, missing_permissions = ?, credential_expire_time = ?,
    last_error = ?
WHERE id = ?
"""
_SET_CREDENTIAL = """
INSERT INTO credential (connection_id, kind, sealed) VALUES (?, ?, ?)
ON CONFLICT (connection_id) DO UPDATE SET kind = excluded.kind, sealed = excluded.sealed
"""
_SET_HEALTH = """
UPDATE connection SET state = ?, last_error = ?, granted_permissions = coalesce(?, granted_permissions),
    missing_permissions = coalesce(?, missing_permissions)
WHERE id = ?
"""
_GET = f"SELECT {_COLUMNS} FROM connection WHERE id = ?"  # noqa: S608 - constants
_PAGE = f"SELECT {_COLUMNS} FROM connection WHERE id > ? ORDER BY id LIMIT ?"  # noqa: S608 - constants
_DROP_GENERATIONS = """
UPDATE generation SET is_dropped = 1
WHERE connection_uid = (SELECT uid FROM connection WHERE id = ?)
"""


class SqliteConnections:
    """The `ConnectionStore` of one database. `sweep` is called after a deletion to drop what is left of its data."""

    def __init__(self, database: Database, *, sweep: Callable[[], Awaitable[None]]) -> None:
        self._database = database
        self._sweep = sweep

    async def create(self, connection: Connection, credential: SealedCredential | None) -> None:
        """Adds a connection; see the port."""
        async with self._database.transaction() as db:
            try:
                await db.execute(_INSERT, (connection.id, connection.uid, *_settings(connection)))
            except sqlite3.IntegrityError as error:
                raise ConnectionExists(
                    f"a connection named `{connection.id}` exists already; choose another id, or disconnect it first"
                ) from error
            await _set_credential(db, connection.id, credential)

    async def replace(
        self, connection: Connection, credential: SealedCredential | None, *, expected_version: int
    ) -> None:
        """Replaces a connection's settings; see the port."""
        async with self._database.transaction() as db:
            found = await _read(db, connection.id)
            if found.uid != connection.uid:
                raise ResourceNotFound("connection", f"connections/{connection.id}")
            _check_version(found, expected_version)
            await db.execute(_REPLACE, (*_settings(connection), connection.id))
            await _set_credential(db, connection.id, credential)

    async def set_health(
        self,
        connection_id: ConnectionId,
        *,
        state: ConnectionState,
        last_error: ErrorReport | None,
        granted_permissions: tuple[str, ...] | None = None,
        missing_permissions: tuple[str, ...] | None = None,
    ) -> None:
        """Notes how the connection stands; see the port."""
        granted = None if granted_permissions is None else rows.encode_texts(granted_permissions)
        missing = None if missing_permissions is None else rows.encode_texts(missing_permissions)
        values = (state.value, rows.encode_report(last_error), granted, missing, connection_id)
        async with self._database.transaction() as db:
            await db.execute(_SET_HEALTH, values)

    async def get(self, connection_id: ConnectionId) -> Connection:
        """Reads one; see the port."""
        async with self._database.reading() as db:
            return await _read(db, connection_id)

    async def credential(self, connection_id: ConnectionId) -> SealedCredential | None:
        """Reads the credential of one; see the port."""
        async with self._database.reading() as db:
            await _read(db, connection_id)
            for row in await db.execute_fetchall(
                "SELECT kind, sealed FROM credential WHERE connection_id = ?", (connection_id,)
            ):
                return SealedCredential(kind=row[0], sealed=row[1])
        return None

    async def page(self, *, after: ConnectionId | None, limit: int) -> list[Connection]:
        """At most `limit` connections behind `after`; see the port."""
        async with self._database.reading() as db:
            return [_decode(row) for row in await db.execute_fetchall(_PAGE, (after or "", limit))]

    async def delete(self, connection_id: ConnectionId, *, expected_version: int | None = None) -> None:
        """Deletes a connection and everything that is kept of it; see the port.

        Readers see it gone at once; the rows of its directory, which nothing leads to any more, are overwritten in
        steps before this returns, or by the next `clean_up` if this is cancelled.
        """
        async with self._database.transaction() as db:
            found = await _read(db, connection_id)
            if expected_version is not None:
                _check_version(found, expected_version)
            await db.execute(_DROP_GENERATIONS, (connection_id,))
            # Credential, runs and snapshot go with it (ON DELETE CASCADE).
            await db.execute("DELETE FROM connection WHERE id = ?", (connection_id,))
        await self._sweep()


async def _read(db: aiosqlite.Connection, connection_id: ConnectionId) -> Connection:
    for row in await db.execute_fetchall(_GET, (connection_id,)):
        return _decode(row)
    raise ResourceNotFound("connection", f"connections/{connection_id}")


async def _set_credential(
    db: aiosqlite.Connection, connection_id: ConnectionId, credential: SealedCredential | None
) -> None:
    if credential is not None:
        await db.execute(_SET_CREDENTIAL, (connection_id, credential.kind, credential.sealed))


def _check_version(found: Connection, expected: int) -> None:
    if found.version != expected:
        raise EtagMismatch(
            f"the connection `{found.id}` was changed meanwhile; read it again, apply the change to what it is now, "
            "and send that with the new etag"
        )


def _settings(connection: Connection) -> tuple[str | int | None, ...]:
    expire_time = connection.credential_expire_time
    return (
        connection.display_name,
        connection.tenant_id,
        connection.client_id,
        connection.state.value,
        rows.encode_time(connection.create_time),
        rows.encode_time(connection.update_time),
        connection.version,
        rows.encode_texts(connection.groups_to_sync),
        rows.encode_texts(connection.granted_permissions),
        rows.encode_texts(connection.missing_permissions),
        None if expire_time is None else rows.encode_time(expire_time),
        rows.encode_report(connection.last_error),
    )


def _decode(row: sqlite3.Row) -> Connection:
    return Connection(
        id=ConnectionId(row[0]),
        uid=row[1],
        display_name=row[2],
        tenant_id=TenantId(row[3]),
        client_id=row[4],
        state=ConnectionState(row[5]),
        create_time=rows.decode_time(row[6]),
        update_time=rows.decode_time(row[7]),
        version=row[8],
        groups_to_sync=rows.decode_texts(row[9]),
        granted_permissions=rows.decode_texts(row[10]),
        missing_permissions=rows.decode_texts(row[11]),
        credential_expire_time=None if row[12] is None else rows.decode_time(row[12]),
        last_error=rows.decode_report(row[13]),
    )
