"""The life of sync runs: started, watched, cancelled, ended; one at a time for each connection.

A run reads into a staging area and commits it. Whatever stops it before the commit leaves the former snapshot in
service and is told in the run; only a commit changes what is served.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import timedelta

import structlog

from entraid_service.errors import (
    ConsentPending,
    DirectoryNotSynced,
    EntraidError,
    ResourceNotFound,
    RunSuperseded,
    StoreUnavailable,
)
from entraid_service.model.connection import ConnectionState
from entraid_service.model.ids import ConnectionId, SyncRunId
from entraid_service.model.permissions import missing_after
from entraid_service.model.report import ErrorReport
from entraid_service.model.syncrun import Changes, RunState, SyncMode, SyncRun
from entraid_service.ports import Clock, Tenants
from entraid_service.sync.around import Hooks, Stores
from entraid_service.sync.attempt import Attempt, ReadSettings
from entraid_service.sync.liverun import LiveRun, names_of, skipped_logger
from entraid_service.sync.progress import ProgressBoard

_log = structlog.get_logger(__name__)

_TICK = timedelta(seconds=1)
"""How often a run tells where it stands; the contract promises watchers no more than once a second."""


class SyncRunner:
    """Starts runs and answers for them."""

    def __init__(self, stores: Stores, *, tenants: Tenants, clock: Clock, settings: ReadSettings, hooks: Hooks) -> None:
        self._stores = stores
        self._tenants = tenants
        self._clock = clock
        self._settings = settings
        self._hooks = hooks
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
            live.task = self._hooks.spawn(self._drive(live))
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
        await self._tell_health(released)
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
            await asyncio.sleep(_TICK.total_seconds())
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(live.ended.wait(), _TICK.total_seconds())

    async def _drive(self, live: LiveRun) -> None:
        """From start to end: afterwards the run is in a final state, whatever happened."""
        live.ticker = self._hooks.spawn(self._tick(live))
        try:
            await self._read_and_commit(live)
        except asyncio.CancelledError:
            report = ErrorReport(status="CANCELLED", message=f"{live.stopped_by}; what was served stays served")
            await self._end(live, RunState.CANCELLED, report)
        except EntraidError as error:
            await self._end(live, RunState.FAILED, error.report())
        except Exception:  # noqa: BLE001 - the task's edge: a bug ends this run, not the service, and is told by an id
            error_id = secrets.token_hex(8)
            _log.exception("sync_run_broken", error_id=error_id, **names_of(live.run))
            report = ErrorReport(
                status="INTERNAL", message=f"internal error `{error_id}`: the service's log tells more"
            )
            await self._end(live, RunState.FAILED, report)
        finally:
            live.ended.set()
            if not live.is_unsaved:
                self._forget(live)

    def _forget(self, live: LiveRun) -> None:
        self._live.pop(live.run.id, None)
        if live.ticker is not None:
            live.ticker.cancel()

    async def _tick(self, live: LiveRun) -> None:
        """Saves where the run stands now and then, for those who ask another process or come after a crash.

        So too its end, if the store did not take that: a run that seems to go on keeps every later one from being due.
        """
        while True:
            await asyncio.sleep(_TICK.total_seconds())
            if live.is_unsaved:
                if await self._save_end(live):
                    self._forget(live)
                    return
            elif not live.run.state.is_final:
                try:
                    await self._stores.runs.save(live.now())
                    is_wanted = await self._stores.runs.is_wanted(live.run.connection_id, live.run.id)
                except StoreUnavailable:
                    continue  # the next tick tells it
                except RunSuperseded:
                    live.stop("another process took it over")
                    return
                if not is_wanted and not live.run.state.is_final:
                    live.stop("a caller cancelled it, or removed its connection")
                    return

    async def _read_and_commit(self, live: LiveRun) -> None:
        connection = await self._stores.connections.get(live.run.connection_id)
        live.run = replace(live.run, state=RunState.RUNNING, start_time=self._clock.now())
        await self._stores.runs.save(live.run)
        _log.info("sync_run_started", mode=live.run.mode.name, **names_of(live.run))
        attempt = Attempt(
            connection=connection,
            source=await self._tenants.directory(connection),
            directory=self._stores.directory,
            lists=self._stores.lists,
            clock=self._clock,
            settings=self._settings,
            board=live.board,
        )
        live.outcome = ended = await attempt.run(live.run)
        if ended.state is RunState.SUCCEEDED:
            # Not told before decisions are made from it: whoever saw it succeed is answered from its snapshot.
            await self._hooks.on_commit(connection.id)
            live.outcome = ended = await self._as_kept(ended)
        with suppress(StoreUnavailable):  # the next run tells it
            await self._tell_health(ended)
        live.run = ended
        live.ended.set()
        self._hooks.on_end(live.run)
        self._tell_drift(live)
        _log.info("sync_run_ended", state=ended.state.name, mode=ended.mode.name, **names_of(ended))
        await self._stores.directory.clean_up()

    def _tell_drift(self, live: LiveRun) -> None:
        changes = live.run.changes
        if (
            live.board.is_check
            and live.run.state is RunState.SUCCEEDED
            and changes is not None
            and changes != Changes()
        ):
            _log.warning("sync_drift_repaired", changes=asdict(changes), **names_of(live.run))
            self._hooks.on_drift(changes)

    async def _as_kept(self, run: SyncRun) -> SyncRun:
        """The run with the changes that the store counted as it applied them."""
        try:
            return await self._stores.runs.get(run.connection_id, run.id)
        except (StoreUnavailable, ResourceNotFound):
            return run  # it took effect all the same

    async def _tell_health(self, run: SyncRun) -> None:
        state = ConnectionState.ACTIVE if run.state is RunState.SUCCEEDED else ConnectionState.DEGRADED
        with suppress(ResourceNotFound):  # deleted meanwhile
            connection = await self._stores.connections.get(run.connection_id)
            missing = missing_after(run.error, connection, attributes=self._settings.attributes)
            await self._stores.connections.set_health(
                run.connection_id, state=state, last_error=run.error, missing_permissions=missing
            )

    async def _end(self, live: LiveRun, state: RunState, error: ErrorReport) -> None:
        if live.outcome is not None:
            # It took effect, or is held; what failed or was stopped is the tidying up behind it.
            live.run = live.outcome
            _log.warning("sync_run_tidying_failed", error=error.message, **names_of(live.run))
            return
        live.run = replace(live.now(), state=state, error=error, end_time=self._clock.now())
        _log.warning("sync_run_ended", state=state.name, error=error.message, **names_of(live.run))
        self._hooks.on_end(live.run)
        await self._save_end(live)

    async def _save_end(self, live: LiveRun) -> bool:
        """Saves an end; the ticker tries again until the store takes it, or the next start ends the run."""
        live.is_unsaved = True
        with suppress(StoreUnavailable):
            with suppress(RunSuperseded):  # then the other process ends it
                await self._stores.runs.save(live.run)
                if live.run.state is RunState.FAILED:
                    await self._tell_health(live.run)
            live.is_unsaved = False
        return not live.is_unsaved
