"""Random change sets, applied by the store and by plain Python: both must come out the same."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from entraid_service.model.changes import ChangeSet, FeedLinks, Removals
from entraid_service.model.directory import MemberKind
from entraid_service.model.ids import GroupId, UserId
from entraid_service.model.scope import Scope
from entraid_service.model.syncrun import Changes
from entraid_service.store import SqliteStore
from store.dumps import World, dump
from store.tenants import NOW, connection, edge, ended, group, guid, person, running

LINKS = FeedLinks("binding", "users", {"": "groups"})
USERS = st.integers(1, 6)
GROUPS = st.integers(101, 105)
PEOPLE = st.builds(person, USERS, st.sampled_from(["", "ada", "bob"]), mail=st.sampled_from(["a@x.com", "b@x.com"]))
TEAMS = st.builds(group, GROUPS, st.sampled_from(["", "Sales"]))
EDGES = st.one_of(st.builds(edge, GROUPS, USERS), st.builds(edge, GROUPS, GROUPS, st.just(MemberKind.GROUP)))
USER_IDS = st.builds(lambda number: UserId(guid(number)), USERS)
GROUP_IDS = st.builds(lambda number: GroupId(guid(number)), GROUPS)
CHANGE_SETS = st.builds(
    ChangeSet,
    users=st.lists(PEOPLE, max_size=4, unique_by=lambda user: user.id),
    removed_users=st.lists(USER_IDS, max_size=2, unique=True),
    groups=st.lists(TEAMS, max_size=3, unique_by=lambda found: found.id),
    removed_groups=st.lists(GROUP_IDS, max_size=2, unique=True),
    added=st.lists(EDGES, max_size=6, unique=True),
    removed=st.lists(st.tuples(GROUP_IDS, st.one_of(USER_IDS, GROUP_IDS)), max_size=4, unique=True),
)


@dataclass(slots=True)
class Engine:
    """One store for all examples, each with a connection of its own."""

    path: Path
    loop: asyncio.Runner
    store: SqliteStore
    numbers: Iterator[int] = field(default_factory=count)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The store, on an event loop that outlives the examples."""
    path = tmp_path_factory.mktemp("model") / "store.db"
    with ExitStack() as stack:
        loop = stack.enter_context(asyncio.Runner())
        opening = SqliteStore.open(path)
        store = loop.run(opening.__aenter__())
        stack.callback(lambda: loop.run(opening.__aexit__(None, None, None)))
        yield Engine(path, loop, store)


def applied(world: World, changes: ChangeSet, *, is_whole: bool) -> World:
    """What the contract says, in the plainest way: removals first, with the edges of what is removed."""
    gone: set[str] = {*changes.removed_users, *changes.removed_groups}
    users = {user.id: user for user in world.users.values() if user.id not in gone}
    groups = {found.id: found for found in world.groups.values() if found.id not in gone}
    edges = {
        found
        for found in world.edges
        if not {found.group_id, found.member_id} & gone and (found.group_id, found.member_id) not in changes.removed
    }
    users |= {user.id: user for user in changes.users}
    groups |= {found.id: found for found in changes.groups}
    edges |= set(changes.added)
    if not is_whole:
        members = {found.member_id for found in edges if found.group_id in groups}
        users = {user_id: user for user_id, user in users.items() if user_id in members}
    return World(users, groups, edges)


def difference(before: World, after: World) -> Changes:
    """How two worlds differ."""
    return Changes(
        users_upserted=sum(before.users.get(user.id) != user for user in after.users.values()),
        users_deleted=len(before.users.keys() - after.users.keys()),
        groups_upserted=sum(before.groups.get(found.id) != found for found in after.groups.values()),
        groups_deleted=len(before.groups.keys() - after.groups.keys()),
        memberships_added=len(after.counted() - before.counted()),
        memberships_removed=len(before.counted() - after.counted()),
    )


def removals(before: World, changes: Changes) -> Removals:
    """What the changes take away, beside what there is."""
    return Removals(
        (changes.users_deleted, len(before.users)),
        (changes.groups_deleted, len(before.groups)),
        (changes.memberships_removed, len(before.counted())),
    )


@given(script=st.lists(CHANGE_SETS, min_size=1, max_size=5), is_whole=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_increments_come_out_as_in_the_model_and_as_a_complete_read(
    engine: Engine, script: list[ChangeSet], is_whole: bool
) -> None:
    """Rows, names, both copies of the edges, counts, and what is told of removals; applied again, nothing differs."""
    engine.loop.run(_check(engine, script, is_whole=is_whole))


async def _check(engine: Engine, script: list[ChangeSet], *, is_whole: bool) -> None:
    store, owner = engine.store, connection(f"c{next(engine.numbers)}")
    scope = Scope(frozenset({"mail"}), is_whole_directory=is_whole)
    await store.connections.create(owner, None)
    async with running(store, owner.id) as begun:
        staging = await store.directory.begin(owner)
        version = await staging.commit(ended(begun), sync_time=NOW, scope=scope, links=LINKS)
    world = World()
    for changes in (*script, *script[-1:]):
        expected = applied(world, changes, is_whole=is_whole)
        told = difference(world, expected)
        assert await store.directory.removals(version, changes) == removals(world, told)
        async with running(store, owner.id) as begun:
            newer = await store.directory.apply(
                version, changes, run=ended(begun), sync_time=NOW, scope=scope, links=LINKS
            )
        assert (await store.runs.get(owner.id, begun.id)).changes == told
        assert (newer.revision == version.revision) == (told == Changes())
        assert dump(engine.path, owner.id) == expected
        world, version = expected, newer
    whole = await world.tenant().stage(store.directory, owner)
    if not is_whole:
        await whole.keep_members_only()
    assert await whole.changes() == Changes()
    async with running(store, owner.id) as begun:
        await whole.commit(ended(begun), sync_time=NOW, scope=scope, links=LINKS)
    assert dump(engine.path, owner.id) == world
    other = applied(World(), script[0], is_whole=is_whole)
    differing = await other.tenant().stage(store.directory, owner)
    assert await differing.changes() == difference(world, other)
    assert await differing.removals() == removals(world, difference(world, other))
    await differing.discard()
