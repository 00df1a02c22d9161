"""Serving snapshots: loading once, swapping after commits, forgetting, and failing without guessing."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from entraid_service.errors import DirectoryNotSynced, StoreUnavailable
from entraid_service.model.directory import Group, User
from entraid_service.model.ids import ConnectionId, GroupId, UserId
from entraid_service.snapshot.person import Person
from entraid_service.snapshot.snapshot import Nobody, Snapshot
from entraid_service.snapshot.snapshots import Snapshots
from snapshot.memory import CONTOSO, Directory, MemoryView, MemoryViews

ADA = User(UserId("ada"), {"userPrincipalName": "ada@contoso.example", "accountEnabled": True})
FIRST = Directory(users=(ADA,), groups=(Group(GroupId("g"), "Old name"),), members=frozenset({(GroupId("g"), ADA.id)}))
SECOND = replace(FIRST, groups=(Group(GroupId("g"), "New name"),), members=frozenset(), revision=2)
FABRIKAM = ConnectionId("fabrikam")


class SlowViews(MemoryViews):
    """Views that are opened only once a test allows it, and tell when somebody waits."""

    def __init__(self, directory: Directory) -> None:
        super().__init__({CONTOSO: directory})
        self.gate = threading.Event()
        self.entered = threading.Event()

    def open(self) -> MemoryView:
        """Opens the view at once, and hands it out when the gate opens."""
        view = super().open()
        self.entered.set()
        assert self.gate.wait(10)
        return view


def groups_of(snapshot: Snapshot | None) -> frozenset[GroupId]:
    """Ada's groups, by what is loaded."""
    assert snapshot is not None
    person = snapshot.find("ada@contoso.example")
    assert isinstance(person, Person)
    return person.direct_groups()


async def until(holds: Callable[[], bool]) -> None:
    """Waits for what another thread or task does; the caller sets the deadline."""
    while not holds():  # noqa: ASYNC110 - nothing signals what is waited for
        await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def running(snapshots: Snapshots) -> AsyncIterator[None]:
    """The background task, as long as the block lasts."""
    task = asyncio.create_task(snapshots.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_nothing_is_at_hand_before_the_first_question() -> None:
    """`peek` never waits and never loads."""
    snapshots = Snapshots(MemoryViews({CONTOSO: FIRST}))
    assert snapshots.peek(CONTOSO) is None
    loaded = await snapshots.get(CONTOSO)
    assert snapshots.peek(CONTOSO) is loaded
    await snapshots.close()


async def test_many_who_ask_at_once_wait_for_one_loading() -> None:
    """A cold connection under load is read once."""
    views = MemoryViews({CONTOSO: FIRST})
    snapshots = Snapshots(views)
    loaded = await asyncio.gather(*(snapshots.get(CONTOSO) for _ in range(50)))
    assert len({id(snapshot) for snapshot in loaded}) == 1
    assert views.opened == 1
    await snapshots.close()


async def test_a_connection_without_a_sync_has_no_snapshot() -> None:
    """That nothing was read is an error, and leaves neither a view nor a place behind."""
    views = MemoryViews({})
    snapshots = Snapshots(views)
    for _ in range(2):
        with pytest.raises(DirectoryNotSynced, match="`connections/contoso`"):
            await snapshots.get(CONTOSO)
    assert views.open_views == []
    assert snapshots._slots == {}
    views.directories[CONTOSO] = FIRST
    assert (await snapshots.get(CONTOSO)).version.revision == 1
    await snapshots.close()


async def test_a_commit_is_seen_after_a_refresh_and_not_before() -> None:
    """A snapshot stands still until it is replaced as a whole: users, memberships and names together."""
    views = MemoryViews({CONTOSO: FIRST})
    snapshots = Snapshots(views)
    before = await snapshots.get(CONTOSO)
    views.directories[CONTOSO] = SECOND
    assert groups_of(before) == {"g"}
    assert before.groups.names[GroupId("g")] == "Old name"
    await snapshots.refresh(CONTOSO)
    after = snapshots.peek(CONTOSO)
    assert after is not None
    assert groups_of(after) == frozenset()
    assert after.groups.names[GroupId("g")] == "New name"
    assert len(views.open_views) == 1
    await snapshots.close()


async def test_a_replaced_snapshot_fails_rather_than_answer_from_another_revision() -> None:
    """Who held on to a snapshot while it was replaced gets an error for what was not read yet."""
    views = MemoryViews({CONTOSO: FIRST})
    snapshots = Snapshots(views)
    before = await snapshots.get(CONTOSO)
    views.directories[CONTOSO] = SECOND
    await snapshots.refresh(CONTOSO)
    with pytest.raises(StoreUnavailable, match="changed while it was being read"):
        before.find("ada@contoso.example")
    await snapshots.close()


async def test_the_same_revision_keeps_what_was_read_and_moves_to_a_new_view() -> None:
    """An old view keeps the database from reusing its log, so it goes; what it told is as true as before."""
    views = MemoryViews({CONTOSO: FIRST})
    snapshots = Snapshots(views)
    before = await snapshots.get(CONTOSO)
    first_view = views.open_views[0]
    groups_of(before)
    reads = views.reads
    await snapshots.refresh(CONTOSO)
    assert snapshots.peek(CONTOSO) is before
    assert first_view.is_closed
    assert len(views.open_views) == 1
    groups_of(before)
    assert views.reads == reads
    assert before.find("somebody else") is Nobody.UNKNOWN
    await snapshots.close()


async def test_a_sync_that_changed_nothing_makes_the_snapshot_younger() -> None:
    """The version moves with its sync time, and what was read stays."""
    views = MemoryViews({CONTOSO: FIRST})
    snapshots = Snapshots(views)
    before = await snapshots.get(CONTOSO)
    groups_of(before)
    views.directories[CONTOSO] = replace(FIRST, sync_time=FIRST.sync_time + timedelta(minutes=5))
    await snapshots.refresh(CONTOSO)
    after = snapshots.peek(CONTOSO)
    assert after is not None
    assert after.version.sync_time == FIRST.sync_time + timedelta(minutes=5)
    assert after.groups is before.groups
    assert after.find("ada@contoso.example") is before.find("ada@contoso.example")
    await snapshots.close()


async def test_other_processes_commits_are_seen_by_themselves() -> None:
    """`run` looks at every loaded connection, and forgets the one that is gone."""
    views = MemoryViews({CONTOSO: FIRST, FABRIKAM: FIRST})
    snapshots = Snapshots(views, interval=timedelta(milliseconds=5))
    async with running(snapshots), asyncio.timeout(5):
        await snapshots.get(CONTOSO)
        await snapshots.get(FABRIKAM)
        views.directories[CONTOSO] = SECOND
        del views.directories[FABRIKAM]
        await until(lambda: not groups_of(snapshots.peek(CONTOSO)))
        await until(lambda: snapshots.peek(FABRIKAM) is None)
    with pytest.raises(DirectoryNotSynced):
        await snapshots.get(FABRIKAM)
    await snapshots.close()
    assert views.open_views == []


async def test_a_database_that_cannot_be_read_ends_no_service_and_guesses_nothing() -> None:
    """What was read goes on answering, what was not is an error, and when the database is back all is well."""
    views = MemoryViews({CONTOSO: FIRST})
    snapshots = Snapshots(views, interval=timedelta(milliseconds=5))
    loaded = await snapshots.get(CONTOSO)
    groups_of(loaded)
    async with running(snapshots), asyncio.timeout(5):
        views.is_broken = True
        await asyncio.sleep(0.05)
        assert groups_of(snapshots.peek(CONTOSO)) == {"g"}
        with pytest.raises(StoreUnavailable):
            loaded.find("somebody else")
        with pytest.raises(StoreUnavailable):
            await snapshots.get(FABRIKAM)
        with pytest.raises(StoreUnavailable):
            await snapshots.refresh(CONTOSO)
        views.directories[CONTOSO] = SECOND
        views.is_broken = False
        await until(lambda: not groups_of(snapshots.peek(CONTOSO)))
    await snapshots.close()


async def test_a_dropped_connection_is_forgotten_at_once() -> None:
    """After a disconnect nothing answers from what was loaded before."""
    views = MemoryViews({CONTOSO: FIRST})
    snapshots = Snapshots(views)
    await snapshots.get(CONTOSO)
    del views.directories[CONTOSO]
    snapshots.drop(CONTOSO)
    assert snapshots.peek(CONTOSO) is None
    assert views.open_views == []
    with pytest.raises(DirectoryNotSynced):
        await snapshots.get(CONTOSO)
    snapshots.drop(CONTOSO)


async def test_a_connection_dropped_while_it_is_loaded_does_not_come_back() -> None:
    """What a thread read before the disconnect is thrown away, and its view closed."""
    views = SlowViews(FIRST)
    snapshots = Snapshots(views)
    waiting = asyncio.create_task(snapshots.get(CONTOSO))
    await asyncio.to_thread(views.entered.wait, 5)
    del views.directories[CONTOSO]
    snapshots.drop(CONTOSO)
    views.gate.set()
    with pytest.raises(DirectoryNotSynced):
        await waiting
    assert snapshots.peek(CONTOSO) is None
    assert views.open_views == []


async def test_a_caller_who_gives_up_leaves_no_view_open() -> None:
    """A cancelled loading is cleaned up when its thread ends, and the next who asks loads anew."""
    views = SlowViews(FIRST)
    snapshots = Snapshots(views)
    waiting = asyncio.create_task(snapshots.get(CONTOSO))
    await asyncio.to_thread(views.entered.wait, 5)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    views.gate.set()
    async with asyncio.timeout(5):
        await until(lambda: not views.open_views)
    assert groups_of(await snapshots.get(CONTOSO)) == {"g"}
    await snapshots.close()
    assert views.open_views == []


async def test_a_refresh_during_a_loading_sees_commits_made_before_it() -> None:
    """A loading that began before the commit does not count for a refresh that was asked for after it."""
    views = SlowViews(FIRST)
    snapshots = Snapshots(views)
    loading = asyncio.create_task(snapshots.get(CONTOSO))
    await asyncio.to_thread(views.entered.wait, 5)
    views.directories[CONTOSO] = SECOND
    refreshing = asyncio.create_task(snapshots.refresh(CONTOSO))
    await asyncio.sleep(0.01)
    views.gate.set()
    await asyncio.gather(loading, refreshing)
    assert groups_of(snapshots.peek(CONTOSO)) == frozenset()
    await snapshots.close()


async def test_many_refreshes_at_once_share_their_work() -> None:
    """A hundred callers who ask for fresh data cost one look at the database or two, not a hundred."""
    views = MemoryViews({CONTOSO: FIRST})
    snapshots = Snapshots(views)
    await snapshots.get(CONTOSO)
    await asyncio.gather(*(snapshots.refresh(CONTOSO) for _ in range(100)))
    assert views.opened <= 3
    await snapshots.close()


async def test_two_tenants_with_equal_ids_and_names_do_not_mix() -> None:
    """The same user id and group id in another connection is somebody else."""
    views = MemoryViews({CONTOSO: FIRST, FABRIKAM: SECOND})
    snapshots = Snapshots(views)
    contoso, fabrikam = await asyncio.gather(snapshots.get(CONTOSO), snapshots.get(FABRIKAM))
    assert groups_of(contoso) == {"g"}
    assert groups_of(fabrikam) == frozenset()
    assert contoso.groups.names != fabrikam.groups.names
    await snapshots.close()


async def test_all_connections_share_the_memory_for_people() -> None:
    """However many there are, and whoever came first."""
    people = tuple(User(UserId(f"user-{number}"), {"accountEnabled": True}) for number in range(100))
    names = [ConnectionId(f"tenant-{number}") for number in range(10)]
    snapshots = Snapshots(MemoryViews({name: Directory(users=people) for name in names}), most_kept=25_000)
    for name in names:
        snapshot = await snapshots.get(name)
        kept = [person for person in (snapshot.find(user.id) for user in people) if isinstance(person, Person)]
        assert 0 < len(snapshot.people) < len(kept)
        loaded = [found for found in map(snapshots.peek, names) if found is not None]
        assert sum(len(found.people) for found in loaded) * kept[0].weight <= 25_000
    await snapshots.close()
