"""When a connection is synced without being asked."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from entraid_service.model.connection import Connection, ConnectionState
from entraid_service.model.ids import ConnectionId, SyncRunId, TenantId
from entraid_service.model.syncrun import RunState, SyncMode, SyncRun
from entraid_service.store import SqliteStore
from entraid_service.sync.due import Forecast, Intervals, next_run
from sync.lab import StandingClock

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
EVERY = Intervals(incremental=timedelta(minutes=2), full=timedelta(hours=6))
CONNECTION = Connection(ConnectionId("c"), "uid", "", TenantId("t"), "app", ConnectionState.ACTIVE, NOW, NOW)


def run(minutes_ago: float, mode: SyncMode = SyncMode.INCREMENTAL, state: RunState = RunState.SUCCEEDED) -> SyncRun:
    """A run that ended then."""
    ended = NOW - timedelta(minutes=minutes_ago)
    return SyncRun(SyncRunId(f"r{minutes_ago}"), CONNECTION.id, mode, state, ended, end_time=ended)


def planned(history: list[SyncRun], intervals: Intervals = EVERY) -> tuple[datetime, SyncMode] | None:
    """What these runs lead to."""
    good = [run for run in history if run.mode is SyncMode.FULL and run.state is RunState.SUCCEEDED]
    last_full = good[0].end_time if good else None
    return next_run(CONNECTION, history, intervals, last_full=last_full, now=NOW)


def test_whoever_connects_may_start_the_first_sync_himself() -> None:
    """Nothing is due before one interval has passed."""
    assert planned([]) == (NOW + timedelta(minutes=2), SyncMode.INCREMENTAL)


def test_what_changed_is_read_every_interval() -> None:
    """Counted from the end of the last run."""
    history = [run(1), run(3, SyncMode.FULL)]
    assert planned(history) == (NOW + timedelta(minutes=1), SyncMode.INCREMENTAL)


def test_everything_is_read_when_the_last_full_read_is_old() -> None:
    """Within a tenth around the interval, so that connections spread."""
    history = [run(1), run(60 * 6.7, SyncMode.FULL)]
    assert planned(history) == (NOW + timedelta(minutes=1), SyncMode.FULL)
    early = [run(1), run(60 * 5.3, SyncMode.FULL)]
    assert planned(early) == (NOW + timedelta(minutes=1), SyncMode.INCREMENTAL)


def test_failures_wait_longer_each_time_and_not_for_ever() -> None:
    """Doubled with each failure in a row, half an hour at most."""
    failed = [run(n / 10, state=RunState.FAILED) for n in range(1, 40)]
    waits = []
    for count in (1, 2, 3, 30):
        due = planned([*failed[:count], run(99)])
        assert due is not None
        waits.append((due[0] - NOW + timedelta(minutes=0.1)).total_seconds() / 60)
    assert waits == [4, 8, 16, 30]


def test_a_run_that_is_held_is_looked_at_again_seldom() -> None:
    """Each look reads everything."""
    due = planned([run(1, SyncMode.FULL, RunState.HELD)])
    assert due == (NOW + timedelta(minutes=14), SyncMode.INCREMENTAL)


def test_zero_turns_a_kind_of_sync_off() -> None:
    """Both off: never; only full: at its interval."""
    off = timedelta(0)
    assert planned([run(1)], Intervals(off, off)) is None
    only_full = planned([run(1, SyncMode.FULL)], Intervals(off, timedelta(hours=6)))
    assert only_full is not None
    assert only_full[1] is SyncMode.FULL
    assert only_full[0] > NOW + timedelta(hours=5)
    assert planned([run(9999, SyncMode.FULL)], Intervals(timedelta(minutes=2), off)) == (
        NOW - timedelta(minutes=9997),
        SyncMode.INCREMENTAL,
    )


async def test_a_full_read_is_due_however_many_increments_came_since(tmp_path: Path) -> None:
    """At an increment every two minutes the last full read is hundreds of runs away when the next one is due."""
    clock = StandingClock(NOW)
    async with SqliteStore.open(tmp_path / "store.db") as store:
        await store.connections.create(CONNECTION, None)
        forecast = Forecast(runs=store.runs, clock=clock, intervals=EVERY)
        await store.runs.start(run(60 * 6.7, SyncMode.FULL))
        for number in range(200):
            await store.runs.start(replace(run(60 * 6.7 - 2 * (number + 1)), id=SyncRunId(f"r-{number}")))
        assert await forecast.due_now(CONNECTION) is SyncMode.FULL
        await store.runs.start(run(1, SyncMode.FULL))
        assert await forecast.due_now(CONNECTION) is None
        assert await forecast.next_time(CONNECTION) == NOW + timedelta(minutes=1)
        clock.time += timedelta(minutes=1)
        assert await forecast.due_now(CONNECTION) is SyncMode.INCREMENTAL
