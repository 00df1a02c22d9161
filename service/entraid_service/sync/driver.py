"""One sync run from its start to its end.

A run reads into a staging area and commits it. Whatever stops it before the commit leaves the former snapshot in
service and is told in the run; only a commit changes what is served.
"""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Final

import structlog

from entraid_service.errors import EntraidError, ResourceNotFound, RunSuperseded, StoreUnavailable
from entraid_service.model.connection import ConnectionState
from entraid_service.model.permissions import missing_after
from entraid_service.model.report import ErrorReport
from entraid_service.model.syncrun import Changes, RunState, SyncRun
from entraid_service.ports import Clock, Tenants
from entraid_service.sync.around import Hooks, Stores
from entraid_service.sync.attempt import Attempt, ReadSettings
from entraid_service.sync.liverun import LiveRun, names_of

_log = structlog.get_logger(__name__)

TICK: Final = timedelta(seconds=1)
"""How often a run tells where it stands; the contract promises watchers no more than once a second."""


class RunDriver:
    """Drives runs; `forget` is told of each whose end is kept."""

    def __init__(
        self,
        stores: Stores,
        *,
        tenants: Tenants,
        clock: Clock,
        settings: ReadSettings,
        hooks: Hooks,
        forget: Callable[[LiveRun], None],
    ) -> None:
        self._stores = stores
        self._tenants = tenants
        self._clock = clock
        self._settings = settings
        self._hooks = hooks
        self._forget = forget

    async def drive(self, live: LiveRun) -> None:
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

    async def tell_health(self, run: SyncRun) -> None:
        """Keeps with the connection how its newest run ended."""
        state = ConnectionState.ACTIVE if run.state is RunState.SUCCEEDED else ConnectionState.DEGRADED
        with suppress(ResourceNotFound):  # deleted meanwhile
            connection = await self._stores.connections.get(run.connection_id)
            missing = missing_after(run.error, connection, attributes=self._settings.attributes)
            await self._stores.connections.set_health(
                run.connection_id, state=state, last_error=run.error, missing_permissions=missing
            )

    async def _tick(self, live: LiveRun) -> None:
        """Saves where the run stands now and then, for those who ask another process or come after a crash.

        So too its end, if the store did not take that: a run that seems to go on keeps every later one from being due.
        """
        while True:
            await asyncio.sleep(TICK.total_seconds())
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
            await self.tell_health(ended)
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
                    await self.tell_health(live.run)
            live.is_unsaved = False
        return not live.is_unsaved
