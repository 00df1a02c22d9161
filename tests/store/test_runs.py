import asyncio
from dataclasses import replace

import pytest

from entraid_service.errors import ResourceNotFound, SyncInProgress
from entraid_service.model.ids import ConnectionId, SyncRunId
from entraid_service.model.report import ErrorReport
from entraid_service.model.scope import GroupResolution, ResolutionState
from entraid_service.model.syncrun import Changes, Phase, Progress, RunState
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
