"""The life of sync runs: started, watched, cancelled, ended; one at a time for each connection.

A run reads into a staging area and commits it. Whatever stops it before the commit leaves the former snapshot in
service and is told in the run; only a commit changes what is served.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import structlog

from entraid_service.errors import DirectoryNotSynced, EntraidError, StoreUnavailable
from entraid_service.model.connection import Connection, ConnectionState
from entraid_service.model.ids import ConnectionId, SyncRunId
from entraid_service.model.report import ErrorReport
from entraid_service.model.scope import GroupResolution
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.model.syncrun import Phase, RunState, SyncMode, SyncRun
from entraid_service.ports import (
    Clock,
    ConnectionStore,
    DirectoryLists,
    DirectoryStore,
    RunStore,
    Skipped,
    Staging,
    Tenants,
)
from entraid_service.sync.full import FullRead, ReadPlan
from entraid_service.sync.progress import ProgressBoard

_log = structlog.get_logger(__name__)

_TICK = timedelta(seconds=1)
"""How often a run tells where it stands; the contract promises watchers no more than once a second."""


@dataclass(slots=True)
class _LiveRun:
    """A run in this process."""

    run: SyncRun
    board: ProgressBoard
    task: asyncio.Task[None] | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    stopped_by: str = "the service shut down"

    def now(self) -> SyncRun:
        return self.run if self.run.state.is_final else replace(self.run, progress=self.board.snapshot())


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """What every full read reads, by configuration; see `ReadPlan`."""

    attributes: tuple[str, ...]
    parallel_groups: int = 8


@dataclass(frozen=True, slots=True)
class Stores:
    """Where connections, directories and runs are kept."""

    connections: ConnectionStore
    directory: DirectoryStore
    lists: DirectoryLists
    runs: RunStore


class SyncRunner:
    """Starts runs and answers for them.

    `spawn` gives a coroutine to a task group that outlives it; `on_commit` is awaited after each commit, before the
    run is told to have succeeded, so that whoever saw it succeed is answered from its snapshot.
    """

    def __init__(
        self,
        stores: Stores,
        *,
        tenants: Tenants,
        clock: Clock,
        settings: ReadSettings,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        on_commit: Callable[[ConnectionId], Awaitable[None]],
    ) -> None:
        self._stores = stores
        self._tenants = tenants
        self._clock = clock
        self._settings = settings
        self._spawn = spawn
        self._on_commit = on_commit
        self._live: dict[SyncRunId, _LiveRun] = {}

    async def recover(self) -> None:
        """Ends what a former process left unfinished. Called once, before the first run.

        Raises:
            StoreUnavailable: The database cannot be written.
        """
        error = ErrorReport(
            status="ABORTED",
            message="the service stopped while this run was reading; nothing of it was kept, sync again",
        )
        count = await self._stores.runs.fail_interrupted(error, end_time=self._clock.now())
        if count:
            _log.warning("sync_runs_interrupted", runs=count)
        await self._stores.directory.clean_up()

    async def start(
        self, connection_id: ConnectionId, *, mode: SyncMode | None = None, request_id: str = ""
    ) -> SyncRun:
        """Starts a run and returns at once; a repeated `request_id` returns the run of the first call.

        Raises:
            ResourceNotFound: There is no such connection.
            SyncInProgress: Another run of the connection has not ended.
        """
        now = self._clock.now()
        run = SyncRun(
            id=SyncRunId(f"{now:%Y%m%dt%H%M%S}-{secrets.token_hex(4)}"),
            connection_id=connection_id,
            mode=mode or SyncMode.FULL,
            state=RunState.PENDING,
            create_time=now,
            request_id=request_id,
        )
        saved = await self._stores.runs.start(run)
        if saved.id == run.id:
            live = _LiveRun(run=saved, board=ProgressBoard(on_skipped=_skipped_logger(saved)))
            self._live[saved.id] = live
            live.task = self._spawn(self._drive(live))
        return saved

    async def get(self, connection_id: ConnectionId, run_id: SyncRunId) -> SyncRun:
        """Reads one run, with moving counters while it runs.

        Raises:
            ResourceNotFound: There is none of this name.
        """
        live = self._live.get(run_id)
        if live is not None and live.run.connection_id == connection_id:
            return live.now()
        return await self._stores.runs.get(connection_id, run_id)

    async def watch(self, connection_id: ConnectionId, run_id: SyncRunId) -> AsyncIterator[SyncRun]:
        """The run at once, then as it moves (at most once a second), last in its final state.

        Raises:
            ResourceNotFound: There is none of this name.
        """
        told: SyncRun | None = None
        while told is None or not told.state.is_final:
            run = await self.get(connection_id, run_id)
            if run != told:
                yield run
                told = run
            await self._moved(run)

    async def cancel(self, connection_id: ConnectionId, run_id: SyncRunId) -> SyncRun:
        """Asks a run to stop; it may go on for a moment. One that has ended stays as it is.

        Raises:
            ResourceNotFound: There is none of this name.
        """
        run = await self.get(connection_id, run_id)
        live = self._live.get(run_id)
        if live is not None and live.task is not None and not run.state.is_final:
            live.stopped_by = "a caller cancelled it"
            live.task.cancel()
        return run

    async def abandon(self, connection_id: ConnectionId) -> None:
        """Stops what runs for a connection that is gone."""
        await self._stop([live for live in self._live.values() if live.run.connection_id == connection_id])

    async def close(self) -> None:
        """Stops every run. What they had read is dropped."""
        await self._stop(list(self._live.values()))

    async def _stop(self, lives: list[_LiveRun]) -> None:
        for live in lives:
            if live.task is not None:
                live.task.cancel()
        for live in lives:
            await live.ended.wait()

    async def _moved(self, run: SyncRun) -> None:
        """Returns a second later, or as soon as the run ended."""
        if run.state.is_final:
            return
        live = self._live.get(run.id)
        if live is None:
            await asyncio.sleep(_TICK.total_seconds())
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(live.ended.wait(), _TICK.total_seconds())

    async def _drive(self, live: _LiveRun) -> None:
        """From start to end: afterwards the run is in a final state, whatever happened."""
        ticker = self._spawn(self._tick(live))
        try:
            await self._read_and_commit(live)
        except asyncio.CancelledError:
            report = ErrorReport(status="CANCELLED", message=f"{live.stopped_by}; the snapshot before is still served")
            await self._end(live, RunState.CANCELLED, report)
        except EntraidError as error:
            await self._end(live, RunState.FAILED, error.report())
        except Exception:  # noqa: BLE001 - the task's edge: a bug ends this run, not the service, and is told by an id
            error_id = secrets.token_hex(8)
            _log.exception("sync_run_broken", error_id=error_id, **_names(live.run))
            report = ErrorReport(
                status="INTERNAL", message=f"internal error `{error_id}`: the service's log tells more"
            )
            await self._end(live, RunState.FAILED, report)
        finally:
            ticker.cancel()
            self._live.pop(live.run.id, None)
            live.ended.set()

    async def _tick(self, live: _LiveRun) -> None:
        """Saves where the run stands now and then, for those who ask another process or come after a crash."""
        while True:
            await asyncio.sleep(_TICK.total_seconds())
            if not live.run.state.is_final:
                with suppress(StoreUnavailable):  # the next tick, or the run's own end, tells it
                    await self._stores.runs.save(live.now())

    async def _read_and_commit(self, live: _LiveRun) -> None:
        connection = await self._stores.connections.get(live.run.connection_id)
        sync_time = self._clock.now()
        live.run = replace(live.run, state=RunState.RUNNING, start_time=sync_time)
        await self._stores.runs.save(live.run)
        _log.info("sync_run_started", **_names(live.run))
        source = await self._tenants.directory(connection)
        plan = ReadPlan(
            attributes=self._settings.attributes,
            binding="",
            groups_to_sync=connection.groups_to_sync,
            former_resolutions=await self._former_resolutions(connection),
            parallel_groups=self._settings.parallel_groups,
        )
        staging = await self._stores.directory.begin(connection)
        try:
            read = await FullRead(plan, source=source, staging=staging, board=live.board).run()
            live.board.phase = Phase.COMMIT
            ended = replace(
                live.now(),
                state=RunState.SUCCEEDED,
                changes=await staging.changes(),
                resolutions=read.scope.resolutions,
                end_time=self._clock.now(),
            )
            version = await _to_the_end(staging.commit(ended, sync_time=sync_time, scope=read.scope))
        except BaseException:
            await self._discard(staging)
            raise
        await self._on_commit(connection.id)
        live.run = replace(ended, revision=version.revision, sync_time=version.sync_time)
        await self._stores.connections.set_health(connection.id, state=ConnectionState.ACTIVE, last_error=None)
        _log.info("sync_run_succeeded", revision=version.revision, **_names(live.run))
        live.ended.set()
        await self._stores.directory.clean_up()

    async def _discard(self, staging: Staging) -> None:
        # What cannot be dropped now is dropped at the next start: it is not served in any case.
        with suppress(StoreUnavailable):
            await staging.discard()

    async def _former_resolutions(self, connection: Connection) -> tuple[GroupResolution, ...]:
        try:
            return (await self._stores.lists.version(connection.id)).scope.resolutions
        except DirectoryNotSynced:
            return ()

    async def _end(self, live: _LiveRun, state: RunState, error: ErrorReport) -> None:
        if live.run.state.is_final:
            # It had succeeded; what failed is the tidying up behind it.
            _log.warning("sync_run_tidying_failed", error=error.message, **_names(live.run))
            return
        live.run = replace(live.now(), state=state, error=error, end_time=self._clock.now())
        _log.warning("sync_run_ended", state=state.name, error=error.message, **_names(live.run))
        with suppress(StoreUnavailable):  # the next start finds the run unfinished and ends it as failed
            await self._stores.runs.save(live.run)
            if state is RunState.FAILED:
                await self._stores.connections.set_health(
                    live.run.connection_id, state=ConnectionState.DEGRADED, last_error=error
                )


async def _to_the_end(commit: Coroutine[Any, Any, SnapshotVersion]) -> SnapshotVersion:
    """A commit that has begun is finished: a cancelled run must not say that nothing changed when something did."""
    task = asyncio.ensure_future(commit)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        return await task


def _names(run: SyncRun) -> dict[str, str]:
    return {"connection": run.connection_id, "sync_run": run.id}


def _skipped_logger(run: SyncRun) -> Callable[[Skipped], None]:
    def note(skipped: Skipped) -> None:
        _log.warning("object_skipped", object_id=skipped.id, problem=skipped.problem, **_names(run))

    return note
