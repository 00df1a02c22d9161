from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from entraid_service.errors import RunSuperseded
from entraid_service.model.changes import ChangeSet, FeedLinks, Removals
from entraid_service.model.directory import MemberKind
from entraid_service.model.ids import ConnectionId, GroupId, UserId
from entraid_service.model.scope import Scope
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.model.syncrun import Changes, SyncRun
from entraid_service.store import SqliteStore
from store.dumps import World, dump
from store.tenants import (
    NOW,
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
    running,
)

CONTOSO = ConnectionId("contoso")
NESTED = MemberKind.GROUP
LATER = NOW + timedelta(minutes=2)
LINKS = FeedLinks("binding", "https://graph/users?$deltatoken=1", {"": "https://graph/groups?$deltatoken=1"})
NEXT = FeedLinks("binding", "https://graph/users?$deltatoken=2", {guid(8): "https://graph/groups?$deltatoken=2"})
EVERYTHING = Scope(frozenset({"displayName"}))
SOME_GROUPS = replace(EVERYTHING, is_whole_directory=False)
FIRST = Tenant(people(1, 2, 3), [group(8), group(9)], [edge(8, 1), edge(8, 2), edge(9, 8, NESTED), edge(9, 3)])


def user_id(number: int) -> UserId:
    """The id of a user."""
    return UserId(guid(number))


def group_id(number: int) -> GroupId:
    """The id of a group."""
    return GroupId(guid(number))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """A store that serves `FIRST` of one connection, and the same of another one."""
    async with SqliteStore.open(tmp_path / "store.db") as opened:
        for owner in (connection("fabrikam"), connection()):
            await opened.connections.create(owner, None)
            await serve(opened, FIRST, owner.id)
        yield opened


async def serve(
    store: SqliteStore, tenant: Tenant, name: str = "contoso", scope: Scope = EVERYTHING
) -> SnapshotVersion:
    """Serves a complete read."""
    staging = await tenant.stage(store.directory, connection(name))
    async with running(store, name) as begun:
        return await staging.commit(ended(begun), sync_time=NOW, scope=scope, links=LINKS)


async def apply(
    store: SqliteStore, changes: ChangeSet, *, scope: Scope = EVERYTHING, base: SnapshotVersion | None = None
) -> tuple[SnapshotVersion, SyncRun]:
    """Applies changes to what is served, and returns the version and the saved run."""
    base = base or await store.lists.version(CONTOSO)
    async with running(store, CONTOSO) as begun:
        version = await store.directory.apply(base, changes, run=ended(begun), sync_time=LATER, scope=scope, links=NEXT)
    return version, await store.runs.get(CONTOSO, begun.id)


async def changes_of(store: SqliteStore, changes: ChangeSet, scope: Scope = EVERYTHING) -> Changes | None:
    """What applying counted."""
    return (await apply(store, changes, scope=scope))[1].changes


async def test_changes_are_served_with_links_scope_and_run(store: SqliteStore, tmp_path: Path) -> None:
    """All in one: a new revision of the same generation, and the other connection's equal ids are untouched."""
    base = await store.lists.version(CONTOSO)
    changes = ChangeSet(
        users=[person(1, "renamed", mail="new@contoso.com"), person(4)],
        removed_users=[user_id(2)],
        groups=[group(8, "Renamed"), group(7)],
        removed_groups=[group_id(9)],
        added=[edge(7, 4), edge(8, 3), edge(7, 8, NESTED)],
        removed=[(group_id(8), guid(1))],
    )
    scope = replace(EVERYTHING, attributes=frozenset({"displayName", "mail"}))
    version, saved = await apply(store, changes, scope=scope)
    revision = version.revision
    assert version == replace(base, revision=revision, sync_time=LATER, scope=scope, groups_revision=revision)
    assert version.revision > base.revision
    assert await store.lists.version(CONTOSO) == version
    assert await store.directory.links(connection()) == NEXT
    expected = Changes(
        users_upserted=2,
        users_deleted=1,
        groups_upserted=2,
        groups_deleted=1,
        memberships_added=3,
        memberships_removed=4,
    )
    assert (saved.changes, saved.revision, saved.sync_time) == (expected, version.revision, LATER)
    world = dump(tmp_path / "store.db", CONTOSO)
    assert world == World(
        {user.id: user for user in (person(1, "renamed", mail="new@contoso.com"), person(3), person(4))},
        {found.id: found for found in (group(8, "Renamed"), group(7))},
        {edge(7, 4), edge(8, 3), edge(7, 8, NESTED)},
    )
    other = dump(tmp_path / "store.db", ConnectionId("fabrikam"))
    assert set(other.edges) == set(FIRST.edges)
    assert await store.directory.links(connection("fabrikam")) == LINKS


async def test_a_repeated_change_moves_the_time_only(store: SqliteStore, tmp_path: Path) -> None:
    """What is so already is no change: the revision stays, age and links move, for lists and views alike."""
    changes = ChangeSet(
        users=[person(1, "renamed"), person(2)],
        removed_users=[user_id(77)],
        groups=[group(8)],
        removed_groups=[group_id(78)],
        added=[edge(8, 1)],
        removed=[(group_id(9), guid(1))],
    )
    first, _ = await apply(store, changes)
    before = dump(tmp_path / "store.db", CONTOSO)
    second, saved = await apply(store, changes)
    assert second == first
    assert saved.changes == Changes()
    assert saved.revision == first.revision
    assert dump(tmp_path / "store.db", CONTOSO) == before
    view = store.views.open()
    version = view.version(CONTOSO)
    view.close()
    assert version is not None
    assert version.sync_time == LATER
    assert await store.directory.links(connection()) == NEXT


async def test_a_held_view_stays_at_its_moment(store: SqliteStore) -> None:
    """A decision under way sees the former rows of the same generation, also when the log is emptied meanwhile."""
    view = store.views.open()
    former = view.version(CONTOSO)
    assert former is not None
    await apply(store, ChangeSet(users=[person(1, "renamed")], removed=[(group_id(8), guid(1))]))
    await store.directory.clean_up()
    found = known(view.user(former, user_id(1)))
    assert found is not None
    assert found == Known(person(1), frozenset({group_id(8)}))
    view.close()
    fresh = store.views.open()
    version = fresh.version(CONTOSO)
    assert version is not None
    found = known(fresh.user(version, user_id(1)))
    fresh.close()
    assert found is not None
    assert found.direct_groups == frozenset()


async def test_who_was_deleted_and_came_back_has_the_new_edges_only(store: SqliteStore, tmp_path: Path) -> None:
    """Users and groups alike; what they have again counts as nothing."""
    changes = ChangeSet(
        users=[person(1)],
        removed_users=[user_id(1)],
        groups=[group(9)],
        removed_groups=[group_id(9)],
        added=[edge(8, 1), edge(9, 2)],
    )
    assert await changes_of(store, changes) == Changes(memberships_added=1, memberships_removed=2)
    assert dump(tmp_path / "store.db", CONTOSO).edges == {edge(8, 1), edge(8, 2), edge(9, 2)}


async def test_a_deleted_user_takes_his_edges_along(store: SqliteStore, tmp_path: Path) -> None:
    """Though Graph tells nothing of his groups; restored, he is in no group until Graph says so."""
    assert await changes_of(store, ChangeSet(removed_users=[user_id(1)])) == Changes(
        users_deleted=1, memberships_removed=1
    )
    await apply(store, ChangeSet(users=[person(1)]))
    assert edge(8, 1) not in dump(tmp_path / "store.db", CONTOSO).edges


async def test_an_edge_counts_from_when_its_user_is_there(store: SqliteStore, tmp_path: Path) -> None:
    """One that waits is no change, makes no revision and is not missed; it is added with its user, once."""
    before = await store.lists.version(CONTOSO)
    version, run = await apply(store, ChangeSet(added=[edge(8, 4), edge(9, 4), edge(9, 5)]))
    assert (version.revision, run.changes) == (before.revision, Changes())
    assert await changes_of(store, ChangeSet(removed=[(group_id(9), guid(5))])) == Changes()
    arrived = ChangeSet(users=[person(4)], added=[edge(8, 4), edge(8, 3)])
    assert await changes_of(store, arrived) == Changes(users_upserted=1, memberships_added=3)
    assert await changes_of(store, arrived) == Changes()
    gone = ChangeSet(removed_users=[user_id(4)], added=[edge(9, 4)])
    assert await store.directory.removals(await store.lists.version(CONTOSO), gone) == Removals((1, 4), (0, 2), (2, 7))
    assert await changes_of(store, gone) == Changes(users_deleted=1, memberships_removed=2)
    assert dump(tmp_path / "store.db", CONTOSO).edges == {*FIRST.edges, edge(8, 3), edge(9, 4)}


async def test_un_nesting_touches_no_user(store: SqliteStore, tmp_path: Path) -> None:
    """One edge goes, from the group that was left."""
    removed = ChangeSet(removed=[(group_id(9), guid(8))])
    assert await changes_of(store, removed) == Changes(memberships_removed=1)
    assert dump(tmp_path / "store.db", CONTOSO).edges == {edge(8, 1), edge(8, 2), edge(9, 3)}


async def test_with_groups_to_sync_who_is_in_no_group_is_dropped(store: SqliteStore, tmp_path: Path) -> None:
    """Who lost his last group by whatever way, or came without one, is gone; who is in another one stays."""
    tenant = Tenant(people(1, 2, 3, 4), [group(7), group(8), group(9)], [*FIRST.edges, edge(7, 4), edge(8, 4)])
    await serve(store, tenant, scope=SOME_GROUPS)
    changes = ChangeSet(
        users=[person(1, "renamed"), person(5), person(6)],
        removed_groups=[group_id(7)],
        added=[edge(8, 6), edge(77, 5)],
        removed=[(group_id(8), guid(1)), (group_id(9), guid(3))],
    )
    assert await changes_of(store, changes, SOME_GROUPS) == Changes(
        users_upserted=1, users_deleted=2, groups_deleted=1, memberships_added=1, memberships_removed=3
    )
    assert set(dump(tmp_path / "store.db", CONTOSO).users) == {guid(2), guid(4), guid(6)}


async def test_with_groups_to_sync_a_group_that_goes_takes_its_people_along(store: SqliteStore, tmp_path: Path) -> None:
    """Also those whose edge to it is told again in the same round: it leads nowhere, and goes with them."""
    await serve(store, FIRST, scope=SOME_GROUPS)
    changes = ChangeSet(removed_groups=[group_id(9)], added=[edge(9, 3)])
    assert await changes_of(store, changes, SOME_GROUPS) == Changes(
        users_deleted=1, groups_deleted=1, memberships_removed=2
    )
    assert set(dump(tmp_path / "store.db", CONTOSO).users) == {guid(1), guid(2)}


async def test_only_what_is_served_can_be_changed(store: SqliteStore) -> None:
    """A base that another commit replaced is refused, and so are reads for it; nothing changes."""
    base = await store.lists.version(CONTOSO)
    newer, _ = await apply(store, ChangeSet(users=[person(1, "renamed")]))
    with pytest.raises(RunSuperseded):
        await apply(store, ChangeSet(removed_users=[user_id(1)]), base=base)
    for read in (
        store.directory.users(base, [user_id(1)]),
        store.directory.groups(base, [group_id(8)]),
        store.directory.nesting(base),
        store.directory.removals(base, ChangeSet()),
        store.directory.removals(base, ChangeSet(removed_users=[user_id(1)])),
    ):
        with pytest.raises(RunSuperseded):
            await read
    assert await store.lists.version(CONTOSO) == newer
    assert await store.directory.links(connection()) == NEXT


async def test_served_records_are_read_for_the_changes(store: SqliteStore) -> None:
    """Those that there are, once each, however many are asked for."""
    version = await store.lists.version(CONTOSO)
    asked = [user_id(number) for number in (1, 3, 3, *range(100, 3000))]
    assert sorted(await store.directory.users(version, asked), key=lambda user: user.id) == [person(1), person(3)]
    assert await store.directory.groups(version, [group_id(9), group_id(1)]) == [group(9)]
    assert await store.directory.nesting(version) == [(group_id(9), group_id(8))]
    assert await store.directory.users(version, []) == []


async def test_removals_tell_what_applying_would_do(store: SqliteStore, tmp_path: Path) -> None:
    """Beside how much there is, for increments and complete reads; and nothing has changed after asking."""
    version = await store.lists.version(CONTOSO)
    before = dump(tmp_path / "store.db", CONTOSO)
    removed = ChangeSet(removed_users=[user_id(1), user_id(77)], removed_groups=[group_id(9)], added=[edge(8, 3)])
    assert await store.directory.removals(version, removed) == Removals((1, 3), (1, 2), (3, 4))
    assert await store.directory.removals(version, ChangeSet(users=people(1, 5))) == Removals((0, 3), (0, 2), (0, 4))
    assert dump(tmp_path / "store.db", CONTOSO) == before
    assert await store.lists.version(CONTOSO) == version
    staging = await Tenant(people(1, 5), [group(8)], [edge(8, 1)]).stage(store.directory, connection())
    assert await staging.removals() == Removals((2, 3), (1, 2), (3, 4))
    await staging.put_users(people(2))
    assert await staging.removals() == Removals((1, 3), (1, 2), (3, 4))


async def test_removals_count_who_leaves_with_his_last_group(store: SqliteStore) -> None:
    """With Groups to Sync a group that is not synced any more takes its members along."""
    version = await serve(store, FIRST, scope=SOME_GROUPS)
    removed = ChangeSet(removed_groups=[group_id(8)])
    assert await store.directory.removals(version, removed) == Removals((2, 3), (1, 2), (3, 4))


async def test_links_go_with_their_data(store: SqliteStore) -> None:
    """A read without links has none, another connection of the same name has none, and a restart keeps them."""
    assert await store.directory.links(connection()) == LINKS
    assert await store.directory.links(connection(uid="another")) is None
    await commit(store, await FIRST.stage(store.directory, connection()), links=None)
    assert await store.directory.links(connection()) is None


@pytest.mark.parametrize(
    ("changes", "are_others"),
    [
        (ChangeSet(users=[person(4)], added=[edge(8, 4)]), False),
        (ChangeSet(removed_users=[user_id(2)], removed=[(group_id(8), guid(1))]), False),
        (ChangeSet(groups=[group(8)]), False),
        (ChangeSet(groups=[group(8, "Renamed")]), True),
        (ChangeSet(removed_groups=[group_id(9)]), True),
        (ChangeSet(added=[edge(8, 9, NESTED)]), True),
        (ChangeSet(added=[edge(9, 8, NESTED)]), False),
        (ChangeSet(removed=[(group_id(9), group_id(8))]), True),
    ],
)
async def test_a_version_tells_since_when_its_groups_are_the_same(
    store: SqliteStore, changes: ChangeSet, *, are_others: bool
) -> None:
    """Users and their memberships do not matter, groups and how they nest do; what is the same already does not."""
    base = await store.lists.version(CONTOSO)
    await apply(store, ChangeSet(users=[person(5)]), scope=EVERYTHING)
    before = await store.lists.version(CONTOSO)
    assert before.groups_revision == base.groups_revision
    version, _ = await apply(store, changes)
    assert (version.groups_revision != before.groups_revision) is are_others
    assert (await store.lists.version(CONTOSO)).groups_revision == version.groups_revision


async def test_edges_and_groups_are_taken_back_from_a_read(store: SqliteStore, tmp_path: Path) -> None:
    """Named edges of either kind, all edges of groups that are gone, and members that are not believed."""
    staging = await store.directory.begin(connection())
    await staging.put_groups([group(number) for number in (6, 7, 8, 9)])
    await staging.put_users(people(1, 2))
    await staging.put_memberships([edge(6, 1), edge(6, 2), edge(7, 1), edge(8, 1), edge(8, 2), edge(9, 1)])
    await staging.put_memberships([edge(6, 7, NESTED), edge(6, 9, NESTED), edge(9, 8, NESTED), edge(7, 9, NESTED)])
    await staging.take_back(
        edges=[(group_id(6), guid(1)), (group_id(6), guid(7)), (group_id(77), guid(1))],
        groups=[group_id(9)],
        members_of=[group_id(8)],
    )
    await commit(store, staging)
    assert dump(tmp_path / "store.db", CONTOSO).edges == {edge(6, 2), edge(7, 1)}
