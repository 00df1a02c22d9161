import asyncio
from dataclasses import replace

import pytest

from entraid_service.errors import DirectoryNotSynced, ResourceNotFound
from entraid_service.model.directory import Group, GroupKind, MemberKind, User
from entraid_service.model.ids import ConnectionId, GroupId, UserId
from store.contract import Store
from store.tenants import Tenant, connection, edge, group, guid, people, person

CONTOSO = ConnectionId("contoso")
NESTED = MemberKind.GROUP


@pytest.fixture(autouse=True)
async def contoso(store: Store) -> None:
    """The connection whose directory is listed."""
    await store.connections.create(connection(), None)


@pytest.mark.parametrize("size", [1, 2, 5, 10, 16, 53, 54, 100])
async def test_pages_under_writes_show_once_whoever_stays(store: Store, size: int) -> None:
    """While a sync is committed between pages, each user that is there throughout comes exactly once."""
    rounds = 4
    stays = [number for number in range(1, 107) if number % 3]
    tenants = [
        Tenant(people(*stays, *(number for number in range(1, 107) if number % 3 == 0 and number % 2 == parity)))
        for parity in range(2)
    ]
    await tenants[0].sync(store, connection())
    seen: list[str] = []
    after: UserId | None = None
    for page in range(1000):
        listing = await store.lists.users(CONTOSO, after=after, limit=size)
        if not listing.items:
            break
        seen += [user.id for user in listing.items]
        after = listing.items[-1].id
        if page < rounds:
            await tenants[(page + 1) % 2].sync(store, connection())
    assert [user for user in seen if user in {guid(number) for number in stays}] == [guid(number) for number in stays]
    assert len(seen) == len(set(seen))


async def test_ids_that_are_no_guids_are_paged_too(store: Store) -> None:
    """Every id comes once, whatever its form, and is found by itself only."""
    ids = ["u-1", guid(5), "zz", guid(5)[:-1] + " ", "0" * 32, "x" * 36]
    tenant = Tenant([User(UserId(name), {"displayName": name}) for name in ids])
    await tenant.sync(store, connection())
    seen: list[str] = []
    while page := (await store.lists.users(CONTOSO, after=UserId(seen[-1]) if seen else None, limit=1)).items:
        seen += [user.id for user in page]
    assert sorted(seen) == sorted(ids)
    for name in ids:
        assert [user.text("displayName") for user in (await store.lists.user(CONTOSO, name)).items] == [name]


async def test_a_user_is_found_by_id_or_else_by_principal_name(store: Store) -> None:
    """Names compare folded; a name that two carry finds both; an id wins over a name."""
    users = [
        person(1, "Ada"),
        person(2, "ADA"),
        User(UserId(guid(3)), {"userPrincipalName": guid(1)}),
        person(4, "straße", mail="ada@contoso.com"),
    ]
    await Tenant(users).sync(store, connection())

    async def found(name: str) -> list[str]:
        return [user.id for user in (await store.lists.user(CONTOSO, name)).items]

    assert await found("ada@CONTOSO.com") == [guid(1), guid(2)]
    assert await found("STRASSE@contoso.com") == [guid(4)]
    assert await found(guid(1)) == [guid(1)]
    assert await found("a%@contoso.com") == []
    assert await found("") == []


async def test_a_manager_is_shown_if_he_is_synced_too(store: Store) -> None:
    """In pages and for one user; decisions get his id in any case."""
    users = [replace(person(number), manager_id=UserId(guid(number + 1))) for number in (1, 2)]
    await Tenant(users).sync(store, connection())
    listed = (await store.lists.users(CONTOSO, after=None, limit=9)).items
    assert listed == [users[0], person(2)]
    for user in listed:
        assert (await store.lists.user(CONTOSO, user.id)).items == [user]
    assert [found.user for found in (await store.lists.records(CONTOSO, after=None, limit=9)).items] == users
    view = store.views.open()
    version = view.version(CONTOSO)
    assert version is not None
    records = [view.user(version, user.id) for user in users]
    view.close()
    assert [record.user for record in records if record is not None] == users


async def test_attributes_come_back_as_they_were(store: Store) -> None:
    """Texts, booleans, numbers and lists keep value and type."""
    user = User(
        UserId(guid(1)),
        {"s": "Zoë \u2028 'x'", "b": True, "i": 7, "f": 1.5, "l": ["a", True, 2], "n.ested": "x"},
    )
    await Tenant([user]).sync(store, connection())
    (found,) = (await store.lists.user(CONTOSO, user.id)).items
    assert found == user
    assert [type(value) for value in found.attributes.values()] == [
        type(user.attributes[name]) for name in found.attributes
    ]


async def test_groups_come_back_as_they_were(store: Store) -> None:
    """Every field of a group survives."""
    made = Group(
        GroupId(guid(8)), "Ünïted", GroupKind.MICROSOFT_365, "what for", "g@contoso.com", "user.x -eq 1", is_opaque=True
    )
    await Tenant([], [made]).sync(store, connection())
    (found,) = (await store.lists.group(CONTOSO, made.id)).items
    assert found.group == made
    assert (await store.lists.group(CONTOSO, GroupId(guid(9)))).items == []


async def test_member_counts_hold_each_synced_user_once(store: Store) -> None:
    """Through nested groups, diamonds, cycles and self members; users that are not synced do not count."""
    groups = [group(number) for number in range(100, 106)]
    edges = [
        edge(100, 1),
        edge(100, 101, NESTED),
        edge(100, 102, NESTED),
        edge(101, 103, NESTED),
        edge(102, 103, NESTED),
        edge(101, 1),
        edge(103, 2),
        edge(103, 3),
        edge(103, 100, NESTED),
        edge(104, 104, NESTED),
        edge(104, 99),
        edge(104, 4),
    ]
    await Tenant(people(1, 2, 3, 4), groups, edges).sync(store, connection())
    listing = await store.lists.groups(CONTOSO, after=None, limit=9)
    assert [item.member_count for item in listing.items] == [3, 3, 3, 3, 1, 0]


async def test_a_deep_chain_of_groups_is_counted(store: Store) -> None:
    """Sixty levels and more are walked to the end."""
    depth = 400
    groups = [group(1000 + level) for level in range(depth)]
    edges = [edge(1000 + level, 1001 + level, NESTED) for level in range(depth - 1)]
    await Tenant(people(1), groups, [*edges, edge(1000 + depth - 1, 1)]).sync(store, connection())
    assert (await store.lists.group(CONTOSO, GroupId(guid(1000)))).items[0].member_count == 1


async def test_lists_tell_unknown_from_not_synced(store: Store) -> None:
    """An unknown connection is not found; a known one without data is not an empty directory."""
    for name, error in (("contoso", DirectoryNotSynced), ("gone", ResourceNotFound)):
        for call in (
            store.lists.users(ConnectionId(name), after=None, limit=1),
            store.lists.user(ConnectionId(name), "x"),
            store.lists.groups(ConnectionId(name), after=None, limit=1),
            store.lists.group(ConnectionId(name), GroupId("x")),
            store.lists.version(ConnectionId(name)),
        ):
            with pytest.raises(error, match=name):
                await call


async def test_counting_members_of_many_groups_stays_quick(store: Store) -> None:
    """A page of groups asks for its groups' rows only: its cost must not follow the size of the directory."""
    everybody = range(1, 4001)
    edges = [edge(10_000 + number % 400, number) for number in everybody]
    groups = [group(10_000 + number) for number in range(400)]
    await Tenant(people(*everybody), groups, edges).sync(store, connection())
    async with asyncio.timeout(5):
        pages = [await store.lists.groups(CONTOSO, after=None, limit=400) for _ in range(4)]
    assert {item.member_count for page in pages for item in page.items} == {10}
