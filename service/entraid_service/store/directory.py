"""The write side of directory data: who begins a read, what changes in place, what is held, and what is dropped when.

A generation may be dropped if nothing serves or holds it and nobody writes it any more: in this process or, as far as
`presence` knows, in another one. Each change takes effect in one transaction that also looks whether its run still has
its lease and what it was read on top of is still served.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from weakref import WeakValueDictionary

from entraid_service.model.changes import ChangeSet, FeedLinks, Removals
from entraid_service.model.connection import Connection
from entraid_service.model.directory import Group, User
from entraid_service.model.ids import GroupId, UserId
from entraid_service.model.scope import Scope
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.model.syncrun import Changes, SyncRun
from entraid_service.ports.store import Staging
from entraid_service.store import generations as gen
from entraid_service.store.counts import keep_counts, kept_counts
from entraid_service.store.database import Database
from entraid_service.store.difference import removals
from entraid_service.store.held import take_held
from entraid_service.store.increment import apply_changes, count_removed
from entraid_service.store.leases import Leases
from entraid_service.store.links import save_links, served_links
from entraid_service.store.runrows import write_ended
from entraid_service.store.served import served_groups, served_nesting, served_users, served_with_managers
from entraid_service.store.serving import check_served, next_revision, note_groups, serve, serve_as_of
from entraid_service.store.staging import SqliteStaging


class SqliteDirectory:
    """The `DirectoryStore` of one database, for one process."""

    def __init__(self, database: Database, *, leases: Leases) -> None:
        self._database = database
        self._leases = leases
        # Weak: a read that was let go without `discard` is dropped like one that crashed.
        self._staged: WeakValueDictionary[int, SqliteStaging] = WeakValueDictionary()

    async def begin(self, connection: Connection) -> SqliteStaging:
        """Starts a complete read; see the port.

        Raises:
            ResourceNotFound: the connection is gone, or another one has its name.
        """
        generation = await gen.start_generation(self._database, connection, holder=self._leases.holder)
        staging = SqliteStaging(self._database, connection, generation=generation, leases=self._leases)
        self._staged[generation] = staging
        return staging

    async def links(self, connection: Connection) -> FeedLinks | None:
        """Where the next incremental read goes on; see the port."""
        async with self._database.reading() as db:
            return await served_links(db, connection)

    async def users(self, version: SnapshotVersion, ids: Sequence[UserId]) -> list[User]:
        """Those of these users that are served; see the port."""
        return await served_users(self._database, version, ids)

    async def groups(self, version: SnapshotVersion, ids: Sequence[GroupId]) -> list[Group]:
        """Those of these groups that are served; see the port."""
        return await served_groups(self._database, version, ids)

    async def some_with_managers(self, version: SnapshotVersion, *, limit: int) -> list[User]:
        """Some served users who have a manager; see the port."""
        return await served_with_managers(self._database, version, limit=limit)

    async def nesting(self, version: SnapshotVersion) -> list[tuple[GroupId, GroupId]]:
        """Every edge from group to group that is served; see the port."""
        return await served_nesting(self._database, version)

    async def removals(self, version: SnapshotVersion, changes: ChangeSet) -> Removals:
        """How much of what is served these changes would remove; see the port.

        With Groups to Sync they are applied, counted and undone: who leaves with his last group cannot be told in
        another way.
        """
        if not (changes.removed_users or changes.removed_groups or changes.removed):
            async with self._database.reading() as db:
                await check_served(db, version)
                return removals(Changes(), await kept_counts(db, version.generation))
        async with self._database.transaction(is_kept=False) as db:
            await check_served(db, version)
            if version.scope.is_whole_directory:
                counted = await count_removed(db, version.generation, changes)
            else:
                counted = (await apply_changes(db, version.generation, changes, is_whole_directory=False)).changes
            return removals(counted, await kept_counts(db, version.generation))

    async def apply(
        self,
        base: SnapshotVersion,
        changes: ChangeSet,
        *,
        run: SyncRun,
        sync_time: datetime,
        scope: Scope,
        links: FeedLinks,
    ) -> SnapshotVersion:
        """Changes what is served in place; see the port. A scope that differs makes a new revision too."""
        async with self._database.transaction() as db:
            await self._leases.check(db, run)
            await check_served(db, base)
            is_whole = scope.is_whole_directory
            increment = await apply_changes(db, base.generation, changes, is_whole_directory=is_whole)
            version = replace(base, sync_time=sync_time, scope=scope)
            if increment.changes == Changes() and scope == base.scope:
                await serve_as_of(db, version)
            else:
                version = replace(version, revision=await next_revision(db))
                if increment.has_other_groups:
                    version = replace(version, groups_revision=version.revision)
                    await note_groups(db, version)
                await serve(db, version)
            await keep_counts(db, base.generation, await kept_counts(db, base.generation) + increment.growth)
            await save_links(db, base.generation, links)
            ended = replace(run, changes=increment.changes, revision=version.revision, sync_time=sync_time)
            await write_ended(db, ended)
        await self._database.bound_log()
        return version

    async def hold(
        self, staging: Staging, run: SyncRun, *, sync_time: datetime, scope: Scope, links: FeedLinks | None
    ) -> None:
        """Keeps a complete read aside; see the port."""
        if not isinstance(staging, SqliteStaging):
            raise TypeError("only a read that was begun here can be held here")
        await staging.hold(run, sync_time=sync_time, scope=scope, links=links)

    async def release(self, run: SyncRun) -> SnapshotVersion:
        """Serves what was held for this run; see the port."""
        async with self._database.transaction() as db:
            version = await take_held(db, run, revision=await next_revision(db))
            await serve(db, version)
            await write_ended(db, replace(run, revision=version.revision, sync_time=version.sync_time))
        return version

    async def clean_up(self) -> None:
        """Drops what crashed or superseded reads left behind, then empties the write-ahead log; see the port."""
        for generation, holder in await gen.left_over(self._database):
            if not self._is_written(generation, holder):
                await gen.mark_dropped(self._database, generation)
        for generation in await gen.dropped(self._database):
            await gen.drop_generation(self._database, generation)
        await self._database.checkpoint()

    def _is_written(self, generation: int, holder: str) -> bool:
        if holder != self._leases.holder:
            return self._leases.is_there(holder)
        staging = self._staged.get(generation)
        return staging is not None and not staging.is_handed_over
