import asyncio

import pytest
from aiohttp import web

from entraid_emulator import Emulator
from entraid_service.errors import PermissionMissing
from entraid_service.graph import Limits, MicrosoftGraph
from entraid_service.model.connection import ClientSecret
from entraid_service.model.ids import GroupId
from entraid_service.model.secret import Secret
from entraid_service.oauth.tokens import MsalAuthority
from graph.cloud import ScriptedCloud, graph_error, jwt, page

DENIED = graph_error(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


async def probed(emulator: Emulator, roles: set[str], *attributes: str) -> tuple[str, ...]:
    """What the probe finds missing for an app with these roles."""
    tenant = emulator.tenants[0].tenant_id
    emulator.app.grants[tenant] = frozenset(roles)
    authority = MsalAuthority(authority_url=emulator.authority_url, ca_bundle=emulator.ca_file)
    graph = MicrosoftGraph(base_url=emulator.graph_url, ca_bundle=emulator.ca_file, limits=Limits(attempts=1))
    try:
        tokens = authority.token_source(
            tenant=tenant,
            client_id=emulator.app.client_id,
            credential=ClientSecret(Secret(emulator.app.client_secret.reveal())),
        )
        return (await graph.directory(tokens).probe(attributes)).missing_permissions
    finally:
        authority.close()
        await graph.close()


@pytest.mark.parametrize(
    ("roles", "missing"),
    [
        ({"User.Read.All", "GroupMember.Read.All"}, ()),
        ({"Directory.Read.All"}, ()),
        ({"User.Read.All"}, ("GroupMember.Read.All",)),
        ({"GroupMember.Read.All"}, ("User.Read.All",)),
        ({"User.ReadBasic.All", "GroupMember.Read.All"}, ("User.Read.All",)),
        (set(), ("User.Read.All", "GroupMember.Read.All")),
    ],
)
async def test_the_probe_names_what_is_missing(emulator: Emulator, roles: set[str], missing: tuple[str, ...]) -> None:
    """A permission that is missing, or that shows too little, is named; the others are not."""
    assert await probed(emulator, roles) == missing


@pytest.mark.parametrize(
    ("attribute", "permission"),
    [
        ("employeeLeaveDateTime", "User-LifeCycleInfo.Read.All"),
        ("signInActivity.lastSignInDateTime", "AuditLog.Read.All"),
        ("customSecurityAttributes", "CustomSecAttributeAssignment.Read.All"),
    ],
)
async def test_the_probe_tries_attributes_that_need_more(emulator: Emulator, attribute: str, permission: str) -> None:
    """Only what is lacking is named, and nothing once it is there."""
    roles = {"User.Read.All", "GroupMember.Read.All"}
    assert await probed(emulator, roles, "department", attribute) == (permission,)
    assert await probed(emulator, roles | {permission}, "department", attribute) == ()


@pytest.mark.parametrize(
    ("roles", "missing"),
    [
        (["User.Read.All"], ("GroupMember.Read.All",)),
        (["GroupMember.Read.All"], ("User.Read.All",)),
        (["Directory.Read.All"], ()),
        ([], ()),
    ],
)
async def test_where_a_read_shows_nothing_the_token_decides(
    cloud: ScriptedCloud, roles: list[str], missing: tuple[str, ...]
) -> None:
    """An empty tenant refuses nothing, so that only the token tells; one that names no permission tells nothing."""
    cloud.tokens.append(jwt(roles=roles))
    cloud.on(r"/v1.0/(users|groups)\?", page())
    assert (await cloud.directory().probe()).missing_permissions == missing


async def test_what_a_read_shows_counts_more_than_the_token(cloud: ScriptedCloud) -> None:
    """Microsoft may accept a permission that is not known here."""
    cloud.tokens.append(jwt(roles=["Brand.New.All"]))
    cloud.on(r"/users\?", page({"id": "u-1", "accountEnabled": True}))
    cloud.on(r"/groups\?", page({"id": "g-1", "displayName": "G"}))
    cloud.on(r"/members", page())
    assert (await cloud.directory().probe()).missing_permissions == ()


async def test_the_probe_does_without_users_and_groups(cloud: ScriptedCloud) -> None:
    """An empty tenant is one that the app may read."""
    cloud.on(r"/v1.0/(users|groups)\?", page())
    assert (await cloud.directory().probe()).missing_permissions == ()


async def test_the_probe_finds_out_about_members(cloud: ScriptedCloud) -> None:
    """To see groups is not to see who is in them."""
    cloud.on(r"/users\?", page({"id": "u-1", "accountEnabled": True}))
    cloud.on(r"/groups\?", page({"id": "g-1", "displayName": "G"}))
    cloud.on(r"/members", DENIED)
    assert (await cloud.directory().probe()).missing_permissions == ("GroupMember.Read.All",)


async def test_the_probe_forgives_a_group_that_is_deleted_meanwhile(cloud: ScriptedCloud) -> None:
    """A group that vanished says nothing about permissions."""
    cloud.on(r"/users\?", page())
    cloud.on(r"/groups\?", page({"id": "g-1", "displayName": "G"}))
    cloud.on(r"/members", graph_error(404, "Request_ResourceNotFound"))
    assert (await cloud.directory().probe()).missing_permissions == ()


async def test_the_probe_needs_no_page_of_one(cloud: ScriptedCloud) -> None:
    """A Graph that takes no `$top` is asked for what it calls a page."""
    cloud.on(r"top=", graph_error(400, "BadRequest"))
    cloud.on(r"/users\?", page({"id": "u-1", "accountEnabled": True}))
    cloud.on(r"/groups\?", page({"id": "g-1", "displayName": "G"}))
    cloud.on(r"/members", DENIED)
    assert (await cloud.directory().probe()).missing_permissions == ("GroupMember.Read.All",)


async def test_the_probe_leaves_members_that_are_in_no_list_to_the_feed(cloud: ScriptedCloud) -> None:
    """A sync reads them with their groups."""
    cloud.on(r"/users\?", page())
    cloud.on(r"/groups\?", page({"id": "g-1", "displayName": "G"}))
    cloud.on(r"/members", graph_error(400, "BadRequest", "Resource not found for the segment 'members'."))
    assert (await cloud.directory().probe()).missing_permissions == ()


@pytest.mark.parametrize(("roles", "missing"), [(None, ()), (["Group.Read.All"], ("User.Read.All",))])
async def test_a_user_without_attributes_is_judged_by_the_token(
    cloud: ScriptedCloud, roles: list[str] | None, missing: tuple[str, ...]
) -> None:
    """Hidden attributes mean a missing permission only where the token says which ones there are."""
    cloud.tokens.append("opaque" if roles is None else jwt(roles=roles))
    cloud.on(r"/users\?", page({"id": "u-1", "accountEnabled": None, "department": None}))
    cloud.on(r"/groups\?", page())
    assert (await cloud.directory().probe()).missing_permissions == missing


async def test_a_refused_read_names_its_permission_and_the_remedy(cloud: ScriptedCloud) -> None:
    """The error says which permission, for what, and where to grant it."""
    cloud.on(r"/v1.0/", DENIED)
    source = cloud.directory()
    with pytest.raises(
        PermissionMissing, match=r"read users.*403 Authorization_RequestDenied.*`User.Read.All`"
    ) as users:
        await anext(source.users(("displayName",)))
    assert users.value.metadata == {"missing_permissions": "User.Read.All"}
    assert "App registrations > API permissions" in str(users.value)
    with pytest.raises(PermissionMissing, match="read groups") as groups:
        await anext(source.groups())
    assert groups.value.missing == ("GroupMember.Read.All",)
    # A token from before the permission was granted may be to blame: it is renewed, once for all of a run.
    assert cloud.bearers == ["opaque-1", "opaque-2", "opaque-2"]


async def test_a_permission_granted_since_the_last_token_is_noticed(cloud: ScriptedCloud) -> None:
    """Many refused at once share one new token, and each is tried once more."""

    async def members(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.02)
        return web.json_response(page(), status=403 if request.headers["Authorization"].endswith("-1") else 200)

    cloud.on(r"/members", members)
    cloud.on(r"/groups\?", page())
    source = cloud.directory()
    async for _ in source.groups():
        pass

    async def read(number: int) -> None:
        async for _ in source.members(GroupId(f"g-{number}")):
            pass

    async with asyncio.TaskGroup() as tasks:
        for number in range(8):
            tasks.create_task(read(number))
    assert len(cloud.token_requests) == 2


async def test_attributes_with_a_permission_of_their_own_are_named(cloud: ScriptedCloud) -> None:
    """User.Read.All may be there and not be enough."""
    cloud.on(r"/v1.0/", DENIED)
    with pytest.raises(PermissionMissing, match="`signInActivity`") as caught:
        await anext(cloud.directory().users(("displayName", "signInActivity.lastSignInDateTime")))
    assert caught.value.missing == ("User.Read.All", "AuditLog.Read.All")


async def test_members_that_may_not_be_read_are_no_hidden_membership(cloud: ScriptedCloud) -> None:
    """A missing permission for all groups is not mistaken for one hidden group."""
    cloud.on(r"/groups\?", page({"id": "g-1", "visibility": "Private"}))
    cloud.on(r"/members", DENIED)
    source = cloud.directory()
    async for _ in source.groups():
        pass
    with pytest.raises(PermissionMissing) as caught:
        await anext(source.members(GroupId("g-1")))
    assert caught.value.missing == ("GroupMember.Read.All",)
