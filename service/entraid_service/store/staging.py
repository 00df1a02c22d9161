"""A complete read in the making: rows under a generation of their own that nothing leads to before the commit.

Rows are collected and written in batches. Once the read is complete the edges are copied in the order in which
decisions ask for them, then one small transaction points the connection's snapshot at this generation, so that all of
it is served at once or nothing. How generations are dropped stands in `generations`, how they differ in `difference`.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import aiosqlite

from entraid_service.model.changes import FeedLinks, Removals
from entraid_service.model.connection import Connection
from entraid_service.model.directory import Group, MemberKind, Membership, User
from entraid_service.model.scope import Scope
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.model.syncrun import Changes, SyncRun
from entraid_service.store import generations as gen
from entraid_service.store import rows
from entraid_service.store.database import Database
from entraid_service.store.difference import difference
from entraid_service.store.rows import Key
from entraid_service.store.runs import update_run
from entraid_service.store.userrows import UserRow, delete_users, put_users, user_row

# Ids are random, so every row of a batch lands on a page of its own, which the log then holds: the larger the batch,
# the more rows share a page. Measured, 20,000 users take half as long a row as 5,000, and some 20 MiB of memory.
_USERS_PER_BATCH = 20_000
_GROUPS_PER_BATCH = 20_000
_EDGES_PER_BATCH = 20_000
# Users per piece of the sorted copy: at ten groups each half a million edges, which sort in some 30 MiB of memory.
_USERS_PER_PIECE = 50_000
# Users who are looked through at a time, and decoded on the event loop: some milliseconds.
_USERS_PER_QUERY = 2_000

_PUT_GROUP = "INSERT OR REPLACE INTO directory_group (generation, object_id, record) VALUES (?, ?, ?)"
_PUT_MEMBERSHIP = "INSERT OR IGNORE INTO membership (generation, group_id, member_id) VALUES (?, ?, ?)"
_PUT_NESTING = "INSERT OR IGNORE INTO nesting (generation, group_id, child_id) VALUES (?, ?, ?)"
_PIECE_END = """
SELECT object_id FROM directory_user WHERE generation = ? AND object_id > ? ORDER BY object_id LIMIT 1 OFFSET ?
"""
# The end of the last piece, NULL, is open: edges whose user is unknown are copied as well.
_COPY_PIECE = """
INSERT OR IGNORE INTO member_of (generation, member_id, group_id)
SELECT generation, member_id, group_id FROM membership
WHERE generation = ?1 AND member_id > ?2 AND (?3 IS NULL OR member_id <= ?3)
ORDER BY member_id, group_id
"""
_OUTSIDERS = """
SELECT object_id, record FROM directory_user
WHERE generation = ?1 AND object_id > ?2 AND (?3 IS NULL OR object_id <= ?3) AND object_id NOT IN (
    SELECT m.member_id FROM directory_group g CROSS JOIN membership m ON m.generation = ?1 AND m.group_id = g.object_id
    WHERE g.generation = ?1 AND m.member_id > ?2 AND (?3 IS NULL OR m.member_id <= ?3))
"""
_SERVE = """
INSERT INTO snapshot (connection_id, tenant_id, generation, revision, sync_time, scope) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (connection_id) DO UPDATE SET tenant_id = excluded.tenant_id, generation = excluded.generation,
    revision = excluded.revision, sync_time = excluded.sync_time, scope = excluded.scope
"""


class SqliteStaging:
    """The `Staging` of one generation.

    A batch stays in memory until it is written for certain: a write that failed or was cancelled is repeated with the
    next one, and repeating it changes nothing.
    """

    def __init__(self, database: Database, connection: Connection, *, generation: int) -> None:
        self.generation = generation
        self.is_committed = False
        self._database = database
        self._connection = connection
        self._lock = asyncio.Lock()
        self._users: dict[Key, UserRow] = {}
        self._groups: dict[Key, bytes] = {}
        self._edges: list[tuple[int, Key, Key]] = []
        self._nestings: list[tuple[int, Key, Key]] = []

    async def put_users(self, users: Sequence[User]) -> None:
        """Adds users; see the port."""
        async with self._lock:
            self._users.update((row.key, row) for row in map(user_row, users))
            if len(self._users) >= _USERS_PER_BATCH:
                await self._flush()

    async def put_groups(self, groups: Sequence[Group]) -> None:
        """Adds groups; see the port."""
        async with self._lock:
            self._groups.update((rows.encode_id(group.id), rows.encode_group(group)) for group in groups)
            if len(self._groups) >= _GROUPS_PER_BATCH:
                await self._flush()

    async def put_memberships(self, memberships: Sequence[Membership]) -> None:
        """Adds edges; see the port. Members that are neither users nor groups are left out."""
        async with self._lock:
            for edge in memberships:
                row = (self.generation, rows.encode_id(edge.group_id), rows.encode_id(edge.member_id))
                if edge.kind is MemberKind.USER:
                    self._edges.append(row)
                elif edge.kind is MemberKind.GROUP:
                    self._nestings.append(row)
            if len(self._edges) + len(self._nestings) >= _EDGES_PER_BATCH:
                await self._flush()

    async def drop_users(self) -> None:
        """Drops the users put so far; see the port."""
        async with self._lock:
            self._users.clear()
            await self._check_writable()
            await gen.clear(self._database, gen.USERS, self.generation)
            await gen.clear(self._database, gen.NAMES, self.generation)

    async def drop_groups(self) -> None:
        """Drops the groups put so far; see the port."""
        async with self._lock:
            self._groups.clear()
            await self._check_writable()
            await gen.clear(self._database, gen.GROUPS, self.generation)

    async def drop_memberships(self) -> None:
        """Drops the edges put so far; see the port."""
        async with self._lock:
            self._edges, self._nestings = [], []
            await self._check_writable()
            await gen.clear(self._database, gen.MEMBERSHIPS, self.generation)
            await gen.clear(self._database, gen.NESTING, self.generation)

    async def keep_members_only(self) -> None:
        """Drops users who are in none of the staged groups; see the port."""
        async with self._lock:
            await self._flush()
            for after, until in await self._pieces(_USERS_PER_QUERY):
                async with self._database.transaction(durable=False) as db:
                    found = await db.execute_fetchall(_OUTSIDERS, (self.generation, after, until))
                    await delete_users(db, self.generation, [user_row(rows.decode_user(*row)) for row in found])

    async def changes(self) -> Changes:
        """The difference to what is served now; see the port."""
        async with self._lock:
            await self._flush()
            async with self._database.reading() as db:
                return await difference(db, self._connection.id, self.generation)

    async def removals(self) -> Removals:
        """How much of what is served now this read would remove; see the port."""
        return Removals((0, 0), (0, 0), (0, 0))

    async def commit(
        self,
        run: SyncRun,
        *,
        sync_time: datetime,
        scope: Scope,
        links: FeedLinks | None = None,  # noqa: ARG002 - saved by the next change
    ) -> SnapshotVersion:
        """Serves this read from now on; see the port."""
        async with self._lock:
            await self._flush()
            await self._copy_edges()
            async with self._database.transaction() as db:
                await gen.check_writable(db, self.generation, self._connection)
                revision = await _next_revision(db)
                version = SnapshotVersion(
                    connection_id=self._connection.id,
                    tenant_id=self._connection.tenant_id,
                    generation=self.generation,
                    revision=revision,
                    sync_time=sync_time,
                    scope=scope,
                )
                await db.execute(_SERVE, _snapshot_row(version))
                await update_run(db, replace(run, revision=revision, sync_time=sync_time))
            self.is_committed = True
        return version

    async def discard(self) -> None:
        """Drops everything, unless it was committed; see the port."""
        async with self._lock:
            self._forget()
            # A commit that was cancelled may have been done all the same: what is served is asked of the database.
            await gen.mark_dropped(self._database, self.generation)
            if await self._is_dropped():
                await gen.drop_generation(self._database, self.generation)

    async def _check_writable(self) -> None:
        async with self._database.transaction(durable=False) as db:
            await gen.check_writable(db, self.generation, self._connection)

    async def _flush(self) -> None:
        async with self._database.transaction(durable=False) as db:
            await gen.check_writable(db, self.generation, self._connection)
            await put_users(db, self.generation, list(self._users.values()))
            groups = ((self.generation, key, record) for key, record in self._groups.items())
            await db.executemany(_PUT_GROUP, groups)
            await db.executemany(_PUT_MEMBERSHIP, self._edges)
            await db.executemany(_PUT_NESTING, self._nestings)
        self._forget()
        await self._database.bound_log()

    def _forget(self) -> None:
        self._users, self._groups, self._edges, self._nestings = {}, {}, [], []

    async def _copy_edges(self) -> None:
        # Anew each time: a commit that failed may be repeated after more was put.
        await gen.clear(self._database, gen.MEMBER_OF, self.generation)
        for after, until in await self._pieces(_USERS_PER_PIECE):
            async with self._database.transaction(durable=False) as db:
                await gen.check_writable(db, self.generation, self._connection)
                await db.execute(_COPY_PIECE, (self.generation, after, until))
            await self._database.bound_log()

    async def _pieces(self, size: int) -> list[tuple[Key | int, Key | None]]:
        """Ranges of `size` users' ids, (after, up to and with), None for open; together they hold every id."""
        ends: list[Key] = []
        async with self._database.reading() as db:
            last: Key | int = rows.FIRST_KEY
            while found := list(await db.execute_fetchall(_PIECE_END, (self.generation, last, size - 1))):
                last = found[0][0]
                ends.append(found[0][0])
        return list(zip([rows.FIRST_KEY, *ends], [*ends, None], strict=True))

    async def _is_dropped(self) -> bool:
        async with self._database.reading() as db:
            found = await db.execute_fetchall(
                "SELECT 1 FROM generation WHERE id = ? AND is_dropped", (self.generation,)
            )
            return bool(list(found))


async def _next_revision(db: aiosqlite.Connection) -> int:
    await db.execute("UPDATE last_revision SET value = value + 1")
    return next(int(row[0]) for row in await db.execute_fetchall("SELECT value FROM last_revision"))


def _snapshot_row(version: SnapshotVersion) -> tuple[str | int, ...]:
    return (
        version.connection_id,
        version.tenant_id,
        version.generation,
        version.revision,
        rows.encode_time(version.sync_time),
        rows.encode_scope(version.scope),
    )
