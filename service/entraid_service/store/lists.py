"""The read side for people: pages of users and groups, each with the version it was read from, in one moment.

Pages go by object id (`WHERE object_id > ?`), so that a row that was there throughout comes once, whatever is committed
between two pages.
"""

import sqlite3
from collections.abc import Iterable

import aiosqlite

from entraid_service.errors import DirectoryNotSynced, ResourceNotFound
from entraid_service.model.candidates import Candidates
from entraid_service.model.directory import User
from entraid_service.model.filters import Filter
from entraid_service.model.ids import ConnectionId, GroupId, UserId, fold_name
from entraid_service.model.keys import Key, decode_id, encode_id
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.ports.decisions import UserRecord
from entraid_service.ports.store import ListedGroup, Listing
from entraid_service.store import rows
from entraid_service.store.database import Database
from entraid_service.store.filtered import Found, Page, groups_passing, users_passing
from entraid_service.store.managers import with_synced_managers
from entraid_service.store.records import read_records
from entraid_service.store.versions import SERVED, decode_version

_USERS = """
SELECT object_id, record FROM directory_user WHERE generation = ? AND object_id > ? ORDER BY object_id LIMIT ?
"""
_USER = "SELECT object_id, record FROM directory_user WHERE generation = ? AND object_id = ?"
_USERS_NAMED = """
SELECT u.object_id, u.record
FROM user_name n CROSS JOIN directory_user u ON u.generation = n.generation AND u.object_id = n.object_id
WHERE n.generation = ? AND n.kind = ? AND n.folded = ? ORDER BY u.object_id
"""
_GROUPS = """
SELECT object_id, record FROM directory_group WHERE generation = ? AND object_id > ? ORDER BY object_id LIMIT ?
"""
_GROUP = "SELECT object_id, record FROM directory_group WHERE generation = ? AND object_id = ?"
# UNION and not UNION ALL: a group that was reached is not walked again, so that cycles end.
_MEMBER_COUNT = """
WITH RECURSIVE reached (group_id) AS (
    VALUES (?2)
    UNION
    SELECT n.child_id FROM reached r CROSS JOIN nesting n ON n.generation = ?1 AND n.group_id = r.group_id
)
SELECT count(DISTINCT m.member_id)
FROM reached r
CROSS JOIN membership m ON m.generation = ?1 AND m.group_id = r.group_id
CROSS JOIN directory_user u ON u.generation = ?1 AND u.object_id = m.member_id
"""


class SqliteLists:
    """The `DirectoryLists` of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def users(
        self, connection_id: ConnectionId, *, after: UserId | None, limit: int, where: Filter | None = None
    ) -> Listing[User]:
        """At most `limit` users behind `after`, of those whom the filter holds of; see the port."""
        async with self._database.reading() as db:
            version = await _version(db, connection_id)
            start = _start(after)
            if where is not None:
                found = await users_passing(db, Page(version, start, limit), where)
            else:
                found = Found(list(await db.execute_fetchall(_USERS, (version.generation, start, limit))))
            return Listing(await _users(db, version, found.rows), version, _reached(found))

    async def records(
        self, connection_id: ConnectionId, *, after: UserId | None, limit: int, among: Candidates | None = None
    ) -> Listing[UserRecord]:
        """At most `limit` users behind `after` as decisions read them; see the port."""
        async with self._database.reading() as db:
            version = await _version(db, connection_id)
            found = await read_records(db, version.generation, start=_start(after), limit=limit, among=among)
            return Listing(found, version)

    async def user(self, connection_id: ConnectionId, name: str) -> Listing[User]:
        """The users that a name finds; see the port."""
        async with self._database.reading() as db:
            version = await _version(db, connection_id)
            found = list(await db.execute_fetchall(_USER, (version.generation, encode_id(name))))
            if not found:
                named = (version.generation, rows.UPN, fold_name(name))
                found = list(await db.execute_fetchall(_USERS_NAMED, named))
            return Listing(await _users(db, version, found), version)

    async def groups(
        self, connection_id: ConnectionId, *, after: GroupId | None, limit: int, where: Filter | None = None
    ) -> Listing[ListedGroup]:
        """At most `limit` groups behind `after`, of those that the filter holds of; see the port."""
        async with self._database.reading() as db:
            version = await _version(db, connection_id)
            start = _start(after)
            if where is not None:
                found = await groups_passing(db, Page(version, start, limit), where)
            else:
                found = Found(list(await db.execute_fetchall(_GROUPS, (version.generation, start, limit))))
            return Listing([await _listed(db, version, row) for row in found.rows], version, _reached(found))

    async def group(self, connection_id: ConnectionId, group_id: GroupId) -> Listing[ListedGroup]:
        """One group or none; see the port."""
        async with self._database.reading() as db:
            version = await _version(db, connection_id)
            found = await db.execute_fetchall(_GROUP, (version.generation, encode_id(group_id)))
            return Listing([await _listed(db, version, row) for row in found], version)

    async def version(self, connection_id: ConnectionId) -> SnapshotVersion:
        """The version that is served now; see the port."""
        async with self._database.reading() as db:
            return await _version(db, connection_id)


async def _version(db: aiosqlite.Connection, connection_id: ConnectionId) -> SnapshotVersion:
    for row in await db.execute_fetchall(SERVED, (connection_id,)):
        return decode_version(connection_id, row)
    if list(await db.execute_fetchall("SELECT 1 FROM connection WHERE id = ?", (connection_id,))):
        raise DirectoryNotSynced(
            f"connection `{connection_id}` has no directory data yet: no sync of it has completed; start one, and wait "
            "until it has succeeded"
        )
    raise ResourceNotFound("connection", f"connections/{connection_id}")


async def _users(db: aiosqlite.Connection, version: SnapshotVersion, found: Iterable[sqlite3.Row]) -> list[User]:
    users = [rows.decode_user(row[0], row[1]) for row in found]
    return await with_synced_managers(db, version.generation, users)


async def _listed(db: aiosqlite.Connection, version: SnapshotVersion, row: sqlite3.Row) -> ListedGroup:
    (counted,) = await db.execute_fetchall(_MEMBER_COUNT, (version.generation, row[0]))
    return ListedGroup(rows.decode_group(row[0], row[1]), member_count=counted[0])


def _reached(found: Found) -> str | None:
    return None if found.reached is None else decode_id(found.reached)


def _start(after: str | None) -> Key | int:
    return rows.FIRST_KEY if after is None else encode_id(after)
