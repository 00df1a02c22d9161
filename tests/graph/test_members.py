import pytest

from entraid_emulator import Behaviour, Emulator, contoso
from entraid_service.errors import EntraidError, GraphUnavailable, GroupGone, PermissionMissing
from entraid_service.graph import MicrosoftGraph
from entraid_service.model.connection import ClientSecret
from entraid_service.model.directory import Member, MemberKind
from entraid_service.model.ids import GroupId
from entraid_service.model.secret import Secret
from entraid_service.oauth.tokens import MsalAuthority
from entraid_service.ports import DirectorySource
from graph.cloud import ScriptedCloud, graph_error, jwt, page

GROUP = GroupId("g-1")
USER = {"@odata.type": "#microsoft.graph.user", "id": "u-1"}
HIDDEN = {"id": "g-1", "displayName": "Council", "visibility": "HiddenMembership"}


async def members(source: DirectorySource, *, is_listed: bool = True) -> list[Member]:
    """The members of the group, after listing the groups."""
    if is_listed:
        async for _ in source.groups():
            pass
    return [one async for part in source.members(GROUP) for one in part.items]


async def test_members_are_kept_by_their_type(cloud: ScriptedCloud) -> None:
    """Users and groups are told apart, everything else is counted, ids come in lower case."""
    types = ("user", "group", "device", "servicePrincipal", "orgContact", "somethingNew")
    records = [{"@odata.type": f"#microsoft.graph.{name}", "id": f"ID-{name}"} for name in types]
    cloud.on(r"/groups\?", page(HIDDEN | {"visibility": None}))
    cloud.on(r"/members", page(*records, {"id": "ID-x", "userPrincipalName": "x@contoso.example"}))
    found = {one.id: one.kind for one in await members(cloud.directory())}
    assert found == {
        "id-user": MemberKind.USER,
        "id-group": MemberKind.GROUP,
        "id-device": MemberKind.OTHER,
        "id-serviceprincipal": MemberKind.OTHER,
        "id-orgcontact": MemberKind.OTHER,
        "id-somethingnew": MemberKind.OTHER,
        "id-x": MemberKind.USER,
    }


async def test_a_group_deleted_while_it_is_read_is_gone(cloud: ScriptedCloud) -> None:
    """Graph's own 404 is told apart from other errors, also on a later page."""
    cloud.on(r"/groups\?", page({"id": "g-1"}))
    cloud.on(r"/groups/g-1\?", graph_error(404, "Request_ResourceNotFound"))
    cloud.on(r"skiptoken", graph_error(404, "Request_ResourceNotFound"))
    cloud.on(r"/members", page(USER, link=f"{cloud.url}/v1.0/groups/g-1/members?$skiptoken=a"))
    with pytest.raises(GroupGone, match="`g-1`"):
        await members(cloud.directory())


async def test_a_group_that_is_there_is_not_gone_with_its_list(cloud: ScriptedCloud) -> None:
    """A Graph without such lists says the same of them as of a group that was deleted."""
    cloud.on(r"/groups\?", page({"id": "g-1"}))
    cloud.on(r"/groups/g-1\?", {"id": "g-1"})
    cloud.on(r"/members", graph_error(404, "Request_ResourceNotFound"))
    with pytest.raises(GraphUnavailable, match="404"):
        await members(cloud.directory())


async def test_members_without_a_type_are_told_by_their_properties(cloud: ScriptedCloud) -> None:
    """Where the ids alone do not tell what the members are, everything of them is read."""
    cloud.on(r"/groups\?", page({"id": "g-1"}))
    cloud.on(r"members\?\$select", page(*({"id": f"m-{number}"} for number in range(5))))
    person, nested = {"id": "M-1", "userPrincipalName": "a@b.example"}, {"id": "M-2", "groupTypes": []}
    cloud.on(r"/members", page(person, nested))
    assert [(one.id, one.kind) for one in await members(cloud.directory())] == [
        ("m-1", MemberKind.USER),
        ("m-2", MemberKind.GROUP),
    ]


async def test_a_member_whose_type_nothing_tells_is_asked_for(cloud: ScriptedCloud) -> None:
    """Left out among others whose types are told, a user would seem to be outside of the group."""
    cloud.on(r"/groups\?", page({"id": "g-1"}))
    cloud.on(r"/members", page(USER, *({"id": f"M-{number}"} for number in range(1, 4)), {}))
    cloud.on(r"/users/m-1\?", {"id": "m-1"})
    cloud.on(r"/groups/m-2\?", {"id": "m-2", "displayName": "Nested"})
    cloud.on(r"/(users|groups)/m-", graph_error(404, "Request_ResourceNotFound"))
    assert [(one.id, one.kind) for one in await members(cloud.directory())] == [
        ("u-1", MemberKind.USER),
        ("m-1", MemberKind.USER),
        ("m-2", MemberKind.GROUP),
        ("m-3", MemberKind.OTHER),
    ]


async def test_a_member_who_cannot_be_asked_for_ends_the_read(cloud: ScriptedCloud) -> None:
    """That nothing tells what he is does not make him nobody."""
    cloud.on(r"/groups\?", page({"id": "g-1"}))
    cloud.on(r"/members", page(USER, {"id": "M-1"}))
    cloud.on(r"/users/m-1\?", graph_error(501, "NotImplemented"))
    with pytest.raises(EntraidError, match="single users"):
        await members(cloud.directory())


@pytest.mark.parametrize("answer", [graph_error(404, "UnknownError"), graph_error(404, "")])
async def test_a_404_of_somebody_else_is_no_deleted_group(cloud: ScriptedCloud, answer: object) -> None:
    """A proxy or a wrong URL must not make groups vanish."""
    cloud.on(r"/groups\?", page({"id": "g-1"}))
    cloud.on(r"/members", answer)  # type: ignore[arg-type]  # pytest passes it as an object
    with pytest.raises(GraphUnavailable, match="404"):
        await members(cloud.directory())


@pytest.mark.parametrize("roles", [["User.Read.All"], [], None])
@pytest.mark.parametrize("answer", ["403", "empty"])
async def test_hidden_members_that_may_not_be_seen_are_no_empty_group(
    cloud: ScriptedCloud, roles: list[str] | None, answer: str
) -> None:
    """However Graph conceals them, nobody is told that nobody is in the group."""
    cloud.tokens.extend(["opaque" if roles is None else jwt(roles=roles)] * 2)
    cloud.on(r"/groups\?", page(HIDDEN))
    cloud.on(r"/members", page() if answer == "empty" else graph_error(403, "Authorization_RequestDenied"))
    with pytest.raises(PermissionMissing, match="hidden membership") as caught:
        await members(cloud.directory())
    assert caught.value.missing == ("Member.Read.Hidden",)


async def test_a_token_that_lacks_the_permission_is_believed(cloud: ScriptedCloud) -> None:
    """Whatever a Graph shows of a hidden membership without permission, it is not known to be all."""
    cloud.tokens.extend([jwt(roles=["GroupMember.Read.All"])] * 2)
    cloud.on(r"/groups\?", page(HIDDEN))
    cloud.on(r"/members", page(USER))
    with pytest.raises(PermissionMissing):
        await members(cloud.directory())
    assert cloud.graph_requests("/members") == []


async def test_a_permission_granted_since_the_last_token_is_noticed(cloud: ScriptedCloud) -> None:
    """A token lasts a day; what an administrator granted meanwhile counts at the next sync."""
    cloud.tokens.extend([jwt(roles=["GroupMember.Read.All"]), jwt(roles=["Member.Read.Hidden"])])
    cloud.on(r"/groups\?", page(HIDDEN))
    cloud.on(r"/members", page(USER))
    assert [one.id for one in await members(cloud.directory())] == ["u-1"]


async def test_hidden_members_are_read_with_the_permission(cloud: ScriptedCloud) -> None:
    """With Member.Read.Hidden an empty hidden group is empty, and a full one is full."""
    cloud.tokens.append(jwt(roles=["Member.Read.Hidden"]))
    cloud.on(r"/groups\?", page(HIDDEN))
    cloud.on(r"/members", page(USER), page())
    source = cloud.directory()
    assert [one.id for one in await members(source)] == ["u-1"]
    assert await members(source) == []


async def test_hidden_members_that_come_without_a_telling_token_are_kept(cloud: ScriptedCloud) -> None:
    """An opaque token says nothing; members that are there speak for themselves."""
    cloud.on(r"/groups\?", page(HIDDEN))
    cloud.on(r"/members", page(), page(USER))
    cloud.on(r"/members", page())
    source = cloud.directory()
    with pytest.raises(PermissionMissing):
        await members(source)
    assert [one.id for one in await members(source)] == ["u-1"]


async def test_a_group_that_was_not_listed_is_asked_whether_it_hides_its_members(cloud: ScriptedCloud) -> None:
    """Reading the members of a group by its id alone is no way around."""
    cloud.on(r"/groups/g-1\?", HIDDEN)
    cloud.on(r"/members", page())
    with pytest.raises(PermissionMissing):
        await members(cloud.directory(), is_listed=False)


@pytest.mark.parametrize("behaviour", ["forbidden", "empty"])
async def test_the_emulators_hidden_group_is_unreadable(behaviour: str) -> None:
    """The same through the emulator, in both of the ways in which Graph may conceal members."""
    hidden = "forbidden" if behaviour == "forbidden" else "empty"
    async with Emulator([contoso()], behaviour=Behaviour(hidden_membership=hidden)) as emulator:  # type: ignore[arg-type]  # a narrowed str
        authority = MsalAuthority(authority_url=emulator.authority_url, ca_bundle=emulator.ca_file)
        graph = MicrosoftGraph(base_url=emulator.graph_url, ca_bundle=emulator.ca_file)
        source = graph.directory(
            authority.token_source(
                tenant=emulator.tenants[0].tenant_id,
                client_id=emulator.app.client_id,
                credential=ClientSecret(Secret(emulator.app.client_secret.reveal())),
            )
        )
        groups = [one async for part in source.groups() for one in part.items]
        unreadable = []
        for group in groups:
            try:
                async for _ in source.members(group.id):
                    pass
            except PermissionMissing:
                unreadable.append(group.display_name)
        authority.close()
        await graph.close()
    assert unreadable == ["Works Council"]
