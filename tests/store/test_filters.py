"""Filters as the database answers them, against the same filters answered in plain Python."""

import asyncio
import time
from collections.abc import Callable, Iterable
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from entraid_service.errors import InvalidFilter
from entraid_service.model.conditions import Operator
from entraid_service.model.directory import Group, GroupKind, MemberKind, Membership, User
from entraid_service.model.filters import Comparison, Filter, Junction, Negation
from entraid_service.model.filters import Membership as Named
from entraid_service.model.ids import ConnectionId, GroupId, UserId
from evaluate.effort import examples, seconds
from evaluate.oracle import compares, inside
from evaluate.world import World
from evaluate.worlds import GROUPS, MAILS, PARTS, TEXTS, USERS, worlds
from store.contract import Store
from store.tenants import Tenant, connection, edge, group, guid, person

CONTOSO = ConnectionId("contoso")
WORLDS, FILTERS = examples(25), 10
USER_FIELDS = (
    *("name", "object_id", "display_name", "user_principal_name", "mail", "account_enabled", "user_type", "manager"),
    *("attributes.department", "attributes.level", "attributes.isRemote", "attributes.skills", "attributes.nothing"),
    *(f"attributes.{PARTS}.extensionAttribute1", f"attributes.{PARTS}", "attributes.id", "attributes.proxyAddresses"),
)
GROUP_FIELDS = ("name", "object_id", "display_name", "description", "kind", "membership_rule", "mail")
VALUES = (*TEXTS, *MAILS, *USERS, *GROUPS, "true", "1", "2.5", "a", "connections/contoso/users/aaa", "KIND_SECURITY")
VALUES += tuple(text[:2] for text in TEXTS) + tuple(text.upper() for text in TEXTS)


def trees(fields: tuple[str, ...], named: tuple[str, ...]) -> st.SearchStrategy[Filter]:
    """Random filters: comparisons, memberships, and how they are joined."""
    comparisons = st.builds(
        lambda field, operator, text: Comparison(field, operator, "" if operator is Operator.IS_SET else text),
        st.sampled_from(fields),
        st.sampled_from([Operator.IS, Operator.STARTS_WITH, Operator.CONTAINS, Operator.IS_SET]),
        st.sampled_from(VALUES),
    )
    memberships = st.builds(Named, st.sampled_from(named), st.booleans())
    return st.recursive(
        comparisons | memberships,
        lambda inner: (
            st.builds(Negation, inner)
            | st.builds(Junction, st.booleans(), st.lists(inner, min_size=1, max_size=3).map(tuple))
        ),
        max_leaves=5,
    )


def holds(tree: Filter, leaf: Callable[[Comparison | Named], bool]) -> bool:
    """A filter in two-valued logic."""
    match tree:
        case Negation(inner=inner):
            return not holds(inner, leaf)
        case Junction(is_all=is_all, parts=parts):
            return (all if is_all else any)(holds(part, leaf) for part in parts)
        case _:
            return leaf(tree)


def matches(tree: Comparison, texts: Iterable[str]) -> bool:
    """Any text against the value."""
    found = [text.casefold() for text in texts if text]
    if tree.operator is Operator.IS_SET:
        return bool(found)
    return any(compares(tree.operator.name, text, tree.text.casefold()) for text in found)


def user_texts(world: World, u: str, field: str) -> list[str]:
    """The values of a user's field as texts."""
    user = next(each for each in world.directory().users if each.id == u)
    plain = {
        "name": [f"connections/contoso/users/{u}"],
        "object_id": [u],
        "attributes.id": [u],
        "display_name": [user.text("displayName")],
        "user_principal_name": [user.text("userPrincipalName")],
        "mail": [user.text("mail")],
        "account_enabled": ["true" if user.attributes.get("accountEnabled") is True else "false"],
        "user_type": [user.text("userType")],
        "manager": [f"connections/contoso/users/{user.manager_id}", str(user.manager_id)] if user.manager_id else [],
    }
    if field in plain:
        return plain[field]
    value = user.attributes.get(field.removeprefix("attributes."))
    items = [] if value is None else value if isinstance(value, list) else [value]
    words = {True: "true", False: "false"}
    return [item if isinstance(item, str) else words[item] if isinstance(item, bool) else f"{item}" for item in items]


def user_passes(world: World, u: str, leaf: Comparison | Named) -> bool:
    """One comparison or membership of a user."""
    if isinstance(leaf, Named):
        groups = {leaf.other} if leaf.is_direct else inside(world, leaf.other)
        return any((each, u) in world.members for each in groups)
    if leaf.operator is Operator.IS_SET and leaf.field == f"attributes.{PARTS}":
        synced = next(each for each in world.directory().users if each.id == u)
        return any(name.startswith(f"{PARTS}.") for name in synced.attributes)
    return matches(leaf, user_texts(world, u, leaf.field))


def group_passes(world: World, g: str, leaf: Comparison | Named) -> bool:
    """One comparison or membership of a group."""
    if isinstance(leaf, Named):
        groups = {g} if leaf.is_direct else inside(world, g)
        return any((each, leaf.other) in world.members for each in groups)
    texts = {
        "name": f"connections/contoso/groups/{g}",
        "object_id": g,
        "display_name": world.groups[g],
        "kind": "KIND_SECURITY",
    }
    return matches(leaf, [texts.get(leaf.field, "")])


@settings(max_examples=WORLDS, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(worlds(), st.data())
def _draw(cases: list[tuple[World, list[Filter], list[Filter]]], world: World, data: st.DataObject) -> None:
    users, groups = tuple(sorted(world.users)), tuple(sorted(world.groups))
    of_users = trees(USER_FIELDS, groups) if groups else trees(USER_FIELDS, (GROUPS[0],)).filter(_names_no_group)
    lists = st.lists(of_users, min_size=FILTERS, max_size=FILTERS)
    drawn = data.draw(lists), data.draw(st.lists(trees(GROUP_FIELDS, users), min_size=FILTERS, max_size=FILTERS))
    cases.append((world, *drawn))


def _names_no_group(tree: Filter) -> bool:
    return "Membership" not in repr(tree)


async def _load(store: Store, world: World) -> None:
    directory = world.directory()
    edges = [Membership(g, u, MemberKind.USER) for g, u in directory.members]
    edges += [Membership(g, child, MemberKind.GROUP) for g, child in directory.nesting]
    await Tenant(directory.users, directory.groups, edges).sync(store, connection())


@pytest.mark.timeout(seconds(120))
async def test_the_database_answers_as_plain_python_does(store: Store) -> None:
    """Any filter over any tenant: nulls, lists, odd letters, cycles, groups that were not synced. No difference."""
    await store.connections.create(connection(), None)
    cases: list[tuple[World, list[Filter], list[Filter]]] = []
    _draw(cases)
    assert len(cases) >= WORLDS
    for world, user_filters, group_filters in cases:
        await _load(store, world)
        for tree in user_filters:
            listed = await store.lists.users(CONTOSO, after=None, limit=100, where=tree)
            expected = [u for u in sorted(world.users) if holds(tree, partial(user_passes, world, u))]
            assert [user.id for user in listed.items] == expected, tree
        for tree in group_filters:
            groups = await store.lists.groups(CONTOSO, after=None, limit=100, where=tree)
            expected = [g for g in sorted(world.groups) if holds(tree, partial(group_passes, world, g))]
            assert [item.group.id for item in groups.items] == expected, tree


def named(text: str) -> Comparison:
    """Whose display name this is."""
    return Comparison("display_name", Operator.IS, text)


async def people_called(store: Store, tree: Filter) -> list[str]:
    """The numbers of the users whom a filter holds of."""
    listed = await store.lists.users(CONTOSO, after=None, limit=100, where=tree)
    return [str(user.id).lstrip("0-") for user in listed.items]


async def test_who_has_no_value_is_not_the_value(store: Store) -> None:
    """`!=` holds of the empty and the absent, as IS_NOT does; SQL alone would say that it does not."""
    await store.connections.create(connection(), None)
    users = [person(1, department="Sales"), person(2), person(3, department="R&D")]
    await Tenant(users).sync(store, connection())
    sales = Comparison("attributes.department", Operator.IS, "SALES")
    assert await people_called(store, Negation(sales)) == ["2", "3"]
    assert await people_called(store, Negation(Negation(sales))) == ["1"]
    assert await people_called(store, Negation(Comparison("attributes.department", Operator.IS_SET, ""))) == ["2"]


@pytest.mark.parametrize(
    ("value", "asked"),
    [
        ("STRASSE", "straße"),
        ("İstanbul", "i\N{COMBINING DOT ABOVE}STANBUL"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("x' OR 1=1 --", "X' or 1=1 --"),
    ],
)
async def test_letters_compare_as_in_conditions(store: Store, value: str, asked: str) -> None:
    """Case beyond ASCII, which SQLite's own NOCASE does not know; quotes are letters like others."""
    await store.connections.create(connection(), None)
    await Tenant([person(1, displayName=value), person(2, displayName="other")]).sync(store, connection())
    assert await people_called(store, named(asked)) == ["1"]


async def test_a_group_or_user_who_is_not_there_is_an_error(store: Store) -> None:
    """With `NOT` before it a misspelt id would hold of everybody. Several of a name are one error too."""
    await store.connections.create(connection(), None)
    users = [person(1, "same"), person(2, "SAME"), person(3)]
    await Tenant(users, [group(7)], [edge(7, 3)]).sync(store, connection())
    with pytest.raises(InvalidFilter, match="no synced group") as missing:
        await store.lists.users(
            CONTOSO, after=None, limit=9, where=Negation(Named(guid(8), is_direct=False, position=14))
        )
    assert missing.value.position == 14
    for name, problem in (("nobody@contoso.com", "no synced user"), ("same@contoso.com", "several users")):
        with pytest.raises(InvalidFilter, match=problem):
            await store.lists.groups(CONTOSO, after=None, limit=9, where=Named(name, is_direct=True))
    found = await store.lists.groups(CONTOSO, after=None, limit=9, where=Named("USER3@contoso.com", is_direct=True))
    assert [item.group.id for item in found.items] == [guid(7)]


async def test_kinds_and_member_counts_are_compared(store: Store) -> None:
    """A group's kind by its name, its count of members as the list shows it."""
    await store.connections.create(connection(), None)
    groups = [Group(GroupId(guid(5)), "A", GroupKind.MICROSOFT_365), group(6), group(7)]
    edges = [edge(5, 1), edge(6, 1), edge(6, 2), edge(7, 6, MemberKind.GROUP), edge(7, 1), edge(7, 99)]
    await Tenant([person(1), person(2)], groups, edges).sync(store, connection())

    async def found(tree: Filter) -> list[str]:
        listed = await store.lists.groups(CONTOSO, after=None, limit=9, where=tree)
        assert all(item.member_count == 2 for item in listed.items if item.group.id != guid(5))
        return [item.group.id for item in listed.items]

    assert await found(Comparison("kind", Operator.IS, "KIND_MICROSOFT_365")) == [guid(5)]
    assert await found(Comparison("member_count", Operator.IS, "2")) == [guid(6), guid(7)]
    assert await found(Negation(Comparison("member_count", Operator.IS, "2"))) == [guid(5)]


async def test_a_search_for_nobody_gives_way(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter that nothing passes ends its page in time and says how far it got; the loop goes on meanwhile."""
    monkeypatch.setattr("entraid_service.store.filtered._STRETCH", 500)
    monkeypatch.setattr("entraid_service.store.filtered._LONGEST_SECONDS", 0.02)
    await store.connections.create(connection(), None)
    count = 20_000
    users = [User(UserId(guid(number)), {"displayName": f"user {number}"}) for number in range(1, count + 1)]
    await Tenant(users).sync(store, connection())
    pages, after, slowest = 0, None, 0.0
    while True:
        search = asyncio.create_task(store.lists.users(CONTOSO, after=after, limit=10, where=named("nobody")))
        while not search.done():
            started = time.perf_counter()
            await asyncio.sleep(0)
            slowest = max(slowest, time.perf_counter() - started)
        listed = await search
        pages += 1
        assert listed.items == []
        if listed.reached is None:
            break
        assert after is None or listed.reached > after
        after = UserId(listed.reached)
    assert pages > 2
    assert slowest < 1
    last = await store.lists.users(CONTOSO, after=None, limit=10, where=named(f"USER {count}"))
    while not last.items and last.reached is not None:
        last = await store.lists.users(CONTOSO, after=UserId(last.reached), limit=10, where=named(f"USER {count}"))
    assert [user.id for user in last.items] == [guid(count)]


async def test_a_cancelled_search_leaves_the_store_usable(store: Store) -> None:
    """Whoever hangs up stops the work; the next question is answered."""
    await store.connections.create(connection(), None)
    await Tenant([person(number) for number in range(1, 6_000)]).sync(store, connection())
    for _ in range(5):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.003):
                await store.lists.users(CONTOSO, after=None, limit=10, where=named("nobody"))
    assert await people_called(store, Comparison("user_principal_name", Operator.STARTS_WITH, "user1@")) == ["1"]
