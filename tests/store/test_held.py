import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from entraid_service.errors import ResourceNotFound, RunSuperseded, StoreUnavailable
from entraid_service.model.changes import ChangeSet, FeedLinks, Removals
from entraid_service.model.ids import ConnectionId, SyncRunId
from entraid_service.model.report import ErrorReport
from entraid_service.model.syncrun import RunState, SyncRun
from entraid_service.store import SqliteStore
from store.dumps import dump
from store.tenants import NOW, SCOPE, Tenant, commit, connection, edge, ended, group, people, person, run, running

CONTOSO = ConnectionId("contoso")
LINKS = FeedLinks("binding", "users", {"": "groups"})
NEXT = FeedLinks("binding", "users-2", {"": "groups-2"})
FULL = Tenant(people(1, 2, 3), [group(8)], [edge(8, 1), edge(8, 2), edge(8, 3)])
FEW = Tenant(people(1), [group(8)], [edge(8, 1)])
LATER = NOW + timedelta(minutes=5)
OBJECTION = ErrorReport("FAILED_PRECONDITION", "it would remove 2 of 3 users")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """A store that serves `FULL`."""
    async with SqliteStore.open(tmp_path / "store.db") as opened:
        await opened.connections.create(connection(), None)
        await commit(opened, await FULL.stage(opened.directory, connection()), links=LINKS)
        yield opened


async def hold(store: SqliteStore, tenant: Tenant = FEW) -> SyncRun:
    """Holds a complete read back, as a run whose read a person has to look at."""
    staging = await tenant.stage(store.directory, connection())
    async with running(store, CONTOSO) as begun:
        held = replace(begun, state=RunState.HELD, error=OBJECTION)
        await store.directory.hold(staging, held, sync_time=LATER, scope=SCOPE, links=NEXT)
    await staging.discard()
    return held


def approved(held: SyncRun) -> SyncRun:
    """The run as it is to be once it is released."""
    return replace(held, state=RunState.SUCCEEDED, error=None)


async def names(store: SqliteStore) -> list[str]:
    """Who is served."""
    users = (await store.lists.users(CONTOSO, after=None, limit=99)).items
    return [user.user_principal_name.partition("@")[0] for user in users]


async def test_what_is_held_is_not_served_until_it_is_released(store: SqliteStore, tmp_path: Path) -> None:
    """Neither clean-up nor `discard` takes it; released, all of it is served, with its own links, age and run."""
    held = await hold(store)
    await store.directory.clean_up()
    assert await store.runs.get(CONTOSO, held.id) == held
    assert await names(store) == ["user1", "user2", "user3"]
    assert await store.directory.links(connection()) == LINKS
    former = await store.lists.version(CONTOSO)

    version = await store.directory.release(approved(held))
    assert version == replace(former, generation=version.generation, revision=version.revision, sync_time=LATER)
    assert version.revision > former.revision
    assert await store.lists.version(CONTOSO) == version
    assert await store.runs.get(CONTOSO, held.id) == replace(approved(held), revision=version.revision, sync_time=LATER)
    assert await store.directory.links(connection()) == NEXT
    await store.directory.clean_up()
    assert dump(tmp_path / "store.db", CONTOSO).users == {user.id: user for user in FEW.users}
    assert await store.directory.removals(version, ChangeSet()) == Removals((0, 1), (0, 1), (0, 1))


async def test_what_is_held_outlives_a_restart(store: SqliteStore, tmp_path: Path) -> None:
    """Another process cleans up, ends what was interrupted, and releases it."""
    held = await hold(store)
    async with SqliteStore.open(tmp_path / "store.db") as other:
        assert await other.runs.fail_interrupted(OBJECTION, end_time=NOW) == 0
        await other.directory.clean_up()
        await other.directory.release(approved(held))
    assert await names(store) == ["user1"]


async def test_releasing_twice_serves_once(store: SqliteStore) -> None:
    """Of several approvals one succeeds; a run of another name, or of another connection, never finds anything."""
    held = await hold(store)
    for other in (replace(held, id=SyncRunId("another")), replace(held, connection_id=ConnectionId("another"))):
        with pytest.raises(RunSuperseded):
            await store.directory.release(approved(other))
    releases = [store.directory.release(approved(held)) for _ in range(3)]
    outcomes = await asyncio.gather(*releases, return_exceptions=True)
    assert sum(isinstance(outcome, RunSuperseded) for outcome in outcomes) == 2
    assert await names(store) == ["user1"]


async def test_a_newer_hold_takes_the_place_of_the_former(store: SqliteStore) -> None:
    """There is one to look at; the former run ends and says why."""
    former = await hold(store, Tenant(people(2)))
    newer = await hold(store)
    with pytest.raises(RunSuperseded):
        await store.directory.release(approved(former))
    ended_run = await store.runs.get(CONTOSO, former.id)
    assert ended_run.state is RunState.CANCELLED
    assert ended_run.error is not None
    assert "later run" in ended_run.error.message
    await store.directory.release(approved(newer))
    assert await names(store) == ["user1"]


@pytest.mark.parametrize("kind", ["full", "incremental"])
async def test_another_version_drops_what_is_held(store: SqliteStore, kind: str) -> None:
    """It was compared with what is not served any more: nothing is left to release, and its rows go."""
    held = await hold(store, Tenant([person(1, "canary")]))
    if kind == "full":
        await commit(store, await FULL.stage(store.directory, connection()))
    else:
        await change(store, ChangeSet(users=[person(1, "renamed")]))
    with pytest.raises(RunSuperseded):
        await store.directory.release(approved(held))
    assert (await store.runs.get(CONTOSO, held.id)).state is RunState.CANCELLED
    await store.directory.clean_up()
    assert "canary" not in await names(store)
    staging = await FULL.stage(store.directory, connection())
    await staging.discard()


async def test_a_round_without_changes_drops_what_is_held(store: SqliteStore) -> None:
    """What is served was confirmed later than the held read began, which must not lead back."""
    held = await hold(store)
    await change(store, ChangeSet(users=[person(1)]))
    with pytest.raises(RunSuperseded):
        await store.directory.release(approved(held))
    assert (await store.runs.get(CONTOSO, held.id)).state is RunState.CANCELLED
    assert await names(store) == ["user1", "user2", "user3"]


async def test_a_refused_run_can_be_ended(store: SqliteStore) -> None:
    """A person may say no: the run is saved as cancelled."""
    held = await hold(store)
    cancelled = replace(held, state=RunState.CANCELLED)
    await store.runs.save(cancelled)
    assert await store.runs.get(CONTOSO, held.id) == cancelled


async def test_a_disconnection_drops_what_is_held(store: SqliteStore) -> None:
    """Also for a connection of the same name that is made later."""
    held = await hold(store)
    await store.connections.delete(CONTOSO)
    await store.connections.create(connection(uid="new"), None)
    with pytest.raises(RunSuperseded):
        await store.directory.release(approved(held))
    assert await store.directory.links(connection(uid="new")) is None


async def test_what_is_held_cannot_be_written_any_more(store: SqliteStore) -> None:
    """A read ends with being held, as with a commit."""
    staging = await FEW.stage(store.directory, connection())
    async with running(store, CONTOSO) as begun:
        held = replace(begun, state=RunState.HELD)
        await store.directory.hold(staging, held, sync_time=NOW, scope=SCOPE, links=None)
    await staging.put_users(people(7))
    with pytest.raises(StoreUnavailable):
        await commit(store, staging)
    await store.directory.release(approved(held))
    assert await names(store) == ["user1"]
    assert await store.directory.links(connection()) is None


async def test_a_read_of_a_connection_that_went_is_not_held(store: SqliteStore) -> None:
    """There is nothing that it could be released for."""
    staging = await FEW.stage(store.directory, connection())
    begun = await store.runs.start(run(CONTOSO))
    await store.connections.delete(CONTOSO)
    with pytest.raises(ResourceNotFound):
        await store.directory.hold(staging, begun, sync_time=NOW, scope=SCOPE, links=None)


async def change(store: SqliteStore, changes: ChangeSet) -> None:
    """Applies changes to what is served."""
    base = await store.lists.version(CONTOSO)
    async with running(store, CONTOSO) as begun:
        await store.directory.apply(base, changes, run=ended(begun), sync_time=NOW, scope=SCOPE, links=LINKS)
