import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

import pytest

from entraid_emulator import Behaviour, Emulator, Fault, ObjectId, contoso
from entraid_service.errors import FeedUnsupported, ListExpired
from entraid_service.graph import Limits, MicrosoftGraph
from entraid_service.model.changes import Removal
from entraid_service.model.connection import ClientSecret
from entraid_service.model.directory import Group, User
from entraid_service.model.ids import GroupId, UserId
from entraid_service.model.secret import Secret
from entraid_service.oauth.tokens import MsalAuthority
from entraid_service.ports import TenantSource
from entraid_service.sync.fold import patched
from graph.cloud import FastTimer

ATTRIBUTES = ("displayName", "userPrincipalName", "accountEnabled", "department", "otherMails", "employeeOrgData")
OBRIEN = "O'Brien & Co / 100% #1"


@asynccontextmanager
async def reading(emulator: Emulator, *, limits: Limits | None = None) -> AsyncIterator[TenantSource]:
    """The emulator's first tenant through the real login and the real reader."""
    authority = MsalAuthority(authority_url=emulator.authority_url, ca_bundle=emulator.ca_file)
    graph = MicrosoftGraph(base_url=emulator.graph_url, ca_bundle=emulator.ca_file, timer=FastTimer(), limits=limits)
    secret = ClientSecret(Secret(emulator.app.client_secret.reveal()))
    tokens = authority.token_source(
        tenant=emulator.tenants[0].tenant_id, client_id=emulator.app.client_id, credential=secret
    )
    try:
        yield graph.directory(tokens)
    finally:
        authority.close()
        await graph.close()


@dataclass(slots=True)
class Copy:
    """A copy of a tenant that follows the feeds in the plainest way."""

    source: TenantSource
    users: dict[UserId, User] = field(default_factory=dict)
    groups: dict[GroupId, Group] = field(default_factory=dict)
    edges: set[tuple[str, str]] = field(default_factory=set)
    users_link: str = ""
    groups_link: str = ""

    async def begin(self) -> None:
        """Takes the links, and reads everything."""
        await self._follow_users()
        async for page in self.source.users(ATTRIBUTES):
            self.users.update((user.id, user) for user in page.items)
        await self._follow_groups()

    async def follow(self) -> None:
        """One round of each feed."""
        await self._follow_users()
        await self._follow_groups()

    async def _follow_users(self) -> None:
        async for page in self.source.user_changes(ATTRIBUTES, link=self.users_link):
            assert not page.skipped
            for item in page.items:
                if isinstance(item, Removal):
                    self.users.pop(UserId(item.id), None)
                else:
                    self.users[item.id] = patched(self.users.get(item.id), item)
            self.users_link = page.next_round or self.users_link

    async def _follow_groups(self) -> None:
        async for page in self.source.group_changes(link=self.groups_link):
            assert not page.skipped
            for item in page.items:
                if isinstance(item, Removal):
                    self.groups.pop(GroupId(item.id), None)
                    self.edges = {edge for edge in self.edges if item.id not in edge}
                    continue
                if item.group is not None:
                    self.groups[item.id] = item.group
                for member in item.members:
                    edge = (item.id, member.id)
                    (self.edges.discard if member.is_removed else self.edges.add)(edge)
            self.groups_link = page.next_round or self.groups_link

    async def check(self, emulator: Emulator) -> None:
        """Compares with lists of now, and with the emulator's own truth."""
        listed = {user.id: user async for page in self.source.users(ATTRIBUTES) for user in page.items}
        assert self.users == listed
        groups = {group.id: group async for page in self.source.groups() for group in page.items}
        assert {one: (group.display_name, group.kind) for one, group in self.groups.items()} == {
            one: (group.display_name, group.kind) for one, group in groups.items()
        }
        truth = emulator.tenants[0].directory.truth()
        known = truth.users.keys() | truth.groups.keys() | truth.others.keys()
        opaque = {str(group.id) for group in self.groups.values() if group.is_opaque}
        expected = {(group, member) for group, members in truth.members.items() for member in members}
        assert {edge for edge in self.edges if edge[1] in known and edge[0] not in opaque} == {
            edge for edge in expected if edge[0] not in opaque
        }


def change(emulator: Emulator, dice: random.Random) -> None:  # noqa: C901 - one case for each kind of change
    """One change of the directory, if it can be made."""
    directory = emulator.tenants[0].directory
    truth = directory.truth()
    user, other = dice.sample(sorted(truth.users), 2)
    group, nested = dice.sample(sorted(truth.groups), 2)
    gone = sorted(directory.deleted)
    match dice.randrange(10):
        case 0:
            directory.update_user(user, {"department": dice.choice(["Sales", "R&D", None])})
        case 1:
            directory.update_user(
                user, {"accountEnabled": dice.random() < 0.5, "otherMails": dice.choice([[], ["a@x"]])}
            )
        case 2:
            directory.update_user(
                user, {"employeeOrgData": dice.choice([None, {"division": "D"}, {"costCenter": "C"}])}
            )
        case 3:
            directory.set_manager(user, dice.choice([other, None]))
        case 4:
            directory.add_member(group, dice.choice([user, nested]))
        case 5 if truth.members.get(group):
            directory.remove_member(group, dice.choice(sorted(truth.members[group])))
        case 6 if len(truth.users) > 20:
            (directory.delete_user if dice.random() < 0.7 else directory.purge_user)(user)
        case 7 if gone:
            thing = dice.choice(gone)
            if directory.deleted[thing].odata_type.endswith("user"):
                directory.restore_user(thing)
            else:
                directory.restore_group(thing)
        case 8 if len(truth.groups) > 8:
            directory.delete_group(group)
        case _:
            directory.update_group(group, {"displayName": f"Renamed {dice.randrange(99)}", "description": None})


UNRULY = Behaviour(
    delta_page_size=7,
    delta_page_members=3,
    delta_replays=4,
    delta_disorder=True,
    delta_initial_removed=True,
    empty_pages=True,
    soft_deleted_members="hidden",
)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("behaviour", [Behaviour(soft_deleted_members="hidden"), UNRULY], ids=["tidy", "unruly"])
async def test_row_25_feeds_come_to_what_lists_say(behaviour: Behaviour, seed: int) -> None:
    """Random changes, replayed, out of order and in pieces: what was followed is what is read anew, managers too."""
    dice = random.Random(seed)  # noqa: S311 - a seed, not a secret
    async with Emulator([contoso()], behaviour=behaviour) as emulator, reading(emulator) as source:
        copy = Copy(source)
        await copy.begin()
        await copy.check(emulator)
        for _ in range(5):
            for _ in range(dice.randrange(12)):
                change(emulator, dice)
            await copy.follow()
            await copy.check(emulator)


async def test_a_change_while_everything_is_read_is_told_afterwards(emulator: Emulator) -> None:
    """The link is older than what is read with it."""
    directory = emulator.tenants[0].directory
    user = min(directory.truth().users)
    async with reading(emulator) as source:
        links = [page.next_round async for page in source.user_changes(ATTRIBUTES)]
        directory.update_user(user, {"department": "Moved"})
        (item,) = [one async for page in source.user_changes(ATTRIBUTES, link=links[-1]) for one in page.items]
    assert not isinstance(item, Removal)
    assert (str(item.id), item.attributes["department"]) == (str(user), "Moved")


@pytest.mark.parametrize("form", ["gone", "sync_state_not_found", "unsupported_query"])
async def test_row_16_aged_links_of_the_emulator(
    form: Literal["gone", "sync_state_not_found", "unsupported_query"],
) -> None:
    """Eight days later, in each of the three forms, for users and groups."""
    async with Emulator([contoso()], behaviour=Behaviour(expired_delta=form)) as emulator, reading(emulator) as source:
        copy = Copy(source)
        await copy.begin()
        emulator.clock.advance(timedelta(days=8))
        for pages in (
            source.user_changes(ATTRIBUTES, link=copy.users_link),
            source.group_changes(link=copy.groups_link),
        ):
            with pytest.raises(ListExpired):
                await anext(pages)


async def test_a_narrowed_feed_goes_on_narrowed(emulator: Emulator) -> None:
    """The filter is in the link: groups outside are never told."""
    directory = emulator.tenants[0].directory
    inside, outside = sorted(directory.truth().groups)[:2]
    async with reading(emulator) as source:
        pages = [page async for page in source.group_changes(only=[GroupId(inside)])]
        assert {item.id for page in pages for item in page.items} == {inside}
        for group in (inside, outside):
            directory.update_group(group, {"displayName": "Renamed"})
        later = [page async for page in source.group_changes(link=pages[-1].next_round)]
    assert {item.id for page in later for item in page.items} == {inside}


async def test_the_groups_of_everybody_are_those_of_the_truth(emulator: Emulator) -> None:
    """Nested ones and cycles included; of a deleted user there are none."""
    directory = emulator.tenants[0].directory
    truth = directory.truth()
    users = sorted(truth.users)
    async with reading(emulator) as source:
        for user in users:
            found = [one async for page in source.groups_of(UserId(user)) for one in page.items]
            assert sorted(map(str, found)) == sorted(map(str, truth.transitive_groups(user)))
        directory.delete_user(users[0])
        assert [page async for page in source.groups_of(UserId(users[0]))] == []
        assert await source.user(UserId(users[0]), ATTRIBUTES) is None


async def test_single_objects_are_those_of_the_lists(emulator: Emulator) -> None:
    """A user with the manager, a group, and a group by a name that needs escaping everywhere."""
    async with reading(emulator) as source:
        async for page in source.users(ATTRIBUTES):
            for user in page.items[:10]:
                assert await source.user(user.id, ATTRIBUTES) == user
        async for listed in source.groups():
            for group in listed.items[:10]:
                assert await source.group(group.id) == group
        (found,) = await source.groups_named(OBRIEN.upper())
        assert found.display_name == OBRIEN
        assert len(await source.groups_named("approvers")) == 2
        assert await source.groups_named("O'Brien") == []


async def test_a_hidden_group_is_opaque_in_the_feed(emulator: Emulator) -> None:
    """Without the permission nobody can tell who is in it; with it everybody can."""
    tenant = emulator.tenants[0].tenant_id

    async def opaque() -> list[str]:
        async with reading(emulator) as source:
            items = [item async for page in source.group_changes() for item in page.items]
        return [
            item.group.display_name
            for item in items
            if not isinstance(item, Removal) and item.group and item.group.is_opaque
        ]

    assert await opaque() == ["Works Council"]
    emulator.app.grants[tenant] = frozenset({"User.Read.All", "GroupMember.Read.All", "Member.Read.Hidden"})
    assert await opaque() == []


async def test_a_tenant_without_delta_queries_is_told_apart(emulator: Emulator) -> None:
    """As Entra External ID answers, by the segment that it does not know."""
    error = {"error": {"code": "BadRequest", "message": "Resource not found for the segment 'delta'."}}
    emulator.faults.add(Fault(path="/delta", times=None, status=400, body=error))
    async with reading(emulator) as source:
        for pages in (source.user_changes(ATTRIBUTES), source.group_changes()):
            with pytest.raises(FeedUnsupported):
                await anext(pages)


async def test_rows_26_and_27_a_round_gets_through_trouble(emulator: Emulator) -> None:
    """Throttles, errors and broken connections in the middle cost pauses; what is told is the same."""
    emulator.behaviour = Behaviour(delta_page_size=5, delta_page_members=5)
    directory = emulator.tenants[0].directory
    async with reading(emulator) as source:
        copy = Copy(source)
        await copy.begin()
        for user in sorted(directory.truth().users)[:20]:
            directory.update_user(ObjectId(user), {"department": "Moved"})
        emulator.faults.add(
            Fault(path="delta", after=1, times=2, status=429, headers={"Retry-After": "2"}),
            Fault(path="delta", times=1, status=503),
            Fault(path="delta", times=1, cut=40),
            Fault(path="delta", times=1, drop=True),
        )
        await copy.follow()
        await copy.check(emulator)
