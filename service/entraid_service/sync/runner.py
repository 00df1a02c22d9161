"""Sync runs as callers see them: started, watched, approved, cancelled; one at a time for each connection.

How a run comes from its start to its end stands in `driver`.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

import structlog

from entraid_service.errors import ConsentPending, DirectoryNotSynced, RunSuperseded
from entraid_service.model.connection import ConnectionState
from entraid_service.model.ids import ConnectionId, SyncRunId
from entraid_service.model.report import ErrorReport
from entraid_service.model.syncrun import RunState, SyncMode, SyncRun
from entraid_service.ports import Clock, Tenants
from entraid_service.sync.around import Hooks, Stores
from entraid_service.sync.attempt import ReadSettings
from entraid_service.sync.driver import TICK, RunDriver
from entraid_service.sync.liverun import LiveRun, names_of, skipped_logger
from entraid_service.sync.progress import ProgressBoard

_log = structlog.get_logger(__name__)


class SyncRunner:
    """Starts runs and answers for them."""

    def __init__(self, stores: Stores, *, tenants: Tenants, clock: Clock, settings: ReadSettings, hooks: Hooks) -> None:
        self._stores = stores
        self._clock = clock
        self._hooks = hooks
        self._driver = RunDriver(
            stores, tenants=tenants, clock=clock, settings=settings, hooks=hooks, forget=self._forget
        )
        self._live: dict[SyncRunId, LiveRun] = {}

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

        A run is incremental unless it is asked to be full; one that cannot be becomes full, and says so.

        Raises:
            ResourceNotFound: There is no such connection.
            ConsentPending: It waits for its first consent.
            SyncInProgress: Another run of the connection has not ended.
        """
        if (await self._stores.connections.get(connection_id)).state is ConnectionState.PENDING_CONSENT:
            raise ConsentPending(f"connection `{connection_id}` cannot be synced before an administrator has consented")
        now = self._clock.now()
        run = SyncRun(
            id=SyncRunId(f"{now:%Y%m%dt%H%M%S}-{secrets.token_hex(4)}"),
            connection_id=connection_id,
            mode=mode if mode is SyncMode.FULL else await self._possible_mode(connection_id),
            state=RunState.PENDING,
            create_time=now,
            request_id=request_id,
        )
        saved = await self._stores.runs.start(run)
        if saved.id == run.id:
            live = LiveRun(run=saved, board=ProgressBoard(on_skipped=skipped_logger(saved)))
            self._live[saved.id] = live
            live.task = self._hooks.spawn(self._driver.drive(live))
        return saved

    async def _possible_mode(self, connection_id: ConnectionId) -> SyncMode:
        """Incremental, unless there is nothing yet that it could go on from."""
        try:
            await self._stores.lists.version(connection_id)
        except DirectoryNotSynced:
            return SyncMode.FULL
        return SyncMode.INCREMENTAL

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

    async def approve(self, connection_id: ConnectionId, run_id: SyncRunId) -> SyncRun:
        """Lets a held run take effect; one that took effect stays as it is.

        Raises:
            ResourceNotFound: There is none of this name.
            RunSuperseded: It is not held, or something newer is served by now.
        """
        run = await self.get(connection_id, run_id)
        if run.state is RunState.SUCCEEDED:
            return run
        if run.state is not RunState.HELD:
            raise RunSuperseded(f"run `{run_id}` is not held back, so there is nothing to approve")
        released = replace(run, state=RunState.SUCCEEDED, error=None)
        version = await self._stores.directory.release(released)
        await self._hooks.on_commit(connection_id)
        await self._driver.tell_health(released)
        await self._stores.directory.clean_up()
        _log.info("sync_run_approved", revision=version.revision, **names_of(run))
        return await self._stores.runs.get(connection_id, run_id)

    async def cancel(self, connection_id: ConnectionId, run_id: SyncRunId) -> SyncRun:
        """Asks a run to stop; it may go on for a moment. One that has ended stays as it is.

        One that another process drives is told through the store, and stops at its next tick.

        Raises:
            ResourceNotFound: There is none of this name.
        """
        run = await self.get(connection_id, run_id)
        live = self._live.get(run_id)
        if run.state.is_final:
            return run
        if live is None:
            await self._stores.runs.ask_to_cancel(connection_id, run_id)
        else:
            live.stop("a caller cancelled it")
        return run

    async def abandon(self, connection_id: ConnectionId) -> None:
        """Stops what runs for a connection that is gone."""
        await self._stop([live for live in self._live.values() if live.run.connection_id == connection_id])

    async def close(self) -> None:
        """Stops every run. What they had read is dropped."""
        await self._stop(list(self._live.values()))

    async def _stop(self, lives: list[LiveRun]) -> None:
        for live in lives:
            if live.task is not None:
                live.task.cancel()
        for live in lives:
            await live.ended.wait()
            self._forget(live)

    async def _moved(self, run: SyncRun) -> None:
        """Returns a second later, or as soon as the run ended."""
        if run.state.is_final:
            return
        live = self._live.get(run.id)
        if live is None:
            await asyncio.sleep(TICK.total_seconds())
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(live.ended.wait(), TICK.total_seconds())

    def _forget(self, live: LiveRun) -> None:
        self._live.pop(live.run.id, None)
        if live.ticker is not None:
            live.ticker.cancel()
