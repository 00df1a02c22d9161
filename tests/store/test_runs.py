import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from entraid_service.errors import ResourceNotFound, SyncInProgress
from entraid_service.model.ids import ConnectionId, SyncRunId
from entraid_service.model.report import ErrorReport
from entraid_service.model.scope import GroupResolution, ResolutionState
from entraid_service.model.syncrun import Changes, Phase, Progress, RunState, SyncMode
from entraid_service.store.connections import SqliteConnections
from entraid_service.store.database import Database
from entraid_service.store.leases import Leases, SystemClock
from entraid_service.store.presence import Presence
from entraid_service.store.runs import SqliteRuns
from store.contract import Store
from store.tenants import NOW, connection, run

CONTOSO = ConnectionId("contoso")
INTERRUPTED = ErrorReport("CANCELLED", "the service stopped")


@pytest.fixture(autouse=True)
async def contoso(store: Store) -> None:
    """The connection that the runs belong to."""
    await store.connections.create(connection(), None)


async def test_a_run_comes_back_as_it_was_saved(store: Store) -> None:
    """Counters, changes, resolutions, error and times survive."""
    await store.runs.start(run(CONTOSO))
    ended = replace(
        run(CONTOSO),
        state=RunState.FAILED,
        progress=Progress(Phase.MEMBERSHIPS, users=3, groups=2, memberships=1, graph_requests=9, skipped_objects=1),
        changes=Changes(users_upserted=3),
        resolutions=(GroupResolution("x", ResolutionState.AMBIGUOUS),),
        error=INTERRUPTED,
        start_time=NOW,
        end_time=NOW,
        revision=4,
        sync_time=NOW,
    )
    await store.runs.save(ended)
    assert await store.runs.get(CONTOSO, ended.id) == ended


async def test_one_run_of_a_connection_at_a_time(store: Store) -> None:
    """The second is told which one runs; once that has ended, the next may start."""
    await store.runs.start(run(CONTOSO, "r-1"))
    with pytest.raises(SyncInProgress) as refused:
        await store.runs.start(run(CONTOSO, "r-2"))
    assert refused.value.sync_run == "connections/contoso/syncRuns/r-1"
    await store.runs.save(replace(run(CONTOSO, "r-1"), state=RunState.CANCELLED))
    await store.runs.start(run(CONTOSO, "r-2"))


async def test_starts_at_the_same_time_start_one_run(store: Store) -> None:
    """Of many callers one wins."""
    starts = [store.runs.start(run(CONTOSO, f"r-{number}")) for number in range(8)]
    outcomes = await asyncio.gather(*starts, return_exceptions=True)
    assert sum(isinstance(outcome, SyncInProgress) for outcome in outcomes) == 7
    assert len(await store.runs.page(CONTOSO, after=None, limit=9)) == 1


async def test_a_request_id_starts_one_run_for_ever(store: Store) -> None:
    """A repeated request gets the run that it started, also when that has ended; another connection may use the id."""
    first = run(CONTOSO, "r-1", request_id="q")
    await store.runs.start(first)
    ended = replace(first, state=RunState.SUCCEEDED)
    await store.runs.save(ended)
    assert await store.runs.start(run(CONTOSO, "r-2", request_id="q")) == ended
    await store.connections.create(connection("fabrikam"), None)
    other = run("fabrikam", "r-3", request_id="q")
    assert await store.runs.start(other) == other


async def test_runs_are_paged_newest_first(store: Store) -> None:
    """By time and not by name; runs of the same moment all come."""
    for name, minutes in (("b", 1), ("c", 0), ("a", 2), ("d", 1)):
        await store.runs.start(replace(run(CONTOSO, name, minutes=minutes), state=RunState.SUCCEEDED))
    first = await store.runs.page(CONTOSO, after=None, limit=2)
    rest = await store.runs.page(CONTOSO, after=first[-1].id, limit=9)
    assert [found.id for found in (*first, *rest)] == ["a", "d", "b", "c"]
    with pytest.raises(ResourceNotFound):
        await store.runs.page(CONTOSO, after=SyncRunId("gone"), limit=1)


async def test_the_last_good_full_run_is_told_however_many_runs_follow(store: Store) -> None:
    """By it the next full run is due: neither incremental runs nor failures hide it."""
    assert await store.runs.last_full(CONTOSO) is None
    for number in range(300):
        mode = SyncMode.FULL if number in {3, 7, 9} else SyncMode.INCREMENTAL
        state = RunState.FAILED if number == 9 else RunState.SUCCEEDED
        started = replace(run(CONTOSO, f"r-{number}", minutes=number), mode=mode, state=state)
        await store.runs.start(replace(started, end_time=started.create_time))
    assert await store.runs.last_full(CONTOSO) == NOW + timedelta(minutes=7)


async def test_a_run_of_a_deleted_connection_stays_deleted(store: Store) -> None:
    """A late save neither fails nor brings anything back."""
    await store.runs.start(run(CONTOSO))
    await store.connections.delete(CONTOSO)
    await store.runs.save(run(CONTOSO))
    with pytest.raises(ResourceNotFound):
        await store.runs.get(CONTOSO, SyncRunId("r-1"))
    for call in (store.runs.start(run(CONTOSO)), store.runs.page(CONTOSO, after=None, limit=1)):
        with pytest.raises(ResourceNotFound, match="connection"):
            await call


async def test_history_is_bounded(tmp_path: Path) -> None:
    """The newest runs are kept, with the last good full one and one that is held, however old."""
    path = tmp_path / "another.db"
    async with Database.open(path) as database:
        with Presence.announced(path) as presence:
            leases = Leases(presence, clock=SystemClock(), length=timedelta(minutes=1))
            await SqliteConnections(database, sweep=nothing_to_sweep).create(connection(), None)
            runs = SqliteRuns(database, leases=leases, most=5)
            for number in range(20):
                mode = SyncMode.FULL if number in {1, 2, 4} else SyncMode.INCREMENTAL
                state = RunState.HELD if number == 4 else RunState.SUCCEEDED
                await runs.start(replace(run(CONTOSO, f"r-{number}", minutes=number), mode=mode, state=state))
                if number == 4:
                    await hold_nothing(database, f"r-{number}")
            kept = [found.id for found in await runs.page(CONTOSO, after=None, limit=99)]
    assert kept == ["r-19", "r-18", "r-17", "r-16", "r-15", "r-4", "r-2"]


async def nothing_to_sweep() -> None:
    """No directory is kept here."""


async def hold_nothing(database: Database, run_id: str) -> None:
    """Marks a run as held, without data."""
    async with database.transaction() as db:
        await db.execute(
            "INSERT INTO held_read (connection_id, run_id, generation, sync_time, scope) VALUES (?, ?, 99, 0, '{}')",
            (CONTOSO, run_id),
        )
