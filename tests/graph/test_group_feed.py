import pytest
from aiohttp import web

from entraid_service.errors import EntraidError, FeedUnsupported, ListExpired, PermissionMissing
from entraid_service.model.changes import GroupChange, GroupFeedItem, MemberChange, Removal
from entraid_service.model.directory import Group, GroupKind, MemberKind
from entraid_service.model.ids import GroupId
from entraid_service.ports import FeedPage, TenantSource
from graph.cloud import ScriptedCloud, delta, graph_error, jwt, page

WHOLE = {
    "id": "G-1",
    "displayName": "Dev",
    "description": "Those who build",
    "mailEnabled": False,
    "securityEnabled": True,
    "groupTypes": [],
}
DEV = Group(GroupId("g-1"), "Dev", description="Those who build")
SELECT = "id,displayName,description,mail,mailEnabled,securityEnabled,groupTypes,membershipRule,visibility"
GONE: dict[str, object] = {"@removed": {"reason": "deleted"}}


def member(number: int, kind: str = "user") -> dict[str, object]:
    """A member as a feed tells it."""
    return {"@odata.type": f"#microsoft.graph.{kind}", "id": f"M-{number}"}


async def read(source: TenantSource, *, link: str = "", only: tuple[str, ...] = ()) -> list[FeedPage[GroupFeedItem]]:
    """All pages of a round."""
    return [part async for part in source.group_changes(link=link, only=[GroupId(one) for one in only])]


async def told(
    cloud: ScriptedCloud, *records: object, is_first: bool = False, source: TenantSource | None = None
) -> list[GroupFeedItem]:
    """What a round of these records tells."""
    link = f"{cloud.url}/v1.0/groups/delta?$deltatoken="
    cloud.on(r"/groups/delta", delta(*records, link=link + "new"))
    pages = await read(source or cloud.directory(), link="" if is_first else link + "old")
    return [item for part in pages for item in part.items]


def members_of(items: list[GroupFeedItem]) -> list[MemberChange]:
    """The changes of members among them."""
    return [one for item in items if isinstance(item, GroupChange) for one in item.members]


async def test_a_first_round_tells_everything(cloud: ScriptedCloud) -> None:
    """Groups with their members, by properties that make a group, over several pages."""
    link = f"{cloud.url}/v1.0/groups/delta?"
    cloud.on("skiptoken=a", delta({"id": "G-2", "displayName": "Empty"}, link=link + "$deltatoken=first"))
    cloud.on(
        r"/groups/delta\?",
        page({**WHOLE, "members@delta": [member(1), member(2, "group")]}, link=link + "$skiptoken=a"),
    )
    pages = await read(cloud.directory())
    assert cloud.graph_requests()[0] == f"/v1.0/groups/delta?$select={SELECT},members"
    assert [part.next_round for part in pages] == ["", link + "$deltatoken=first"]
    expected = [
        MemberChange("m-1", MemberKind.USER, is_removed=False),
        MemberChange("m-2", MemberKind.GROUP, is_removed=False),
    ]
    assert pages[0].items == [GroupChange(GroupId("g-1"), DEV, expected)]
    assert pages[1].items == [GroupChange(GroupId("g-2"), Group(GroupId("g-2"), "Empty"), [])]


async def test_row_23_a_filter_names_at_most_50_groups(cloud: ScriptedCloud) -> None:
    """Fifty ids go into one filter, each quoted and encoded once; more are our own mistake and are not sent."""
    ids = tuple(f"00000000-0000-4000-8000-{number:012}" for number in range(51))
    cloud.on("/groups/delta", delta(link=f"{cloud.url}/v1.0/groups/delta?$deltatoken=first"))
    await read(cloud.directory(), only=ids[:50])
    (asked,) = cloud.graph_requests()
    assert asked.endswith("&$filter=" + "%20or%20".join(f"id%20eq%20%27{one}%27" for one in ids[:50]))
    with pytest.raises(ValueError, match="at most 50"):
        await read(cloud.directory(), only=ids)
    assert len(cloud.graph_requests()) == 1


async def test_an_id_cannot_leave_its_quotes(cloud: ScriptedCloud) -> None:
    """Quotes are doubled, everything else is encoded."""
    cloud.on("/groups/delta", delta(link=f"{cloud.url}/v1.0/groups/delta?$deltatoken=first"))
    await read(cloud.directory(), only=("a' or id ne '#&",))
    assert cloud.graph_requests()[0].endswith("&$filter=id%20eq%20%27a%27%27%20or%20id%20ne%20%27%27%23%26%27")


@pytest.mark.parametrize("reason", ["changed", "deleted"])
async def test_row_13_any_removal_of_a_member_removes(cloud: ScriptedCloud, reason: str) -> None:
    """Both reasons, with and without a type; a group that is removed is removed by both as well."""
    gone: dict[str, object] = {"@removed": {"reason": reason}}
    entries = [member(1) | gone, {"id": "M-2", **gone}, member(3, "device") | gone]
    items = await told(cloud, {"id": "G-1", "members@delta": entries}, {"id": "G-2", **gone})
    assert items == [
        GroupChange(
            GroupId("g-1"),
            None,
            [
                MemberChange("m-1", MemberKind.USER, is_removed=True),
                MemberChange("m-2", None, is_removed=True),
                MemberChange("m-3", MemberKind.OTHER, is_removed=True),
            ],
        ),
        Removal("g-2"),
    ]


async def test_row_14_a_large_group_comes_in_pieces(cloud: ScriptedCloud) -> None:
    """The same group on several pages and in several entries: every member is told, in Graph's order."""
    link = f"{cloud.url}/v1.0/groups/delta?"
    many = [member(number) for number in range(1_200)]
    cloud.on("skiptoken=a", delta({"id": "G-1", "members@delta": [member(7) | GONE]}, link=link + "$deltatoken=n"))
    cloud.on(r"/groups/delta\?", page({**WHOLE, "members@delta": many}, WHOLE, link=link + "$skiptoken=a"))
    items = [item for part in await read(cloud.directory()) for item in part.items]
    assert all(isinstance(item, GroupChange) and item.id == "g-1" for item in items)
    changes = members_of(items)
    assert [one.id for one in changes] == [*(f"m-{number}" for number in range(1_200)), "m-7"]
    assert changes[-1].is_removed


async def test_unknown_members_are_counted_or_named(cloud: ScriptedCloud) -> None:
    """A new kind of thing is another kind; what has no id cannot be an edge, and does not stop the others."""
    entries = [member(1, "somethingNew"), None, {"@odata.type": "#microsoft.graph.user"}, member(3)]
    cloud.on("/groups/delta", delta({**WHOLE, "members@delta": entries}, link=f"{cloud.url}/v1.0/x?$deltatoken=n"))
    (part,) = await read(cloud.directory(), link=f"{cloud.url}/v1.0/groups/delta?$deltatoken=o")
    assert [(one.id, one.kind) for one in members_of(list(part.items))] == [
        ("m-1", MemberKind.OTHER),
        ("m-3", MemberKind.USER),
    ]
    assert [one.id for one in part.skipped] == ["", ""]
    assert "group `g-1`" in part.skipped[0].problem


@pytest.mark.parametrize(("link", "error"), [("", FeedUnsupported), ("$deltatoken=o", ListExpired)])
@pytest.mark.parametrize("others", [[{"id": "M-2"}, {**GONE, "id": "M-3"}], [member(4), member(5, "group")]])
async def test_a_feed_that_does_not_tell_what_a_member_is_is_not_followed(
    cloud: ScriptedCloud, link: str, error: type[EntraidError], others: list[object]
) -> None:
    """To leave it out would make the group look smaller than it is, also if all others are told."""
    entries = [*others, {"id": "M-1"}] if len(others[0]) > 1 else [{"id": "M-1"}, *others]  # type: ignore[arg-type]  # JSON
    cloud.on("/groups/delta", delta({**WHOLE, "members@delta": entries}, link=f"{cloud.url}/v1.0/x?$deltatoken=n"))
    with pytest.raises(error, match="`m-1`"):
        await read(cloud.directory(), link=link and f"{cloud.url}/v1.0/groups/delta?{link}")


@pytest.mark.parametrize("link", ["", "$deltatoken=o"])
async def test_a_filter_that_is_not_heeded_widens_nothing(cloud: ScriptedCloud, link: str) -> None:
    """Groups that were not asked for are left out, in later rounds too."""
    other = {**WHOLE, "id": "G-2", "members@delta": [member(2)]}
    cloud.on(
        "/groups/delta",
        delta({**WHOLE, "members@delta": [member(1)]}, other, {**GONE, "id": "G-3"}, link=f"{cloud.url}/v1.0/x?n"),
    )
    parts = await read(cloud.directory(), link=link and f"{cloud.url}/v1.0/groups/delta?{link}", only=("g-1",))
    assert [item.id for part in parts for item in part.items] == ["g-1"]


async def test_members_alone_leave_the_group_as_it_is(cloud: ScriptedCloud) -> None:
    """An entry without properties is no reason to ask, and no group without a name."""
    items = await told(cloud, {"id": "G-1", "members@delta": [member(1)]})
    assert [(item.id, item.group) for item in items if isinstance(item, GroupChange)] == [("g-1", None)]
    assert len(cloud.graph_requests()) == 1


async def test_row_15_a_group_that_is_told_in_part_is_read(cloud: ScriptedCloud) -> None:
    """A new name alone would otherwise be lost, or make a group without a mail address."""
    cloud.on(r"/groups/g-1\?", {**WHOLE, "displayName": "Renamed", "mail": "dev@contoso.example"})
    cloud.on(r"/groups/g-2\?", graph_error(404, "Request_ResourceNotFound"))
    items = await told(cloud, {"id": "G-1", "displayName": "Renamed"}, {"id": "G-2", "description": None})
    group = Group(GroupId("g-1"), "Renamed", description="Those who build", mail="dev@contoso.example")
    assert items == [GroupChange(GroupId("g-1"), group, []), Removal("g-2")]


async def test_row_15_null_clears_a_groups_property(cloud: ScriptedCloud) -> None:
    """A whole entry says what there is, and no more."""
    (item,) = await told(cloud, {**WHOLE, "description": None, "groupTypes": ["Unified"], "mailEnabled": True})
    assert isinstance(item, GroupChange)
    assert item.group == Group(GroupId("g-1"), "Dev", GroupKind.MICROSOFT_365)


@pytest.mark.parametrize(
    ("roles", "is_opaque"),
    [(["Member.Read.Hidden"], False), (["GroupMember.Read.All"], True), ([], True), (None, True)],
)
async def test_row_12_a_hidden_membership_is_opaque(
    cloud: ScriptedCloud, roles: list[str] | None, is_opaque: bool
) -> None:
    """Unless the token says that hidden members are shown, whatever the feed tells of them is not all."""
    cloud.tokens.extend(["opaque" if roles is None else jwt(roles=roles)] * 2)
    hidden = {**WHOLE, "visibility": "HiddenMembership"}
    cloud.on(r"/groups/g-1\?", hidden)
    source = cloud.directory()
    items = await told(cloud, {**hidden, "members@delta": [member(1)]}, is_first=True, source=source)
    assert [item.group.is_opaque for item in items if isinstance(item, GroupChange) and item.group] == [is_opaque]
    looked_up = await source.group(GroupId("g-1"))
    assert looked_up is not None
    assert looked_up.is_opaque is is_opaque
    if roles is not None and is_opaque:
        with pytest.raises(PermissionMissing):
            await anext(source.members(GroupId("g-1")))


async def test_a_change_of_a_group_that_cannot_be_read_is_not_passed_over(cloud: ScriptedCloud) -> None:
    """The group would keep its members of before: everything is read again instead."""
    with pytest.raises(ListExpired, match=r"`g-1`, its `members@delta` is no list"):
        await told(cloud, {**WHOLE, "members@delta": {"id": "m-1"}})


async def test_an_odd_group_of_a_first_round_is_skipped_and_named(cloud: ScriptedCloud) -> None:
    """As in a list: it is left out, and the others are read."""
    records = ({**WHOLE, "members@delta": "none"}, {"displayName": "No id"}, {**WHOLE, "id": "G-2"})
    cloud.on("/groups/delta", delta(*records, link=f"{cloud.url}/v1.0/groups/delta?$deltatoken=n"))
    (part,) = await read(cloud.directory())
    assert [item.id for item in part.items] == ["g-2"]
    assert [one.id for one in part.skipped] == ["g-1", ""]


async def test_a_missing_permission_is_named(cloud: ScriptedCloud) -> None:
    """403 is neither a missing feed nor an aged link."""
    cloud.on("/groups/delta", web.Response(status=403))
    for link in ("", f"{cloud.url}/v1.0/groups/delta?$deltatoken=o"):
        with pytest.raises(PermissionMissing, match=r"GroupMember.Read.All"):
            await read(cloud.directory(), link=link)
