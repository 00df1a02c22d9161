"""Who may read what: tokens under attack, permissions by path, hidden and inaccessible members, single objects."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from emulator.wire import EVENTUAL, Wire
from entraid_emulator import CONTOSO_TENANT_ID, Behaviour, Emulator, ObjectId, contoso, generated

ADA = "aaaaaaaa-0000-4000-8000-000000000001"
BUILD_MACHINES = "bbbbbbbb-0000-4000-8000-000000000018"
PLATFORM = "bbbbbbbb-0000-4000-8000-000000000003"
WORKS_COUNCIL = "bbbbbbbb-0000-4000-8000-000000000020"
NOBODY = "00000000-1111-4222-8333-444444444444"


def grant(wire: Wire, *roles: str) -> None:
    """Let the next tokens carry these roles."""
    wire.emulator.app.grants[CONTOSO_TENANT_ID] = frozenset(roles)


def forged(token: str, **changes: object) -> str:
    """The token with other claims and its old signature."""
    head, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    altered = base64.urlsafe_b64encode(json.dumps({**claims, **changes}).encode()).rstrip(b"=").decode()
    return f"{head}.{altered}.{signature}"


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        ("", "Access token is empty."),
        ("Bearer", "Access token is empty."),
        ("Bearer ", "Access token is empty."),
        ("Basic abc", "Access token is empty."),
        ("Bearer nodots", "IDX14100: JWT is not well formed"),
        ("Bearer a.b.c", "CompactToken parsing failed"),
    ],
)
def test_a_request_without_a_good_token_is_refused(contoso_wire: Wire, authorization: str, message: str) -> None:
    """401 InvalidAuthenticationToken with Graph's words and a challenge."""
    response = contoso_wire.session.get(
        contoso_wire.emulator.graph_url + "/users", headers={"Authorization": authorization}, timeout=10
    )
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (401, "InvalidAuthenticationToken")
    assert error["message"].startswith(message)
    assert error["innerError"].keys() == {"date", "request-id", "client-request-id"}
    assert error["innerError"]["request-id"] == response.headers["request-id"]
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")


def test_forged_tokens_open_nothing(contoso_wire: Wire) -> None:
    """More roles, another tenant, no signature, another key: all 401."""
    token = contoso_wire.token()
    claims = jwt.decode(token, options={"verify_signature": False})
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for bad in (
        forged(token, roles=["Directory.Read.All"]),
        forged(token, tid=NOBODY),
        forged(token, exp=claims["exp"] + 3600),
        token.rpartition(".")[0] + ".",
        jwt.encode(claims, "", algorithm="none"),
        jwt.encode(claims, stranger, algorithm="RS256", headers={"kid": jwt.get_unverified_header(token)["kid"]}),
    ):
        assert contoso_wire.get("/users", token=bad).status_code == 401


def test_a_token_ages(own_wire: Wire) -> None:
    """It is good until its last second, then 401 says that it is expired."""
    token = own_wire.token()
    own_wire.emulator.clock.advance(timedelta(minutes=59, seconds=50))
    assert own_wire.get("/users", token=token).status_code == 200
    own_wire.emulator.clock.advance(timedelta(seconds=11))
    response = own_wire.get("/users", token=token)
    assert response.status_code == 401
    assert response.json()["error"]["message"] == "Lifetime validation failed, the token is expired."


def test_a_token_of_one_tenant_reads_that_tenant_only(start: Callable[[Emulator], Wire]) -> None:
    """Users of the other tenant are neither listed nor found by id or name."""
    other = generated(users=3, groups=1, seed=9)
    wire = start(Emulator([contoso(), other]))
    token = wire.token(other.tenant_id)
    users = wire.body("/users", token=token)["value"]
    assert len(users) == 3
    assert wire.get(f"/users/{ADA}", token=token).status_code == 404
    assert wire.get("/users/ada.celik@contoso.example", token=token).status_code == 404
    assert wire.get(f"/users/{users[0]['id']}").status_code == 404
    assert wire.body("/organization", token=token)["value"][0]["id"] == other.tenant_id


def test_withdrawn_consent_ends_a_living_token(own_wire: Wire) -> None:
    """An app that left the tenant has no identity there any more."""
    token = own_wire.token()
    del own_wire.emulator.app.grants[CONTOSO_TENANT_ID]
    response = own_wire.get("/users", token=token)
    assert (response.status_code, response.json()["error"]["code"]) == (401, "Authorization_IdentityNotFound")


@pytest.mark.parametrize(
    ("role", "opens"),
    [
        ("User.Read.All", {"/users", f"/users/{ADA}", "/organization", "/users/$count"}),
        ("User.ReadBasic.All", {"/users", f"/users/{ADA}", "/users/$count"}),
        ("GroupMember.Read.All", {"/groups", f"/groups/{PLATFORM}", f"/groups/{PLATFORM}/members"}),
        ("Organization.Read.All", {"/organization"}),
        ("Mail.Read", set()),
    ],
)
def test_each_path_needs_its_permission(own_wire: Wire, role: str, opens: set[str]) -> None:
    """403 Authorization_RequestDenied without any of the permissions that the path accepts."""
    grant(own_wire, role)
    every = {"/users", f"/users/{ADA}", "/users/$count", "/groups", f"/groups/{PLATFORM}", "/organization"}
    opened = {path for path in every | opens if own_wire.get(path, EVENTUAL).status_code == 200}
    assert opened == opens
    for path in every - opens:
        assert own_wire.get(path, EVENTUAL).json()["error"]["code"] == "Authorization_RequestDenied"


def test_basic_readers_see_basic_properties(own_wire: Wire) -> None:
    """User.ReadBasic.All shows names and mail, and refuses `department`."""
    grant(own_wire, "User.ReadBasic.All")
    user = own_wire.body("/users?$top=1")["value"][0]
    assert (user["displayName"], user["jobTitle"]) == ("Ada Çelik", None)
    assert own_wire.error("/users?$select=department")[0] == 403


def test_members_of_unreadable_types_show_their_id_only(own_wire: Wire) -> None:
    """Type and id, everything else null; with the permission, everything."""
    members = {member["@odata.type"]: member for member in own_wire.whole(f"/groups/{BUILD_MACHINES}/members")}
    device = members["#microsoft.graph.device"]
    assert device["id"] == "dddddddd-0000-4000-8000-000000000002"
    assert {value for name, value in device.items() if name not in {"id", "@odata.type"}} == {None}
    assert members["#microsoft.graph.user"]["displayName"] == "Daan de Vries"
    grant(own_wire, "GroupMember.Read.All")
    grey = own_wire.whole(f"/groups/{BUILD_MACHINES}/members?$select=displayName")[-1]
    assert grey == {
        "@odata.type": "#microsoft.graph.user",
        "displayName": None,
        "id": "aaaaaaaa-0000-4000-8000-000000000030",
    }
    grant(own_wire, "Directory.Read.All")
    assert own_wire.whole(f"/groups/{BUILD_MACHINES}/members")[0]["displayName"] == "CONTOSO-BUILD-01"


def test_members_carry_their_type(contoso_wire: Wire) -> None:
    """Users and groups side by side; a property that one type lacks is left out there."""
    members = contoso_wire.whole(f"/groups/{PLATFORM}/members?$select=id,displayName,userPrincipalName")
    assert [(one["@odata.type"].rpartition(".")[2], one["id"][-2:]) for one in members] == [
        ("group", "05"),
        ("group", "06"),
        ("user", "06"),
        ("user", "08"),
        ("user", "36"),
    ]
    assert "userPrincipalName" not in members[0]
    assert members[4]["userPrincipalName"] == "hugo.alves_northwind.example#EXT#@contoso.onmicrosoft.example"


def test_a_cast_narrows_members_and_is_an_advanced_query(contoso_wire: Wire) -> None:
    """Only with ConsistencyLevel and `$count=true`; then users only, counted, without their type."""
    path = f"/groups/{PLATFORM}/members/microsoft.graph.user"
    assert contoso_wire.error(path)[:2] == (400, "Request_UnsupportedQuery")
    first, second = contoso_wire.pages(f"{path}?$count=true&$select=id&$top=2", EVENTUAL)
    assert first["@odata.count"] == 3
    assert [user["id"][-2:] for user in first["value"] + second["value"]] == ["06", "08", "36"]
    assert "@odata.type" not in first["value"][0]
    assert len(contoso_wire.whole(f"/groups/{PLATFORM}/members/microsoft.graph.group?$count=true", EVENTUAL)) == 2


def test_hidden_membership_is_not_read_as_empty(start: Callable[[Emulator], Wire]) -> None:
    """403 without Member.Read.Hidden, the members with it; an emulator may be told to answer an empty list."""
    wire = start(Emulator([contoso()]))
    assert wire.error(f"/groups/{WORKS_COUNCIL}/members")[:2] == (403, "Authorization_RequestDenied")
    grant(wire, "User.Read.All", "GroupMember.Read.All", "Member.Read.Hidden")
    assert len(wire.whole(f"/groups/{WORKS_COUNCIL}/members")) == 3
    lenient = start(Emulator([contoso()], behaviour=Behaviour(hidden_membership="empty")))
    assert lenient.whole(f"/groups/{WORKS_COUNCIL}/members") == []


@pytest.mark.parametrize(
    "key",
    [
        "aaaaaaaa-0000-4000-8000-000000000038",
        "AAAAAAAA-0000-4000-8000-000000000038",
        "jack_o'connor_adatum.example%23EXT%23@contoso.onmicrosoft.example",
        "JACK_O%27CONNOR_adatum.example%23ext%23%40contoso.onmicrosoft.example",
    ],
)
def test_a_user_is_found_by_id_and_by_name(contoso_wire: Wire, key: str) -> None:
    """Ignoring case, with everything percent-encoded that must be."""
    user = contoso_wire.body(f"/users/{key}?$select=displayName")
    assert user["displayName"] == "Jack O'Connor (Guest)"
    assert user["@odata.context"].endswith("$metadata#users(displayName)/$entity")


@pytest.mark.parametrize(
    "path",
    [
        f"/users/{NOBODY}",
        "/users/nobody@contoso.example",
        "/users/ada.celik%00",
        "/users/..%2Fgroups",
        f"/groups/{NOBODY}",
        f"/groups/{NOBODY}/members",
        f"/groups/{ADA}",
        f"/users/{ADA}/manager",
        f"/users/{NOBODY}/manager",
    ],
)
def test_what_is_not_there_is_404(contoso_wire: Wire, path: str) -> None:
    """Unknown ids, a user's id under groups, and the manager of who has none."""
    assert contoso_wire.error(path)[:2] == (404, "Request_ResourceNotFound")


def test_the_manager_is_read(contoso_wire: Wire) -> None:
    """By id or name of the user, typed."""
    boss = contoso_wire.body("/users/bruno.keller@contoso.example/manager?$select=id,department")
    assert boss.pop("@odata.context")
    assert boss == {"@odata.type": "#microsoft.graph.user", "id": ADA, "department": "Executive"}


def test_other_urls_and_methods_are_refused(contoso_wire: Wire) -> None:
    """In Graph's words, and only after the token was good."""
    assert contoso_wire.error("/nothing/there") == (400, "BadRequest", "Resource not found for the segment 'nothing'.")
    assert contoso_wire.error("/groups/x/members/microsoft.graph.thing")[2].endswith("'microsoft.graph.thing'.")
    assert contoso_wire.get("/nothing", token="").status_code == 401
    assert len(contoso_wire.body("/users/?$top=3")["value"]) == 3
    posted = contoso_wire.session.post(
        f"{contoso_wire.emulator.graph_url}/users",
        headers={"Authorization": f"Bearer {contoso_wire.token()}"},
        json={},
        timeout=10,
    )
    assert posted.status_code == 405


def test_changes_show_at_once(own_wire: Wire) -> None:
    """Add, update, delete, restore, members and managers, as a test script would make them."""
    directory = own_wire.emulator.tenants[0].directory
    new = directory.add_user({"id": NOBODY, "userPrincipalName": "new@contoso.example", "displayName": "New"})
    directory.add_member(ObjectId(PLATFORM), new)
    directory.set_manager(new, ObjectId(ADA))
    assert own_wire.body("/users/new@contoso.example/manager")["id"] == ADA
    assert own_wire.whole(f"/groups/{PLATFORM}/members")[-1]["id"] == NOBODY
    directory.update_user(new, {"displayName": None, "userPrincipalName": "renamed@contoso.example"})
    assert own_wire.body("/users/renamed@contoso.example")["displayName"] is None
    assert own_wire.get("/users/new@contoso.example").status_code == 404
    directory.delete_user(new)
    assert own_wire.get(f"/users/{NOBODY}").status_code == 404
    assert len(own_wire.whole(f"/groups/{PLATFORM}/members")) == 5
    directory.restore_user(new)
    assert len(own_wire.whole(f"/groups/{PLATFORM}/members")) == 6
    directory.remove_member(ObjectId(PLATFORM), new)
    assert len(own_wire.whole(f"/groups/{PLATFORM}/members")) == 5
