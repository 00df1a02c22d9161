import asyncio
from dataclasses import replace

import pytest

from entraid_service.errors import DirectoryNotSynced, EntraidError, ResourceNotFound, StoreUnavailable
from entraid_service.model.changes import Removals
from entraid_service.model.directory import MemberKind, User
from entraid_service.model.ids import ConnectionId, GroupId, SyncRunId, UserId
from entraid_service.model.syncrun import Changes, RunState
from store.contract import Store
from store.tenants import (
    NOW,
    SCOPE,
    Known,
    Tenant,
    commit,
    connection,
    edge,
    ended,
    group,
    guid,
    known,
    people,
    person,
    run,
)

CONTOSO = ConnectionId("contoso")
FIRST = Tenant(people(1, 2, 3), [group(8), group(9)], [edge(8, 1), edge(8, 2), edge(9, 8, MemberKind.GROUP)])


@pytest.fixture(autouse=True)
async def contoso(store: Store) -> None:
    """The connection that is synced."""
    await store.connections.create(connection(), None)


async def served(store: Store) -> list[str]:
    """The names of all users that are served, by id."""
    listing = await store.lists.users(CONTOSO, after=None, limit=1000)
    return [user.user_principal_name.partition("@")[0] for user in listing.items]


async def look_up(store: Store, number: int) -> Known | None:
    """A user as a decision reads him."""
    view = store.views.open()
    try:
        version = view.version(CONTOSO)
        assert version is not None
        return known(view.user(version, UserId(guid(number))))
    finally:
        view.close()


async def test_nothing_is_served_before_the_commit(store: Store) -> None:
    """A read in the making shows in no list and no view, neither at first nor over a former one."""
    staging = await FIRST.stage(store.directory, connection())
    with pytest.raises(DirectoryNotSynced):
        await store.lists.version(CONTOSO)
    await commit(store, staging)
    second = await Tenant([person(1, "renamed")], []).stage(store.directory, connection())
    await second.changes()
    assert await served(store) == ["user1", "user2", "user3"]


async def test_a_commit_serves_all_and_saves_the_run(store: Store) -> None:
    """Version, scope, run and rows are those of the commit, in a view as in a list."""
    await store.runs.start(run(CONTOSO))
    staging = await FIRST.stage(store.directory, connection())
    version = await staging.commit(ended(run(CONTOSO)), sync_time=NOW, scope=SCOPE)
    assert (version.connection_id, version.tenant_id, version.sync_time, version.scope) == (
        CONTOSO,
        guid(1),
        NOW,
        SCOPE,
    )
    assert await store.lists.version(CONTOSO) == version
    saved = await store.runs.get(CONTOSO, SyncRunId("r-1"))
    assert saved == replace(ended(run(CONTOSO)), revision=version.revision, sync_time=NOW)
    found = await look_up(store, 1)
    assert found == Known(person(1), frozenset({GroupId(guid(8))}))


async def test_a_second_read_replaces_the_first_wholly(store: Store) -> None:
    """Users, groups and edges that the second did not find are gone, and the revision has grown."""
    first = await FIRST.sync(store, connection())
    second = await Tenant([person(1, "renamed"), person(4)], [group(9)]).sync(store, connection())
    assert second.revision > first.revision
    assert await served(store) == ["renamed", "user4"]
    assert await look_up(store, 2) is None
    assert await look_up(store, 1) == Known(person(1, "renamed"), frozenset())
    listing = await store.lists.groups(CONTOSO, after=None, limit=9)
    assert [(item.group.id, item.member_count) for item in listing.items] == [(guid(9), 0)]
    assert (await store.lists.user(CONTOSO, "user1@contoso.com")).items == []


async def test_a_discarded_read_leaves_what_was_served(store: Store) -> None:
    """Discarding may be repeated, does nothing after a commit, and ends the writing."""
    kept = await FIRST.stage(store.directory, connection())
    await commit(store, kept)
    dropped = await Tenant(people(7)).stage(store.directory, connection())
    for staging in (dropped, dropped, kept):
        await staging.discard()
    await store.directory.clean_up()
    assert await served(store) == ["user1", "user2", "user3"]
    assert await look_up(store, 2) == Known(person(2), frozenset({GroupId(guid(8))}))
    await dropped.put_users(people(8))
    with pytest.raises(StoreUnavailable):
        await commit(store, dropped)
    assert await served(store) == ["user1", "user2", "user3"]


async def test_what_is_served_cannot_be_written_by_the_read_that_made_it(store: Store) -> None:
    """After its commit a read neither adds nor drops."""
    staging = await FIRST.stage(store.directory, connection())
    await commit(store, staging)
    await staging.put_users(people(7))
    for write in (staging.drop_users(), staging.drop_groups(), staging.changes(), staging.keep_members_only()):
        with pytest.raises(StoreUnavailable):
            await write
    assert await served(store) == ["user1", "user2", "user3"]


async def test_a_read_whose_connection_went_is_not_served(store: Store) -> None:
    """Neither to nobody nor to another connection that took the name meanwhile."""
    staging = await FIRST.stage(store.directory, connection())
    await store.connections.delete(CONTOSO)
    await store.connections.create(connection(uid="new"), None)
    with pytest.raises(ResourceNotFound):
        await commit(store, staging)
    await staging.discard()
    with pytest.raises(DirectoryNotSynced):
        await store.lists.version(CONTOSO)
    with pytest.raises(ResourceNotFound):
        await store.directory.begin(connection())


async def test_rows_put_again_are_the_last_ones(store: Store) -> None:
    """Also across written batches: a name that the last row lacks does not find the user."""
    staging = await store.directory.begin(connection())
    await staging.put_users([person(1, "old", mail="old@contoso.com")])
    await staging.put_groups([group(8, "Old")])
    await staging.put_memberships([edge(8, 1), edge(8, 1)])
    await staging.changes()
    await staging.put_users([person(1, "mid")])
    await staging.put_users([person(1, "new")])
    await staging.put_groups([group(8, "New")])
    await staging.put_memberships([edge(8, 1)])
    await commit(store, staging)
    view = store.views.open()
    version = view.version(CONTOSO)
    assert version is not None
    names = [view.users_named(version, f"{name}@contoso.com") for name in ("old", "mid", "new")]
    assert names == [[], [], [guid(1)]]
    assert view.users_mailed(version, "old@contoso.com") == []
    view.close()
    (listed,) = (await store.lists.groups(CONTOSO, after=None, limit=9)).items
    assert (listed.group.display_name, listed.member_count) == ("New", 1)


async def test_a_list_can_be_dropped_and_read_anew(store: Store) -> None:
    """Rows of the first attempt are gone, those in memory and those written; the other list stays."""
    staging = await FIRST.stage(store.directory, connection())
    await staging.changes()
    await staging.put_users(people(4))
    await staging.drop_users()
    await staging.put_users(people(2))
    await staging.drop_groups()
    await staging.put_groups([group(9)])
    await commit(store, staging)
    assert await served(store) == ["user2"]
    assert (await store.lists.user(CONTOSO, "user1@contoso.com")).items == []
    assert [g.group.id for g in (await store.lists.groups(CONTOSO, after=None, limit=9)).items] == [guid(9)]


async def test_only_members_of_staged_groups_are_kept(store: Store) -> None:
    """Members of groups that are not staged, and members of none, go with their names; edges may come first."""
    staging = await store.directory.begin(connection())
    await staging.put_memberships([edge(8, 1), edge(9, 2), edge(8, 3), edge(8, 5)])
    await staging.put_users(people(1, 2, 3, 4))
    await staging.put_groups([group(8)])
    await staging.keep_members_only()
    await commit(store, staging)
    assert await served(store) == ["user1", "user3"]
    assert (await store.lists.user(CONTOSO, "user4@contoso.com")).items == []
    assert (await store.lists.group(CONTOSO, GroupId(guid(8)))).items[0].member_count == 2


async def test_an_edge_waits_for_its_user_or_group(store: Store) -> None:
    """An edge that comes first counts once its ends are there, and is harmless without them."""
    staging = await store.directory.begin(connection())
    await staging.put_memberships([edge(8, 1), edge(7, 1), edge(8, 6), edge(6, 5)])
    await staging.put_users(people(1))
    await staging.put_groups([group(8)])
    await commit(store, staging)
    assert await look_up(store, 1) == Known(person(1), frozenset({GroupId(guid(7)), GroupId(guid(8))}))
    (listed,) = (await store.lists.groups(CONTOSO, after=None, limit=9)).items
    assert listed.member_count == 1


async def test_changes_count_everything_where_nothing_is_served(store: Store) -> None:
    """The first read adds all that it found."""
    staging = await FIRST.stage(store.directory, connection())
    assert await staging.changes() == Changes(users_upserted=3, groups_upserted=2, memberships_added=3)


async def test_changes_count_the_difference_to_what_is_served(store: Store) -> None:
    """Same rows count as nothing, whatever the order of their attributes; another tenant's rows do not matter."""
    await store.connections.create(connection("fabrikam"), None)
    await Tenant(people(1, 5, 6)).sync(store, connection("fabrikam"))
    await FIRST.sync(store, connection())
    user = person(1)
    assert list(user.attributes) != sorted(user.attributes)
    reordered = User(user.id, dict(sorted(user.attributes.items())))
    again = Tenant(
        [reordered, person(2, "renamed"), person(4), person(5)],
        [group(8, "renamed"), group(7)],
        [edge(8, 1), edge(8, 4), edge(9, 8, MemberKind.GROUP), edge(7, 9, MemberKind.GROUP)],
    )
    staging = await again.stage(store.directory, connection())
    assert await staging.changes() == Changes(
        users_upserted=3,
        users_deleted=1,
        groups_upserted=2,
        groups_deleted=1,
        memberships_added=2,
        memberships_removed=1,
    )


async def test_changes_count_an_edge_only_with_its_user(store: Store) -> None:
    """Graph goes on telling the edges of users who are deleted for now: they are kept, and are no change."""
    edges = [edge(8, 1), edge(8, 2), edge(9, 4), edge(9, 5)]
    await Tenant(people(1, 2, 5), [group(8), group(9)], edges).sync(store, connection())
    staging = await Tenant(people(1, 4), [group(8), group(9)], edges).stage(store.directory, connection())
    expected = Changes(users_upserted=1, users_deleted=2, memberships_added=1, memberships_removed=2)
    assert await staging.changes() == expected
    assert await staging.removals() == Removals((2, 3), (0, 2), (2, 3))
    await commit(store, staging)
    again = await Tenant(people(1, 4), [group(8), group(9)], edges[:3]).stage(store.directory, connection())
    assert await again.changes() == Changes()
    await again.put_users(people(2))
    assert await again.changes() == Changes(users_upserted=1, memberships_added=1)


async def test_reads_of_two_tenants_do_not_mix(store: Store) -> None:
    """Equal ids and names, staged at the same time: each serves its own."""
    fabrikam = connection("fabrikam", tenant_id=guid(77))
    await store.connections.create(fabrikam, None)
    ours = await FIRST.stage(store.directory, connection())
    theirs = await Tenant([person(1, title="theirs")], [group(9)], [edge(9, 1)]).stage(store.directory, fabrikam)
    await commit(store, theirs, fabrikam.id)
    await commit(store, ours)
    await store.directory.clean_up()
    view = store.views.open()
    records = []
    for name in (CONTOSO, fabrikam.id):
        version = view.version(name)
        assert version is not None
        assert view.users_named(version, "user1@contoso.com") == [guid(1)]
        records.append(known(view.user(version, UserId(guid(1)))))
    view.close()
    assert records == [
        Known(person(1), frozenset({GroupId(guid(8))})),
        Known(person(1, title="theirs"), frozenset({GroupId(guid(9))})),
    ]
    assert await served(store) == ["user1", "user2", "user3"]


async def test_cleaning_up_spares_reads_in_the_making(store: Store) -> None:
    """Also while it races with a commit."""
    staging = await FIRST.stage(store.directory, connection())
    await staging.changes()
    await store.directory.clean_up()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(commit(store, staging))
        for _ in range(5):
            tasks.create_task(store.directory.clean_up())
    assert await served(store) == ["user1", "user2", "user3"]
    assert await look_up(store, 1) is not None


async def test_cancelling_a_write_anywhere_leaves_old_or_new(store: Store) -> None:
    """A commit that is cancelled at any moment is done or not done, and the next read works."""
    await FIRST.sync(store, connection())
    for step in range(40):
        name = f"step{step}"
        before = await served(store)
        staging = await Tenant([person(1, name)], [group(8)], [edge(8, 1)]).stage(store.directory, connection())
        begun = await store.runs.start(run(CONTOSO, name))
        task = asyncio.create_task(staging.commit(ended(begun), sync_time=NOW, scope=SCOPE))
        await asyncio.sleep(step * 0.000_15)
        task.cancel()
        await asyncio.wait([task])
        await staging.discard()
        if (await store.runs.get(CONTOSO, begun.id)).state is RunState.RUNNING:
            await store.runs.save(replace(begun, state=RunState.CANCELLED))
        after = await served(store)
        assert after in (before, [name])
        if not task.cancelled():
            assert after == [name]
        found = await look_up(store, 1)
        assert found is not None
        assert found.direct_groups == {guid(8)}


async def test_a_failed_batch_is_written_with_the_next(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cancelled put loses nothing: all rows are there after the commit."""
    monkeypatch.setattr("entraid_service.store.staging._USERS_PER_BATCH", 10)
    staging = await store.directory.begin(connection())
    for first in range(1, 200, 10):
        task = asyncio.create_task(staging.put_users(people(*range(first, first + 10))))
        for _ in range(first % 17):
            await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            await staging.put_users(people(*range(first, first + 10)))
    await commit(store, staging)
    assert len(await served(store)) == 200


async def test_many_writers_at_once_all_get_through(store: Store) -> None:
    """Connections, runs and staging share one writer without an error."""

    async def work(number: int) -> None:
        owner = connection(f"c{number}")
        await store.connections.create(owner, None)
        await Tenant(people(1, 2), [group(8)], [edge(8, 1)]).sync(store, owner)

    async with asyncio.TaskGroup() as tasks:
        for number in range(12):
            tasks.create_task(work(number))
    for number in range(12):
        assert len((await store.lists.users(ConnectionId(f"c{number}"), after=None, limit=9)).items) == 2


async def test_a_large_read_is_written_in_pieces(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the batches and pieces fall, every edge can be read from both of its ends."""
    for name, size in (("staging._USERS_PER_BATCH", 7), ("staging._EDGES_PER_BATCH", 11)):
        monkeypatch.setattr(f"entraid_service.store.{name}", size)
    monkeypatch.setattr("entraid_service.store.edgecopy._USERS_PER_PIECE", 5)
    monkeypatch.setattr("entraid_service.store.generations._STEP_ROWS", 3)
    edges = [edge(100 + number % 3, number) for number in range(1, 53)]
    tenant = Tenant(people(*range(1, 51)), [group(100), group(101), group(102)], edges)
    await tenant.sync(store, connection())
    await tenant.sync(store, connection())
    for number in range(1, 51):
        found = await look_up(store, number)
        assert found is not None
        assert found.direct_groups == {guid(100 + number % 3)}
    listing = await store.lists.groups(CONTOSO, after=None, limit=9)
    assert [item.member_count for item in listing.items] == [16, 17, 17]


async def test_errors_of_a_read_are_of_the_error_tree(store: Store) -> None:
    """A read whose connection was deleted says so from the first write on, in an error that callers know."""
    staging = await FIRST.stage(store.directory, connection())
    await store.connections.delete(CONTOSO)
    with pytest.raises(EntraidError):
        await staging.changes()
