"""Syncs that nobody asked for: they are started when due, whatever happens to one connection or to one look."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

from entraid_emulator import contoso
from entraid_service.errors import ResourceNotFound, StoreUnavailable, SyncInProgress
from entraid_service.model.connection import Connection, ConnectionState
from entraid_service.model.ids import ConnectionId, TenantId
from entraid_service.model.syncrun import RunState, SyncMode
from entraid_service.ports import ConnectionStore
from entraid_service.sync.due import Forecast, Intervals
from entraid_service.sync.schedule import Schedule
from sync.lab import MovingClock, laboratory

if TYPE_CHECKING:
    from entraid_service.sync.runner import SyncRunner

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TICK = timedelta(milliseconds=10)
SECONDS = 30


class Unreadable:
    """A store that cannot be read for some time."""

    def __init__(self, store: ConnectionStore, *, times: int) -> None:
        self.store = store
        self.times = times

    async def page(self, *, after: ConnectionId | None, limit: int) -> Sequence[Connection]:
        """Fails, or reads."""
        if self.times:
            self.times -= 1
            raise StoreUnavailable("the database cannot be read")
        return await self.store.page(after=after, limit=limit)


async def test_a_store_that_cannot_be_read_for_a_while_stops_nothing(tmp_path: Path) -> None:
    """Row 37: the next look is as if nothing had been, and the sync that was due is started."""
    async with laboratory(contoso(), tmp_path) as lab:
        store = Unreadable(lab.store.connections, times=3)
        intervals = Intervals(timedelta(milliseconds=1), timedelta())
        schedule = Schedule(
            connections=cast("ConnectionStore", store),
            runner=lab.runner,
            forecast=Forecast(runs=lab.store.runs, clock=MovingClock(), intervals=intervals),
            tick=TICK,
        )
        running = asyncio.create_task(schedule.run())
        async with asyncio.timeout(SECONDS):
            while not lab.ended:
                assert not running.done()
                await asyncio.sleep(0.02)
        running.cancel()
        assert store.times == 0
        assert lab.ended[0].state is RunState.SUCCEEDED


class Everybody:
    """Three connections, all of them due."""

    async def page(self, *, after: ConnectionId | None, limit: int) -> Sequence[Connection]:
        """A page of one each, so that pages follow each other."""
        del limit
        following = {None: "gone", "gone": "running", "running": "idle"}.get(after)
        if following is None:
            return ()
        id_ = ConnectionId(following)
        return (Connection(id_, "uid", "", TenantId("t"), "app", ConnectionState.ACTIVE, NOW, NOW),)

    async def due_now(self, connection: Connection) -> SyncMode:
        """Now."""
        del connection
        return SyncMode.INCREMENTAL


class Starts:
    """Starts what can be started."""

    def __init__(self) -> None:
        self.started: list[str] = []

    async def start(self, connection_id: ConnectionId, *, mode: SyncMode) -> None:
        """As the runner answers for a connection that was deleted meanwhile, and for one that is being synced."""
        assert mode is SyncMode.INCREMENTAL
        if connection_id == "gone":
            raise ResourceNotFound("connection", "connections/gone")
        if connection_id == "running":
            raise SyncInProgress("connections/running/syncRuns/r")
        self.started.append(connection_id)


async def test_one_that_is_gone_or_runs_already_does_not_hold_up_the_others() -> None:
    """Row 38: whoever comes behind it in the list is started all the same, each time."""
    everybody, runner = Everybody(), Starts()
    schedule = Schedule(
        connections=cast("ConnectionStore", everybody),
        runner=cast("SyncRunner", runner),
        forecast=cast("Forecast", everybody),
        tick=TICK,
    )
    running = asyncio.create_task(schedule.run())
    async with asyncio.timeout(SECONDS):
        while len(runner.started) < 3:
            assert not running.done()
            await asyncio.sleep(0.01)
    running.cancel()
    assert set(runner.started) == {"idle"}
