"""One run from its first request to its commit: choose how to read, read, let the guard look, make it take effect.

What is read lies aside until the last step, which is one transaction of the store; whatever goes wrong before it
changes nothing.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

import structlog

from entraid_service.errors import DirectoryNotSynced, StoreUnavailable
from entraid_service.model.changes import FeedLinks
from entraid_service.model.connection import Connection
from entraid_service.model.report import ErrorReport
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.model.syncrun import Phase, RunState, SyncMode, SyncRun
from entraid_service.ports import Clock, DirectoryLists, DirectoryStore, Staging, TenantSource
from entraid_service.sync.binding import binding
from entraid_service.sync.feeds import FullReadNeeded
from entraid_service.sync.full import FullRead, ReadPlan, ReadResult
from entraid_service.sync.guard import Guard
from entraid_service.sync.incremental import IncrementalRead, RoundPlan
from entraid_service.sync.progress import ProgressBoard

_log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """What every read is made with, by configuration.

    `attributes` are Microsoft Graph names; `graph_url` is part of what links are bound to; `parallel_groups` is how
    many groups are read at once where there are no feeds.
    """

    attributes: tuple[str, ...]
    graph_url: str
    guard: Guard
    parallel_groups: int = 8


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run's way. Made anew for each."""

    connection: Connection
    source: TenantSource
    directory: DirectoryStore
    lists: DirectoryLists
    clock: Clock
    settings: ReadSettings
    board: ProgressBoard

    async def run(self, run: SyncRun) -> SyncRun:
        """Reads and commits. Returns the run as it was saved: succeeded, or held.

        Raises:
            EntraidError: Nothing changed; as `TenantSource` and the store.
        """
        base = await self._served()
        links = await self._usable_links(base)
        self.board.is_check = run.mode is SyncMode.FULL and links is not None
        if base is None or links is None or run.mode is SyncMode.FULL:
            return await self._full(replace(run, mode=SyncMode.FULL), base)
        try:
            return await self._incremental(run, base, links)
        except FullReadNeeded as reason:
            _log.info("sync_reads_everything", reason=str(reason), connection=run.connection_id, sync_run=run.id)
            return await self._full(replace(run, mode=SyncMode.FULL), base)

    async def _served(self) -> SnapshotVersion | None:
        try:
            return await self.lists.version(self.connection.id)
        except DirectoryNotSynced:
            return None

    async def _usable_links(self, base: SnapshotVersion | None) -> FeedLinks | None:
        links = await self.directory.links(self.connection) if base is not None else None
        return links if links is not None and links.binding == self._plan(base).binding else None

    def _plan(self, base: SnapshotVersion | None) -> ReadPlan:
        plan = ReadPlan(
            attributes=self.settings.attributes,
            groups_to_sync=self.connection.groups_to_sync,
            former_resolutions=base.scope.resolutions if base is not None else (),
            parallel_groups=self.settings.parallel_groups,
        )
        return replace(plan, binding=binding(self.connection, plan.selected, graph_url=self.settings.graph_url))

    async def _incremental(self, run: SyncRun, base: SnapshotVersion, links: FeedLinks) -> SyncRun:
        sync_time = self.clock.now()
        self.board.mode = SyncMode.INCREMENTAL
        plan = RoundPlan(base, links, self._plan(base).selected)
        read = await IncrementalRead(plan, source=self.source, store=self.directory, board=self.board).run()
        if objection := self.settings.guard.objection(await self.directory.removals(base, read.changes)):
            # A person is asked only about what a complete read confirms.
            raise FullReadNeeded(objection)
        self.board.phase = Phase.COMMIT
        ended = self._ended(run, RunState.SUCCEEDED, read.scope.resolutions)
        version = await _to_the_end(
            self.directory.apply(base, read.changes, run=ended, sync_time=sync_time, scope=read.scope, links=read.links)
        )
        return replace(ended, revision=version.revision, sync_time=version.sync_time)

    async def _full(self, run: SyncRun, base: SnapshotVersion | None) -> SyncRun:
        sync_time = self.clock.now()
        self.board.mode = SyncMode.FULL
        staging = await self.directory.begin(self.connection)
        try:
            read = await FullRead(self._plan(base), source=self.source, staging=staging, board=self.board).run()
            self.board.phase = Phase.COMMIT
            objection = self.settings.guard.objection(await staging.removals()) if base is not None else ""
            changes = await staging.changes()
            await staging.prepare()
            if objection:
                held = replace(run, changes=changes)
                return await self._hold(held, staging, read, sync_time=sync_time, objection=objection)
            ended = replace(self._ended(run, RunState.SUCCEEDED, read.scope.resolutions), changes=changes)
            version = await _to_the_end(staging.commit(ended, sync_time=sync_time, scope=read.scope, links=read.links))
        except BaseException:
            # What cannot be dropped now is dropped at the next start: it is not served in any case.
            with suppress(StoreUnavailable):
                await staging.discard()
            raise
        return replace(ended, revision=version.revision, sync_time=version.sync_time)

    async def _hold(
        self, run: SyncRun, staging: Staging, read: ReadResult, *, sync_time: datetime, objection: str
    ) -> SyncRun:
        report = ErrorReport(status="FAILED_PRECONDITION", message=f"held back: {objection}")
        held = replace(self._ended(run, RunState.HELD, read.scope.resolutions), error=report)
        await _to_the_end(self.directory.hold(staging, held, sync_time=sync_time, scope=read.scope, links=read.links))
        return held

    def _ended(self, run: SyncRun, state: RunState, resolutions: tuple[Any, ...]) -> SyncRun:
        return replace(
            run,
            state=state,
            progress=self.board.snapshot(),
            skipped=tuple(self.board.skipped),
            resolutions=resolutions,
            end_time=self.clock.now(),
        )


async def _to_the_end(commit: Coroutine[Any, Any, T]) -> T:
    """A commit that has begun is finished: a cancelled run must not say that nothing changed when something did."""
    task = asyncio.ensure_future(commit)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        return await task
