"""What a delta request may ask for and how long its links are good: filters, options, tenants, ages, permissions."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from emulator.replica import by_id, directory, records
from emulator.wire import Wire
from entraid_emulator import Behaviour, Emulator, ObjectId, contoso, generated

ADA = ObjectId("aaaaaaaa-0000-4000-8000-000000000001")
DATABASE = ObjectId("bbbbbbbb-0000-4000-8000-000000000005")
GALATA = ObjectId("bbbbbbbb-0000-4000-8000-000000000014")
EMPTY = ObjectId("bbbbbbbb-0000-4000-8000-000000000017")

Start = Callable[[Emulator], Wire]


def test_filters_name_ids_and_fifty_at_most(own_wire: Wire) -> None:
    """The filter is in the token: a later round is about the same objects only."""
    found, link = records(own_wire, f"/groups/delta?$select=displayName&$filter=id eq '{DATABASE}' or id eq '{EMPTY}'")
    assert by_id(found).keys() == {DATABASE, EMPTY}
    directory(own_wire).update_group(EMPTY, {"displayName": "E"})
    directory(own_wire).update_group(GALATA, {"displayName": "G"})
    assert [group["id"] for group in records(own_wire, link)[0]] == [EMPTY]
    fifty = " or ".join(f"id eq 'bbbbbbbb-0000-4000-8000-{number:012}'" for number in range(50))
    assert len(records(own_wire, f"/groups/delta?$filter={fifty}")[0]) == 22
    assert own_wire.error(f"/groups/delta?$filter={fifty} or id eq 'x'")[:2] == (400, "Request_UnsupportedQuery")
    assert own_wire.error("/groups/delta?$filter=displayName eq 'x'")[:2] == (400, "Request_UnsupportedQuery")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("$orderby=displayName", 400),
        ("$expand=manager", 400),
        ("$search=x", 400),
        ("$select=nothing", 400),
        ("$select=memberOf", 400),
        ("$select=aboutMe", 501),
        ("$select=employeeLeaveDateTime", 403),
        ("$deltatoken=garbage", 400),
        ("$skiptoken=garbage", 400),
        ("$top=1", 200),
    ],
)
def test_options_that_delta_does_not_take(contoso_wire: Wire, query: str, status: int) -> None:
    """Refused, or ignored as `$top` is."""
    answer = contoso_wire.get(f"/users/delta?{query}")
    assert answer.status_code == status
    assert status != 200 or len(answer.json()["value"]) == 40


def test_options_beside_a_token_are_refused(contoso_wire: Wire) -> None:
    """They are in the token already."""
    link = contoso_wire.body("/users/delta?$select=displayName")["@odata.deltaLink"]
    assert contoso_wire.error(f"{link}&$select=displayName")[0] == 400
    assert contoso_wire.error(link.replace("/users/", "/groups/"))[0] == 400
    assert contoso_wire.error(link[:-2] + "AA")[0] == 400


def test_a_token_of_one_tenant_says_nothing_to_another(start: Start) -> None:
    """Equal ids or not, it is not even read."""
    tenants = [contoso(), generated(users=5, groups=1)]
    wire = start(Emulator(tenants))
    link = wire.body("/users/delta")["@odata.deltaLink"]
    assert wire.get(link, token=wire.token(tenants[1].tenant_id)).status_code == 400


@pytest.mark.parametrize(
    ("shape", "status", "code"),
    [
        ("gone", 410, "resyncRequired"),
        ("sync_state_not_found", 400, "syncStateNotFound"),
        ("unsupported_query", 400, "Request_UnsupportedQuery"),
    ],
)
def test_tokens_age(start: Start, shape: str, status: int, code: str) -> None:
    """After seven days and no sooner, in the shape chosen; a 410 says where to begin again."""
    wire = start(Emulator([contoso()], behaviour=Behaviour(expired_delta=shape)))  # type: ignore[arg-type]
    link = wire.body("/users/delta?$select=id")["@odata.deltaLink"]
    wire.emulator.clock.advance(timedelta(days=6, hours=23))
    directory(wire).update_user(ADA, {"displayName": "x"})
    assert wire.get(link).status_code == 200
    wire.emulator.clock.advance(timedelta(hours=2))
    answer = wire.get(link)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    if status == 410:
        assert answer.headers["Location"] == f"{wire.emulator.graph_url}/users/delta?$deltatoken="
        assert len(wire.body(answer.headers["Location"])["value"]) == 40


def test_the_log_forgets_what_no_token_needs(own_wire: Wire) -> None:
    """Nothing is kept before the first round, and old entries go with the age of tokens."""
    log = directory(own_wire).changes
    directory(own_wire).update_user(ADA, {"displayName": "a"})
    assert log.floor == log.version
    _, link = records(own_wire, "/users/delta?$select=displayName")
    directory(own_wire).update_user(ADA, {"displayName": "b"})
    own_wire.emulator.clock.advance(timedelta(days=4))
    found, link = records(own_wire, link)
    assert [user["displayName"] for user in found] == ["b"]
    own_wire.emulator.clock.advance(timedelta(days=5))
    directory(own_wire).update_user(ADA, {"displayName": "c"})
    found, link = records(own_wire, link)
    assert [user["displayName"] for user in found] == ["c"]
    assert log.floor < log.version
    own_wire.emulator.clock.advance(timedelta(days=30))
    records(own_wire, "/users/delta?$select=displayName")
    assert log.floor == log.version


def test_permissions_are_those_of_delta(own_wire: Wire) -> None:
    """User.ReadBasic.All lists users and does not track them."""
    tenant = own_wire.emulator.tenants[0].tenant_id
    own_wire.emulator.app.grants[tenant] = frozenset({"User.ReadBasic.All"})
    assert own_wire.get("/users?$select=id").status_code == 200
    assert own_wire.error("/users/delta")[:2] == (403, "Authorization_RequestDenied")
    assert own_wire.error("/groups/delta")[:2] == (403, "Authorization_RequestDenied")
