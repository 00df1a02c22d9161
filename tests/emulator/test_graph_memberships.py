"""Transitive reads, memberships from the member's side, membership actions, reads by ids: against naive truth."""

from collections.abc import Callable

import pytest
import requests

from emulator.wire import EVENTUAL, TIMEOUT, Document, Wire
from entraid_emulator import Behaviour, Emulator, ObjectId, contoso, generated

ENGINEERING = ObjectId("bbbbbbbb-0000-4000-8000-000000000002")
ALPHA = ObjectId("bbbbbbbb-0000-4000-8000-000000000008")
BETA = ObjectId("bbbbbbbb-0000-4000-8000-000000000009")
COUNCIL = ObjectId("bbbbbbbb-0000-4000-8000-000000000020")
ON_CALL_USER = ObjectId("aaaaaaaa-0000-4000-8000-000000000014")
DIRECTORY = {"Directory.Read.All", "User.Read.All", "GroupMember.Read.All"}

Start = Callable[[Emulator], Wire]


@pytest.fixture
def wire(start: Start) -> Wire:
    """A caller that may read everything."""
    own = start(Emulator([contoso()]))
    own.emulator.app.grants[own.emulator.tenants[0].tenant_id] = frozenset(DIRECTORY)
    return own


@pytest.mark.parametrize(
    "path",
    [
        f"/groups/{ENGINEERING}/members",
        f"/groups/{ENGINEERING}/members/microsoft.graph.user",
        f"/groups/{ENGINEERING}/transitiveMembers",
        f"/groups/{ENGINEERING}/transitiveMembers/microsoft.graph.group",
        f"/users/{ON_CALL_USER}/memberOf",
        f"/users/{ON_CALL_USER}/transitiveMemberOf/microsoft.graph.group",
        f"/groups/{ALPHA}/transitiveMemberOf",
        f"/groups/{ALPHA}/transitiveMemberOf/microsoft.graph.group",
    ],
)
def test_memberships_are_counted_as_text(wire: Wire, path: str) -> None:
    """As many as the list holds, for those who send the header."""
    listed = wire.whole(f"{path}?$count=true", EVENTUAL)
    for query in ("", "?$top=1", "?$skiptoken=none"):
        counted = wire.get(f"{path}/$count{query}", EVENTUAL)
        assert (counted.text, counted.headers["Content-Type"]) == (str(len(listed)), "text/plain")
    assert listed
    assert wire.error(f"{path}/$count") == (400, "Request_BadRequest", "$count is not currently supported.")


def post(wire: Wire, path: str, body: object) -> requests.Response:
    """POST a JSON document with a good token."""
    headers = {"Authorization": f"Bearer {wire.token()}"}
    return wire.session.post(wire.emulator.graph_url + path, json=body, headers=headers, timeout=TIMEOUT)


def value(answer: requests.Response) -> set[str]:
    """The strings of a good answer."""
    assert answer.status_code == 200, answer.text
    return set(answer.json()["value"])


def ids(found: list[Document]) -> set[str]:
    """The ids of objects, none of them twice."""
    assert len({one["id"] for one in found}) == len(found)
    return {one["id"] for one in found}


@pytest.mark.parametrize("group", [ENGINEERING, ALPHA])
def test_transitive_members_are_those_of_nested_groups(wire: Wire, group: ObjectId) -> None:
    """Also around a cycle, in which a group is a member of itself; page by page the same."""
    truth = wire.emulator.tenants[0].directory.truth()
    assert ids(wire.whole(f"/groups/{group}/transitiveMembers")) == truth.transitive_members(group)
    assert ids(wire.whole(f"/groups/{group}/transitivemembers?$top=2")) == truth.transitive_members(group)
    users = wire.whole(f"/groups/{group}/transitiveMembers/microsoft.graph.user?$count=true&$top=3", EVENTUAL)
    assert ids(users) == truth.transitive_users(group)
    assert "@odata.type" not in users[0]
    assert wire.error(f"/groups/{group}/transitiveMembers/microsoft.graph.group")[0] == 400
    counted = wire.body(f"/groups/{group}/transitiveMembers/microsoft.graph.group?$count=true", EVENTUAL)
    assert counted["@odata.count"] == len(truth.transitive_members(group) & truth.groups.keys())


def test_memberships_are_seen_from_the_member(wire: Wire) -> None:
    """Direct and transitive, of users and of groups."""
    truth = wire.emulator.tenants[0].directory.truth()
    direct = {group for group, members in truth.members.items() if ON_CALL_USER in members}
    assert ids(wire.whole(f"/users/{ON_CALL_USER}/memberOf")) == direct
    assert ids(wire.whole(f"/users/{ON_CALL_USER}/transitiveMemberOf?$top=2")) == truth.transitive_groups(ON_CALL_USER)
    cast = f"/users/{ON_CALL_USER}/transitiveMemberOf/microsoft.graph.group?$count=true&$select=id"
    assert ids(wire.whole(cast, EVENTUAL)) == truth.transitive_groups(ON_CALL_USER)
    assert ids(wire.whole(f"/groups/{BETA}/memberOf")) == {ALPHA}
    assert ids(wire.whole(f"/groups/{BETA}/transitiveMemberOf")) == truth.transitive_groups(BETA)
    assert wire.error("/users/nobody@contoso.example/memberOf")[0] == 404


def test_what_is_changed_shows_at_once(wire: Wire) -> None:
    """Removed from the innermost group, a user is out of all; a deleted one is nowhere, restored everywhere."""
    directory = wire.emulator.tenants[0].directory
    on_call_primary = ObjectId("bbbbbbbb-0000-4000-8000-000000000007")
    path = f"/groups/{ENGINEERING}/transitiveMembers"
    assert ON_CALL_USER in ids(wire.whole(path))
    directory.delete_user(ON_CALL_USER)
    assert ON_CALL_USER not in ids(wire.whole(path))
    directory.restore_user(ON_CALL_USER)
    assert ON_CALL_USER in ids(wire.whole(path))
    directory.remove_member(on_call_primary, ON_CALL_USER)
    assert ON_CALL_USER not in ids(wire.whole(path))
    assert ENGINEERING not in ids(wire.whole(f"/users/{ON_CALL_USER}/transitiveMemberOf"))


def test_pages_of_transitive_members_bear_changes(wire: Wire) -> None:
    """Who is a member throughout is told exactly once, whoever comes and goes between the pages."""
    directory = wire.emulator.tenants[0].directory
    everybody = ObjectId("bbbbbbbb-0000-4000-8000-000000000001")
    found: list[Document] = []
    for number, page in enumerate(wire.pages(f"/groups/{everybody}/transitiveMembers?$top=3&$select=id")):
        found += page["value"]
        directory.delete_user(ObjectId(f"aaaaaaaa-0000-4000-8000-{number + 1:012}"))
    survivors = directory.truth().members[everybody]
    assert survivors <= ids(found)


def test_memberships_need_their_own_permissions(own_wire: Wire) -> None:
    """`memberOf` of a user is not opened by User.Read.All, `transitiveMemberOf` is."""
    assert own_wire.error(f"/users/{ON_CALL_USER}/memberOf")[:2] == (403, "Authorization_RequestDenied")
    assert own_wire.get(f"/users/{ON_CALL_USER}/transitiveMemberOf").status_code == 200
    assert own_wire.error(f"/groups/{BETA}/transitiveMemberOf")[0] == 403
    assert own_wire.get(f"/groups/{BETA}/memberOf").status_code == 200
    assert own_wire.error(f"/groups/{COUNCIL}/transitiveMembers")[0] == 403, "hidden membership"
    assert post(own_wire, "/directoryObjects/getByIds", {"ids": [BETA]}).status_code == 403


def test_member_groups_are_checked_and_listed(wire: Wire) -> None:
    """Transitively; 20 ids at most; by user principal name too; `securityEnabledOnly` for users only."""
    truth = wire.emulator.tenants[0].directory.truth()
    held = truth.transitive_groups(ON_CALL_USER)
    asked = [*list(truth.groups)[:19], "00000000-1111-4222-8333-444444444444"]
    for path in (f"/users/{ON_CALL_USER}", f"/directoryObjects/{ON_CALL_USER}"):
        assert value(post(wire, f"{path}/checkMemberGroups", {"groupIds": asked})) == held & set(asked)
        assert value(post(wire, f"{path}/microsoft.graph.getMemberGroups", {"securityEnabledOnly": False})) == held
    assert post(wire, f"/users/{ON_CALL_USER}/checkMemberGroups", {"groupIds": [*asked, BETA]}).status_code == 400
    assert post(wire, f"/users/{ON_CALL_USER}/checkMemberGroups", {"groupIds": BETA}).status_code == 400
    assert post(wire, f"/users/{BETA}/checkMemberGroups", {"groupIds": [ALPHA]}).status_code == 404
    assert value(post(wire, f"/groups/{BETA}/checkMemberGroups", {"groupIds": [ALPHA]})) == {ALPHA}
    only = value(post(wire, f"/users/{ON_CALL_USER}/getMemberGroups", {"securityEnabledOnly": True}))
    assert only == {group for group in held if truth.groups[group]["securityEnabled"]}
    assert post(wire, f"/groups/{BETA}/getMemberGroups", {"securityEnabledOnly": True}).status_code == 400
    assert wire.get(f"/users/{ON_CALL_USER}/getMemberGroups").status_code == 405


def test_too_many_groups_are_refused(start: Start) -> None:
    """Above 11,000 getMemberGroups has no answer."""
    tenant = generated(users=1, groups=0)
    (user,) = tenant.directory.truth().users
    for number in range(11_001):
        group = tenant.directory.add_group({"id": f"abababab-0000-4000-8000-{number:012}", "displayName": "x"})
        tenant.directory.set_members(group, [user])
    wire = start(Emulator([tenant]))
    headers = {"Authorization": f"Bearer {wire.token(tenant.tenant_id)}"}
    url = f"{wire.emulator.graph_url}/users/{user}/getMemberGroups"
    answer = wire.session.post(url, json={"securityEnabledOnly": False}, headers=headers, timeout=TIMEOUT)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "Directory_ResultSizeLimitExceeded")
    tenant.directory.delete_group(ObjectId("abababab-0000-4000-8000-000000000000"))
    answer = wire.session.post(url, json={"securityEnabledOnly": False}, headers=headers, timeout=TIMEOUT)
    assert len(answer.json()["value"]) == 11_000


def test_objects_come_by_ids(wire: Wire) -> None:
    """Of any type or of chosen ones; unknown ids are left out; more than 1,000 are refused in Graph's words."""
    asked = {"ids": [ON_CALL_USER, BETA, "00000000-1111-4222-8333-444444444444"]}
    answer = post(wire, "/directoryObjects/getByIds", asked)
    assert {one["@odata.type"] for one in answer.json()["value"]} == {"#microsoft.graph.user", "#microsoft.graph.group"}
    assert answer.headers["x-ms-resource-unit"] == "5"
    selected = post(wire, "/directoryObjects/microsoft.graph.getByIds?$select=id", {**asked, "types": ["group"]})
    assert [one["id"] for one in selected.json()["value"]] == [BETA]
    assert selected.headers["x-ms-resource-unit"] == "2"
    over = post(wire, "/directoryObjects/getByIds", {"ids": [BETA] * 1001})
    assert over.json()["error"]["message"] == "Number of included identifiers cannot exceed '1000'."


def test_a_generated_tenant_knows_the_way_back() -> None:
    """Every membership, computed from either side, before and after changes."""
    for users, groups in ((0, 0), (1, 1), (7, 3), (300, 120)):
        directory = generated(users=users, groups=groups, seed=users).directory
        for _ in range(2):
            truth = directory.truth()
            for one in [*truth.users, *truth.groups]:
                assert set(directory.groups_of(one)) == {group for group, held in truth.members.items() if one in held}
            if users > 100:
                some = list(truth.users)[::37]
                for group in list(truth.groups)[::11]:
                    for user in some:
                        (directory.remove_member if directory.is_member(group, user) else directory.add_member)(
                            group, user
                        )


def test_empty_pages_may_stand_between(start: Start) -> None:
    """With nextLink and nothing in `value`; everything still comes once."""
    wire = start(Emulator([contoso()], behaviour=Behaviour(empty_pages=True, delta_page_size=9)))
    for path in ("/users?$top=9", "/groups?$top=9", f"/groups/{ENGINEERING}/members?$top=2", "/users/delta"):
        pages = list(wire.pages(path))
        assert [page["value"] == [] for page in pages][:3] == [False, True, False]
        assert ids([one for page in pages for one in page["value"]])
    assert len(wire.whole("/users?$top=9")) == 40
