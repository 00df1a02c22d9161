import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from entraid_service.errors import ResourceNotFound, RunSuperseded, SyncInProgress
from entraid_service.model.changes import ChangeSet, FeedLinks
from entraid_service.model.ids import ConnectionId, SyncRunId
from entraid_service.model.report import ErrorReport
from entraid_service.model.syncrun import Progress, RunState
from entraid_service.store import SqliteStore
from store.tenants import NOW, SCOPE, Tenant, connection, ended, people, run

CONTOSO = ConnectionId("contoso")
INTERRUPTED = ErrorReport("ABORTED", "the service stopped")
LINKS = FeedLinks("b", "u", {"": "g"})
LEASE = timedelta(seconds=30)

HOLD_A_RUN = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from store.tenants import connection, people, run, Tenant
from entraid_service.store import SqliteStore

async def main():
    async with SqliteStore.open(Path(sys.argv[1])) as store:
        await store.runs.start(run("contoso"))
        staging = await Tenant(people(*range(50))).stage(store.directory, connection())
        await staging.changes()
        print("ready", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


class HandClock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        """The time that was set."""
        return self.time


@pytest.fixture
def clock() -> HandClock:
    """One clock for all processes."""
    return HandClock()


@asynccontextmanager
async def opened(folder: Path, clock: HandClock) -> AsyncIterator[SqliteStore]:
    """The store as one process has it; another call is another process as far as leases know."""
    async with SqliteStore.open(folder / "store.db", clock=clock, lease=LEASE) as store:
        yield store


@pytest.fixture
async def ours(tmp_path: Path, clock: HandClock) -> AsyncIterator[SqliteStore]:
    """One process, in which the connection was made."""
    async with opened(tmp_path, clock) as store:
        await store.connections.create(connection(), None)
        yield store


@pytest.fixture
async def theirs(ours: SqliteStore, tmp_path: Path, clock: HandClock) -> AsyncIterator[SqliteStore]:
    """Another process on the same file."""
    del ours
    async with opened(tmp_path, clock) as store:
        yield store


async def test_a_living_run_keeps_others_out(ours: SqliteStore, theirs: SqliteStore, clock: HandClock) -> None:
    """As long as it tells of itself, however long it takes."""
    begun = await ours.runs.start(run(CONTOSO, "r-1"))
    for second in range(0, 300, 20):
        clock.time = NOW + timedelta(seconds=second)
        await ours.runs.save(replace(begun, progress=Progress(users=second)))
        with pytest.raises(SyncInProgress, match="r-1"):
            await theirs.runs.start(run(CONTOSO, "r-2"))
        assert await theirs.runs.fail_interrupted(INTERRUPTED, end_time=NOW) == 0
    assert (await theirs.runs.get(CONTOSO, begun.id)).progress.users == 280


async def test_an_expired_lease_is_taken_over_and_the_slow_one_fenced_off(
    ours: SqliteStore, theirs: SqliteStore, clock: HandClock
) -> None:
    """The former run ends as failed; neither its progress nor its end nor its data take effect any more."""
    slow = await ours.runs.start(run(CONTOSO, "r-1"))
    late = await Tenant(people(1)).stage(ours.directory, connection())
    clock.time = NOW + LEASE
    quick = await theirs.runs.start(run(CONTOSO, "r-2"))
    staging = await Tenant(people(2)).stage(theirs.directory, connection())
    base = await staging.commit(ended(quick), sync_time=NOW, scope=SCOPE)

    failed = await ours.runs.get(CONTOSO, slow.id)
    assert (failed.state, failed.end_time) == (RunState.FAILED, clock.time)
    assert failed.error is not None
    assert "lost its process" in failed.error.message
    changes = ChangeSet(users=people(1))
    for write in (
        late.commit(ended(slow), sync_time=NOW, scope=SCOPE),
        ours.directory.hold(late, ended(slow), sync_time=NOW, scope=SCOPE, links=None),
        ours.directory.apply(base, changes, run=ended(slow), sync_time=NOW, scope=SCOPE, links=LINKS),
        ours.runs.save(slow),
        ours.runs.save(replace(slow, state=RunState.CANCELLED)),
    ):
        with pytest.raises(RunSuperseded):
            await write
    assert await ours.runs.get(CONTOSO, slow.id) == failed
    assert await ours.lists.version(CONTOSO) == base
    assert [user.id for user in (await ours.lists.users(CONTOSO, after=None, limit=9)).items] == [people(2)[0].id]


async def test_a_run_that_another_process_drives_is_not_ours_to_write(ours: SqliteStore, theirs: SqliteStore) -> None:
    """Also while its lease is good."""
    begun = await ours.runs.start(run(CONTOSO, "r-1"))
    staging = await Tenant(people(1)).stage(theirs.directory, connection())
    for write in (theirs.runs.save(begun), staging.commit(ended(begun), sync_time=NOW, scope=SCOPE)):
        with pytest.raises(RunSuperseded):
            await write
    assert await ours.runs.get(CONTOSO, begun.id) == begun


async def test_progress_told_after_the_commit_changes_nothing(ours: SqliteStore) -> None:
    """Neither is it an error: the run's own commit was quicker. Another end than the one it had is refused."""
    begun = await ours.runs.start(run(CONTOSO))
    staging = await Tenant(people(1)).stage(ours.directory, connection())
    await staging.commit(ended(begun), sync_time=NOW, scope=SCOPE)
    saved = await ours.runs.get(CONTOSO, begun.id)
    await ours.runs.save(begun)
    await ours.runs.save(saved)
    with pytest.raises(RunSuperseded):
        await ours.runs.save(replace(saved, state=RunState.FAILED))
    assert await ours.runs.get(CONTOSO, begun.id) == saved
    await ours.runs.start(run(CONTOSO, "r-2"))


async def test_a_read_for_a_run_that_is_gone_says_that_its_connection_is(ours: SqliteStore) -> None:
    """A new connection of the same name does not get the changes of the former one."""
    begun = await ours.runs.start(run(CONTOSO))
    staging = await Tenant(people(1)).stage(ours.directory, connection())
    base = await staging.commit(ended(begun), sync_time=NOW, scope=SCOPE)
    begun = await ours.runs.start(run(CONTOSO, "r-2"))
    await ours.connections.delete(CONTOSO)
    for uid in ("", "new"):
        if uid:
            await ours.connections.create(connection(uid=uid), None)
        with pytest.raises(ResourceNotFound, match="connection"):
            await ours.directory.apply(
                base, ChangeSet(users=people(2)), run=ended(begun), sync_time=NOW, scope=SCOPE, links=LINKS
            )


async def test_a_stop_frees_what_the_process_held_at_once(tmp_path: Path, clock: HandClock) -> None:
    """A run that was left running is ended by the next start, not by the clock; ended ones stay."""
    async with opened(tmp_path, clock) as store:
        await store.connections.create(connection(), None)
        done = await store.runs.start(ended(run(CONTOSO, "r-0")))
        left = await store.runs.start(run(CONTOSO, "r-1"))
    async with opened(tmp_path, clock) as store:
        assert await store.runs.fail_interrupted(INTERRUPTED, end_time=NOW) == 1
        assert await store.runs.get(CONTOSO, left.id) == replace(
            left, state=RunState.FAILED, error=INTERRUPTED, end_time=NOW
        )
        assert await store.runs.get(CONTOSO, done.id) == done
        assert await store.runs.fail_interrupted(INTERRUPTED, end_time=NOW) == 0
        await store.runs.start(run(CONTOSO, "r-2"))


async def test_a_killed_process_is_known_to_be_dead(ours: SqliteStore, tmp_path: Path) -> None:
    """While it lives its run and its staged data stay; after kill -9 both are given up without waiting."""
    command = [sys.executable, "-c", HOLD_A_RUN, str(tmp_path / "store.db"), str(Path(__file__).parents[1])]
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert child.stdout is not None
    assert await asyncio.wait_for(child.stdout.readline(), 30) == b"ready\n"
    with pytest.raises(SyncInProgress):
        await ours.runs.start(run(CONTOSO, "r-2"))
    await ours.directory.clean_up()
    assert staged_rows(tmp_path) == 50
    child.kill()
    await asyncio.wait_for(child.wait(), 30)
    await ours.runs.start(run(CONTOSO, "r-2"))
    assert (await ours.runs.get(CONTOSO, SyncRunId("r-1"))).state is RunState.FAILED
    await ours.directory.clean_up()
    assert staged_rows(tmp_path) == 0


def staged_rows(folder: Path) -> int:
    """How many users lie in the file, served or not."""
    with closing(sqlite3.connect(folder / "store.db")) as db:
        return int(db.execute("SELECT count(*) FROM directory_user").fetchone()[0])


async def test_starts_in_many_processes_at_once_start_one_run(
    ours: SqliteStore, theirs: SqliteStore, clock: HandClock
) -> None:
    """Also when all of them find the same expired lease."""
    await ours.runs.start(run(CONTOSO, "r-0"))
    clock.time = NOW + LEASE
    stores = (ours, theirs)
    starts = [stores[number % 2].runs.start(run(CONTOSO, f"r-{number + 1}")) for number in range(8)]
    outcomes = await asyncio.gather(*starts, return_exceptions=True)
    assert sum(isinstance(outcome, SyncInProgress) for outcome in outcomes) == 7
    states = [found.state for found in await ours.runs.page(CONTOSO, after=None, limit=9)]
    assert sorted(states, key=lambda state: state.value) == [RunState.RUNNING, RunState.FAILED]
