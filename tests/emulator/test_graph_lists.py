"""Lists: pages, selected properties, skip tokens under attack, expanded managers, counts."""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from emulator.wire import EVENTUAL, Wire
from entraid_emulator import CONTOSO_TENANT_ID, Behaviour, Emulator, ObjectId, contoso, generated

ADA = "aaaaaaaa-0000-4000-8000-000000000001"
BRUNO = "aaaaaaaa-0000-4000-8000-000000000002"
ROOM = "aaaaaaaa-0000-4000-8000-000000000034"
PLATFORM = "bbbbbbbb-0000-4000-8000-000000000003"


@pytest.mark.parametrize("path", ["/users", "/groups", "/groups/bbbbbbbb-0000-4000-8000-000000000001/members"])
@pytest.mark.parametrize("top", [1, 2, 3, 10, 33, 40, 999])
def test_every_page_size_lists_everything_once(contoso_wire: Wire, path: str, top: int) -> None:
    """Pages are full but for the last, none is empty, and together they are the list without `$top`."""
    pages = [page["value"] for page in contoso_wire.pages(f"{path}?$top={top}&$select=id")]
    ids = [thing["id"] for page in pages for thing in page]
    assert ids == [thing["id"] for thing in contoso_wire.whole(path)]
    assert len(set(ids)) == len(ids)
    assert all(len(page) == top for page in pages[:-1])
    assert 0 < len(pages[-1]) <= top


def test_a_next_link_is_absolute_and_repeats_the_options(contoso_wire: Wire) -> None:
    """Same scheme, host and port as the request, `/v1.0`, the options and a skip token."""
    link = contoso_wire.body("/users?$top=5&$select=id,mail")["@odata.nextLink"]
    assert link.startswith(f"{contoso_wire.emulator.graph_url}/users?$top=5&$select=id")
    assert [name for name, _ in parse_qsl(urlsplit(link).query)] == ["$top", "$select", "$skiptoken"]


@pytest.mark.parametrize("top", ["0", "-1", "1000", "99999999"])
def test_a_page_size_out_of_bounds_is_refused(contoso_wire: Wire, top: str) -> None:
    """Refused, not clamped."""
    status, code, message = contoso_wire.error(f"/users?$top={top}")
    assert (status, code) == (400, "Request_UnsupportedQuery")
    assert message == f"Invalid page size specified: '{top}'. Must be between 1 and 999 inclusive."


@pytest.mark.parametrize("query", ["$top=ten", "$top=", "$top=1&$top=2", "$foo=1", "$count=maybe"])
def test_a_malformed_option_is_refused(contoso_wire: Wire, query: str) -> None:
    """Unknown, repeated and unreadable options are errors, never ignored."""
    assert contoso_wire.error(f"/users?{query}")[:2] == (400, "BadRequest")


def test_unsupported_options_are_refused(contoso_wire: Wire) -> None:
    """`$skip` and `$search` in Graph's words, what only the emulator lacks as not implemented."""
    assert contoso_wire.error("/users?$skip=1") == (
        400,
        "Request_BadRequest",
        "'$skip' is not supported by the service.",
    )
    assert contoso_wire.error('/users?$search="displayName:a"')[:2] == (400, "Request_UnsupportedQuery")
    assert contoso_wire.error("/users?$orderby=displayName")[:2] == (501, "NotImplemented")


def test_an_altered_skip_token_is_refused(contoso_wire: Wire) -> None:
    """Whatever is changed in the token, no page comes."""
    link = contoso_wire.body("/users?$top=5")["@odata.nextLink"]
    head, _, token = link.partition("$skiptoken=")
    for place in range(0, len(token), 5):
        other = "A" if token[place] != "A" else "B"
        response = contoso_wire.get(f"{head}$skiptoken={token[:place]}{other}{token[place + 1 :]}")
        assert (response.status_code, response.json()["error"]["code"]) == (400, "Request_BadRequest")
    for odd in ("", "x", "%00", token + "AAAA", token[:-4], "é"):
        assert contoso_wire.get(f"{head}$skiptoken={odd}").status_code == 400


def test_a_skip_token_is_good_for_its_own_list_only(contoso_wire: Wire) -> None:
    """Another path, other options or another tenant's token make it worthless."""
    token = contoso_wire.body("/users?$top=5")["@odata.nextLink"].partition("$skiptoken=")[2]
    for path in ("/groups?$top=5", "/users?$top=6", "/users", "/users?$top=5&$select=id"):
        joint = "&" if "?" in path else "?"
        assert contoso_wire.error(f"{path}{joint}$skiptoken={token}")[:2] == (400, "Request_BadRequest")


def test_a_skip_token_of_one_tenant_opens_nothing_in_another(start: Callable[[Emulator], Wire]) -> None:
    """Two tenants on one emulator do not share positions."""
    other = generated(users=50, groups=1, seed=3)
    wire = start(Emulator([contoso(), other]))
    link = wire.body("/users?$top=5")["@odata.nextLink"]
    assert wire.get(link, token=wire.token(other.tenant_id)).status_code == 400
    assert wire.get(link, token=wire.token(CONTOSO_TENANT_ID)).status_code == 200


def test_an_aged_skip_token_has_expired(start: Callable[[Emulator], Wire]) -> None:
    """`Directory_ExpiredPageToken` after its lifetime, as huge lists see it."""
    wire = start(Emulator([contoso()], behaviour=Behaviour(page_token_lifetime=timedelta(minutes=10))))
    link = wire.body("/users?$top=5")["@odata.nextLink"]
    wire.emulator.clock.advance(timedelta(minutes=11))
    assert wire.error(link)[:2] == (400, "Directory_ExpiredPageToken")


def test_changes_between_pages_neither_repeat_nor_skip(own_wire: Wire) -> None:
    """Whoever was there throughout comes once; a deletion does not make the last page vanish under its link."""
    directory = own_wire.emulator.tenants[0].directory
    before = {user["id"] for user in own_wire.whole("/users")}
    seen: list[str] = []
    gone = [f"aaaaaaaa-0000-4000-8000-{number:012d}" for number in (3, 9, 10, 11, 38, 39, 40)]
    for turn, page in enumerate(own_wire.pages("/users?$top=4")):
        seen.extend(user["id"] for user in page["value"])
        if turn < len(gone):
            directory.delete_user(ObjectId(gone[turn]))
    assert len(seen) == len(set(seen))
    assert before - set(seen) <= set(gone)


def test_only_default_properties_come_unasked(contoso_wire: Wire) -> None:
    """`accountEnabled`, `department` and the like need `$select`."""
    user = contoso_wire.body("/users?$top=1")["value"][0]
    assert list(user) == [
        "businessPhones",
        "displayName",
        "givenName",
        "jobTitle",
        "mail",
        "mobilePhone",
        "officeLocation",
        "preferredLanguage",
        "surname",
        "userPrincipalName",
        "id",
    ]
    group = contoso_wire.body("/groups?$top=1")["value"][0]
    assert {"id", "displayName", "groupTypes", "membershipRule", "securityEnabled", "visibility"} <= group.keys()
    assert "members" not in group


def test_selected_properties_come_in_order_with_nulls(contoso_wire: Wire) -> None:
    """Unset is null, a collection empty, all fifteen attributes are listed, an unset extension attribute is absent."""
    names = "accountEnabled,department,proxyAddresses,onPremisesExtensionAttributes,id"
    extension = "extension_b5c1e0d2f3a44c6f9d7e8a1b2c3d4e5f_costCenter"
    page = contoso_wire.body(f"/users?$select={names},{extension}")
    users = {user["id"]: user for user in page["value"]}
    bare = users[ROOM]
    assert list(bare) == names.split(",")
    assert bare["accountEnabled"] is False
    assert bare["department"] is None
    assert bare["proxyAddresses"] == []
    assert list(bare["onPremisesExtensionAttributes"].values()) == [None] * 15
    assert users[BRUNO]["onPremisesExtensionAttributes"]["extensionAttribute2"] == "Tier 0"
    assert users[ADA][extension] == "CC-100"
    assert page["@odata.context"].endswith(f"/v1.0/$metadata#users({names},{extension})")


@pytest.mark.parametrize("path", ["/users", "/groups", f"/users/{ADA}", f"/groups/{PLATFORM}/members"])
def test_an_unknown_property_is_refused(contoso_wire: Wire, path: str) -> None:
    """A misspelt property is an error in lists and reads alike."""
    status, code, message = contoso_wire.error(f"{path}?$select=id,accountEnabld")
    assert (status, code) == (400, "BadRequest")
    assert "Could not find a property named 'accountEnabld'" in message


def test_properties_outside_the_directory_or_guarded_are_refused(contoso_wire: Wire) -> None:
    """501 for what another store keeps, 403 for what needs a permission of its own."""
    assert contoso_wire.error("/users?$select=skills")[:2] == (501, "NotImplemented")
    for name in ("employeeLeaveDateTime", "customSecurityAttributes", "signInActivity"):
        assert contoso_wire.error(f"/users?$select={name}")[:2] == (403, "Authorization_RequestDenied")


def test_the_manager_is_expanded(contoso_wire: Wire) -> None:
    """With its own `$select` or with defaults; who has none has no such property; other relations are refused."""
    users = {user["id"]: user for user in contoso_wire.whole("/users?$select=id&$expand=manager($select=id)&$top=7")}
    assert users[BRUNO]["manager"] == {"@odata.type": "#microsoft.graph.user", "id": ADA}
    assert "manager" not in users[ADA]
    whole = contoso_wire.body(f"/users/{BRUNO}?$expand=manager")["manager"]
    assert whole["displayName"] == "Ada Çelik"
    assert contoso_wire.error("/users?$expand=boss")[0] == 400
    assert contoso_wire.error("/groups?$expand=members")[:2] == (501, "NotImplemented")
    assert contoso_wire.error("/users?$expand=manager($select=nothing)")[0] == 400


def test_counts_need_the_header(contoso_wire: Wire) -> None:
    """`/$count` is refused without ConsistencyLevel, `$count=true` is ignored; with it the first page has the count."""
    assert contoso_wire.error("/users/$count") == (400, "Request_BadRequest", "$count is not currently supported.")
    counted = contoso_wire.get("/users/$count", EVENTUAL)
    assert (counted.text, counted.headers["Content-Type"]) == ("40", "text/plain")
    assert contoso_wire.get("/groups/$count", EVENTUAL).text == "22"
    assert "@odata.count" not in contoso_wire.body("/users?$count=true")
    first, *others = contoso_wire.pages("/users?$count=true&$top=9", EVENTUAL)
    assert first["@odata.count"] == 40
    assert others
    assert not any("@odata.count" in page for page in others)


@pytest.mark.parametrize(
    ("path", "units"),
    [
        ("/users", "2"),
        ("/users?$select=id", "1"),
        ("/users?$expand=manager", "3"),
        ("/users?$top=5", "1"),
        ("/groups", "1"),
        (f"/groups/{PLATFORM}/members", "3"),
        (f"/groups/{PLATFORM}/members?$select=id&$top=5", "1"),
        (f"/users/{ADA}", "1"),
        ("/organization", "1"),
    ],
)
def test_reads_cost_resource_units(contoso_wire: Wire, path: str, units: str) -> None:
    """As the throttling table says."""
    assert contoso_wire.get(path).headers["x-ms-resource-unit"] == units


def test_headers_are_graphs(contoso_wire: Wire) -> None:
    """Ids, OData version and content type; `client-request-id` comes back."""
    response = contoso_wire.get("/users?$top=1", {"client-request-id": "my-own-id"})
    assert response.headers["client-request-id"] == "my-own-id"
    assert response.headers["request-id"]
    assert response.headers["OData-Version"] == "4.0"
    assert response.headers["Content-Type"] == (
        "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
    )
