"""`$batch` and throttling: parts with a status of their own, dependencies, resource units that run out."""

import email.utils
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
import requests

from emulator.wire import TIMEOUT, Document, Wire
from entraid_emulator import Behaviour, Emulator, Fault, Rewrite, ThrottleLimits, contoso

ADA = "aaaaaaaa-0000-4000-8000-000000000001"

Start = Callable[[Emulator], Wire]


def get(name: str, url: str, *depends_on: str, **more: object) -> Document:
    """A GET as a part."""
    return {"id": name, "method": "GET", "url": url, **({"dependsOn": list(depends_on)} if depends_on else {}), **more}


def batch(wire: Wire, parts: Sequence[object], *, token: str | None = None) -> requests.Response:
    """POST a batch."""
    headers = {"Authorization": f"Bearer {token or wire.token()}"}
    url = f"{wire.emulator.graph_url}/$batch"
    return wire.session.post(url, json={"requests": parts}, headers=headers, timeout=TIMEOUT)


def answers(wire: Wire, parts: Sequence[object]) -> dict[str, Document]:
    """The parts' answers, by id."""
    outer = batch(wire, parts)
    assert outer.status_code == 200, outer.text
    return {part["id"]: part for part in outer.json()["responses"]}


def test_parts_are_answered_each_for_itself(contoso_wire: Wire) -> None:
    """Good, missing, forbidden, not allowed, in any order under an outer 200; options and headers of each count."""
    found = answers(
        contoso_wire,
        [
            get("1", f"/users/{ADA}?$select=displayName"),
            get("2", "groups/00000000-1111-4222-8333-444444444444"),
            get("3", f"/users/{ADA}/memberOf"),
            get("4", "/users/$count", headers={"ConsistencyLevel": "eventual"}),
            {"id": "5", "method": "DELETE", "url": f"/users/{ADA}"},
            get("6", "/nothing"),
            get("7", "/users?$filter=displayName eq 'Fiona O''Neill'&$select=id"),
        ],
    )
    assert {name: part["status"] for name, part in found.items()} == {
        "1": 200,
        "2": 404,
        "3": 403,
        "4": 200,
        "5": 405,
        "6": 400,
        "7": 200,
    }
    assert found["1"]["body"]["displayName"] == "Ada Çelik"
    assert found["1"]["headers"]["x-ms-resource-unit"] == "1"
    assert found["2"]["body"]["error"]["code"] == "Request_ResourceNotFound"
    assert found["4"]["body"] == "40"
    assert len(found["7"]["body"]["value"]) == 1


def test_actions_go_in_a_batch_too(contoso_wire: Wire) -> None:
    """With a body and its content type."""
    part = {
        "id": "a",
        "method": "POST",
        "url": f"/users/{ADA}/checkMemberGroups",
        "headers": {"Content-Type": "application/json"},
        "body": {"groupIds": ["bbbbbbbb-0000-4000-8000-000000000001"]},
    }
    assert answers(contoso_wire, [part])["a"]["body"]["value"] == ["bbbbbbbb-0000-4000-8000-000000000001"]
    bare = {name: given for name, given in part.items() if name != "headers"}
    assert batch(contoso_wire, [bare]).status_code == 400


def test_what_depends_on_a_failure_fails(own_wire: Wire) -> None:
    """424 down the chain after a throttled part, which carries its own Retry-After; the outer answer is 200."""
    fault = Fault(path=r"^\$batch:/v1.0/groups", status=429, headers={"Retry-After": "10"})
    own_wire.emulator.faults.add(fault)
    found = answers(own_wire, [get("1", "/users"), get("2", "/groups", "1"), get("3", "/organization", "2")])
    assert [found[name]["status"] for name in "123"] == [200, 429, 424]
    assert found["2"]["headers"]["Retry-After"] == "10"
    assert found["2"]["body"]["error"]["code"] == "TooManyRequests"
    assert [one.status for one in own_wire.emulator.requests.matching(r"^\$batch:")] == [200, 429]


def test_parts_can_be_rewritten(own_wire: Wire) -> None:
    """As whole answers can."""
    own_wire.emulator.faults.add(Fault(path=r"^\$batch:", rewrite=Rewrite(without=("value",))))
    assert "value" not in answers(own_wire, [get("1", "/users")])["1"]["body"]


@pytest.mark.parametrize(
    "parts",
    [
        [],
        ["x"],
        [{"id": "1", "method": "GET"}],
        [get("1", "/users"), get("1", "/groups")],
        [get("1", "/users", "2"), get("2", "/groups")],
        [get("1", "/users"), get("2", "/groups", "1"), get("3", "/organization", "1")],
        [get("1", "https://localhost/v1.0/users")],
        [get("1", "/$batch")],
        [get(str(number), "/users") for number in range(21)],
        [{"id": "1", "method": "SHOUT", "url": "/users"}],
    ],
)
def test_bad_batches_are_refused_whole(contoso_wire: Wire, parts: Sequence[object]) -> None:
    """Nothing of them is served."""
    answer = batch(contoso_wire, parts)
    assert answer.status_code == 400
    if len(parts) > 20:
        assert answer.json()["error"]["code"] == "MaximumValueExceeded"
    assert batch(contoso_wire, [get("1", "/users")], token="no.good.token").status_code == 401


def throttled(start: Start, **limits: object) -> Wire:
    """A caller of an emulator that enforces ten units in two minutes."""
    chosen = ThrottleLimits(resource_units=10, window=timedelta(minutes=2), **limits)  # type: ignore[arg-type]
    return start(Emulator([contoso()], behaviour=Behaviour(throttle=chosen)))


def test_resource_units_run_out_and_come_back(start: Start) -> None:
    """Ten in two minutes: five lists of users; then 429 until the time is over; asking meanwhile prolongs it."""
    wire = throttled(start)
    token = wire.token()
    answers = [wire.get("/users", token=token) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert [answer.headers.get("x-ms-throttle-limit-percentage") for answer in answers[:3]] == [None, None, None]
    assert answers[4].headers["x-ms-throttle-limit-percentage"] == "1.0"
    refused = answers[5]
    wait = int(refused.headers["Retry-After"])
    assert 0 < wait <= 25
    assert refused.json()["error"]["code"] == "TooManyRequests"
    assert refused.headers["x-ms-throttle-information"] == "ResourceUnitLimitExceeded"
    assert re.fullmatch(
        rf"Tenant_Application/\w+/{wire.emulator.app.client_id}/[0-9a-f-]+", refused.headers["x-ms-throttle-scope"]
    )
    again = wire.get("/users", token=token)
    assert again.status_code == 429
    assert int(again.headers["Retry-After"]) > wait
    wire.emulator.clock.advance(timedelta(seconds=int(again.headers["Retry-After"]) + 24))
    assert wire.get("/users", token=token).status_code == 200


def test_tenants_have_buckets_of_their_own(start: Start) -> None:
    """What one tenant's reads cost, another does not pay."""
    from entraid_emulator import generated  # noqa: PLC0415 - only here

    limits = ThrottleLimits(resource_units=2, window=timedelta(minutes=2))
    other = generated(users=3, groups=0)
    wire = start(Emulator([contoso(), other], behaviour=Behaviour(throttle=limits)))
    assert [wire.get("/users").status_code for _ in range(2)] == [200, 429]
    assert wire.get("/users", token=wire.token(other.tenant_id)).status_code == 200


def test_batch_parts_are_throttled_each(start: Start) -> None:
    """The outer answer stays 200; the part says how long."""
    wire = throttled(start)
    found = answers(wire, [get(str(number), "/users") for number in range(7)])
    assert [found[str(number)]["status"] for number in range(7)] == [200] * 5 + [429] * 2
    assert int(found["6"]["headers"]["Retry-After"]) >= 1


@pytest.mark.parametrize(("header", "shape"), [("fraction", r"\d+\.\d+"), ("date", r".* GMT"), ("absent", "None")])
def test_retry_after_comes_in_several_forms(start: Start, header: str, shape: str) -> None:
    """Whichever is chosen."""
    wire = throttled(start, header=header)
    given = str([wire.get("/users").headers.get("Retry-After") for _ in range(6)][-1])
    assert re.fullmatch(shape, given)
    if header == "date":
        assert email.utils.parsedate_to_datetime(given) > datetime.now(UTC)
