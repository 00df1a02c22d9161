"""A complete read in the making: rows under a generation of their own that nothing leads to before the commit.

Rows are collected and written in batches. Once the read is complete the edges are copied in the order in which
decisions ask for them, then one small transaction points the connection's snapshot at this generation, so that all of
it is served at once or nothing; or it is held back for a person to look at. How generations are dropped stands in
`generations`, how they differ in `difference`.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

import aiosqlite

from entraid_service.model.changes import FeedLinks, Removals
from entraid_service.model.connection import Connection
from entraid_service.model.directory import Group, MemberKind, Membership, User
from entraid_service.model.ids import GroupId
from entraid_service.model.keys import Key, encode_id
from entraid_service.model.scope import Scope
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.model.syncrun import Changes, SyncRun
from entraid_service.store import generations as gen
from entraid_service.store import rows
from entraid_service.store.counts import Counts, count_rows, keep_counts
from entraid_service.store.database import Database
from entraid_service.store.difference import Difference, difference, served_generation
from entraid_service.store.edgecopy import copy_edges
from entraid_service.store.held import HeldRead, put_held
from entraid_service.store.leases import Leases
from entraid_service.store.links import save_links
from entraid_service.store.outsiders import drop_outsiders
from entraid_service.store.runrows import write_ended
from entraid_service.store.serving import next_revision, serve
from entraid_service.store.takeback import take_back
from entraid_service.store.userrows import UserRow, put_users, user_row

# Ids are random, so every row of a batch lands on a page of its own, which the log then holds: the larger the batch,
# the more rows share a page. Measured, 20,000 users take half as long a row as 5,000, and some 20 MiB of memory.
_USERS_PER_BATCH = 20_000
_GROUPS_PER_BATCH = 20_000
_EDGES_PER_BATCH = 20_000

# Rows that are encoded in one go: decisions are answered on the same event loop, and wait for it some milliseconds.
_ROWS_PER_TURN = 100
_EDGES_PER_TURN = 1_000

_PUT_GROUP = "INSERT OR REPLACE INTO directory_group (generation, object_id, record) VALUES (?, ?, ?)"
_PUT_MEMBERSHIP = "INSERT OR IGNORE INTO membership (generation, group_id, member_id) VALUES (?, ?, ?)"
_PUT_NESTING = "INSERT OR IGNORE INTO nesting (generation, group_id, child_id) VALUES (?, ?, ?)"


class SqliteStaging:
    """The `Staging` of one generation.

    A batch stays in memory until it is written for certain: a write that failed or was cancelled is repeated with the
    next one, and repeating it changes nothing.
    """

    def __init__(self, database: Database, connection: Connection, *, generation: int, leases: Leases) -> None:
        self.generation = generation
        self.is_handed_over = False
        self._database = database
        self._connection = connection
        self._leases = leases
        self._lock = asyncio.Lock()
        self._compared: tuple[tuple[int, int], Difference] | None = None
        self._prepared: Counts | None = None
        self._is_copied = False
        self._users: dict[Key, UserRow] = {}
        self._groups: dict[Key, bytes] = {}
        self._edges: list[tuple[int, Key, Key]] = []
        self._nestings: list[tuple[int, Key, Key]] = []

    async def put_users(self, users: Sequence[User]) -> None:
        """Adds users; see the port."""
        async with self._writing():
            for start in range(0, len(users), _ROWS_PER_TURN):
                self._users.update((row.key, row) for row in map(user_row, users[start : start + _ROWS_PER_TURN]))
                await asyncio.sleep(0)
            if len(self._users) >= _USERS_PER_BATCH:
                await self._flush()

    async def put_groups(self, groups: Sequence[Group]) -> None:
        """Adds groups; see the port."""
        async with self._writing():
            for start in range(0, len(groups), _ROWS_PER_TURN):
                portion = groups[start : start + _ROWS_PER_TURN]
                self._groups.update((encode_id(group.id), rows.encode_group(group)) for group in portion)
                await asyncio.sleep(0)
            if len(self._groups) >= _GROUPS_PER_BATCH:
                await self._flush()

    async def put_memberships(self, memberships: Sequence[Membership]) -> None:
        """Adds edges; see the port. Members that are neither users nor groups are left out."""
        async with self._writing():
            for start in range(0, len(memberships), _EDGES_PER_TURN):
                self._add_edges(memberships[start : start + _EDGES_PER_TURN])
                await asyncio.sleep(0)
            if len(self._edges) + len(self._nestings) >= _EDGES_PER_BATCH:
                await self._flush()

    async def drop_users(self) -> None:
        """Drops the users put so far; see the port."""
        async with self._writing():
            self._users.clear()
            await self._clear(gen.USERS, gen.NAMES)

    async def drop_groups(self) -> None:
        """Drops the groups put so far; see the port."""
        async with self._writing():
            self._groups.clear()
            await self._clear(gen.GROUPS)

    async def drop_memberships(self) -> None:
        """Drops the edges put so far; see the port."""
        async with self._writing():
            self._edges, self._nestings = [], []
            await self._clear(gen.MEMBERSHIPS, gen.NESTING)

    async def take_back(
        self,
        *,
        edges: Collection[tuple[GroupId, str]] = (),
        groups: Collection[GroupId] = (),
        members_of: Collection[GroupId] = (),
    ) -> None:
        """Drops these edges, these groups with theirs, and all members of these groups; see the port."""
        async with self._writing():
            await self._flush()
            await take_back(self._database, self.generation, edges=edges, groups=groups, members_of=members_of)

    async def keep_members_only(self) -> None:
        """Drops users who are in none of the staged groups; see the port."""
        async with self._writing():
            await self._flush()
            await drop_outsiders(self._database, self.generation)

    async def changes(self) -> Changes:
        """The difference to what is served now; see the port."""
        async with self._lock:
            return (await self._difference()).changes

    async def removals(self) -> Removals:
        """How much of what is served now this read would remove; see the port."""
        async with self._lock:
            return (await self._difference()).removals

    async def prepare(self) -> None:
        """Does what takes long of a commit; see the port."""
        async with self._lock:
            self._prepared = await self._complete()

    async def commit(
        self, run: SyncRun, *, sync_time: datetime, scope: Scope, links: FeedLinks | None = None
    ) -> SnapshotVersion:
        """Serves this read from now on; see the port."""
        async with self._lock:
            counts = self._prepared or await self._complete()
            async with self._database.transaction() as db:
                await self._check(db, run)
                version = SnapshotVersion(
                    connection_id=self._connection.id,
                    tenant_id=self._connection.tenant_id,
                    generation=self.generation,
                    revision=await next_revision(db),
                    sync_time=sync_time,
                    scope=scope,
                )
                await serve(db, version)
                await keep_counts(db, self.generation, counts)
                await save_links(db, self.generation, links)
                await write_ended(db, replace(run, revision=version.revision, sync_time=sync_time))
            self.is_handed_over = True
        return version

    async def hold(self, run: SyncRun, *, sync_time: datetime, scope: Scope, links: FeedLinks | None) -> None:
        """Keeps this read aside; see `DirectoryStore.hold`."""
        async with self._lock:
            counts = self._prepared or await self._complete()
            async with self._database.transaction() as db:
                await self._check(db, run)
                await put_held(db, run, HeldRead(self.generation, sync_time, scope))
                await keep_counts(db, self.generation, counts)
                await save_links(db, self.generation, links)
                await write_ended(db, run)
            self.is_handed_over = True

    async def discard(self) -> None:
        """Drops everything, unless it was committed or held; see the port."""
        async with self._lock:
            self._forget()
            # A commit that was cancelled may have been done all the same: what is served is asked of the database.
            await gen.mark_dropped(self._database, self.generation)
            if await self._is_dropped():
                await gen.drop_generation(self._database, self.generation)

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[None]:
        async with self._lock:
            self._compared = self._prepared = None
            self._is_copied = False
            yield

    async def _check(self, db: aiosqlite.Connection, run: SyncRun) -> None:
        await gen.check_writable(db, self.generation, self._connection)
        await self._leases.check(db, run)

    async def _clear(self, *tables: gen.Table) -> None:
        async with self._database.transaction(durable=False) as db:
            await gen.check_writable(db, self.generation, self._connection)
        for table in tables:
            await gen.clear(self._database, table, self.generation)

    def _add_edges(self, memberships: Sequence[Membership]) -> None:
        for edge in memberships:
            row = (self.generation, encode_id(edge.group_id), encode_id(edge.member_id))
            if edge.kind is MemberKind.USER:
                self._edges.append(row)
            elif edge.kind is MemberKind.GROUP:
                self._nestings.append(row)

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

    async def _difference(self) -> Difference:
        # Asked for twice at the end of each read, for the guard and for the run: walked through once.
        await self._copy()
        async with self._database.reading() as db:
            served = await served_generation(db, self._connection.id)
            if self._compared is None or self._compared[0] != served:
                self._compared = served, await difference(db, self.generation, served[0])
        return self._compared[1]

    async def _complete(self) -> Counts:
        """All that was put, written and copied and counted, before the one small transaction."""
        await self._copy()
        if self._compared is not None:
            return self._compared[1].staged
        async with self._database.reading() as db:
            return await count_rows(db, self.generation)

    async def _copy(self) -> None:
        await self._flush()
        if not self._is_copied:
            await copy_edges(self._database, self.generation, connection=self._connection)
            self._is_copied = True

    async def _is_dropped(self) -> bool:
        async with self._database.reading() as db:
            found = await db.execute_fetchall(
                "SELECT 1 FROM generation WHERE id = ? AND is_dropped", (self.generation,)
            )
            return bool(list(found))
