"""Known troubles as data: each bends the answer as its name says, repeatably, and only where it is told to."""

import email.utils
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
import requests

from emulator.wire import Wire
from entraid_emulator import STORM, TROUBLES, Fault, Rewrite, storm, trouble

USERS = "/users?$top=5&$select=id,displayName,accountEnabled"


LINKS = {"link-elsewhere", "link-unencrypted", "repeated-link", "no-links"}


def asked(wire: Wire, name: str, *, times: int | None = 1) -> requests.Response:
    """What a request gets that a trouble hits."""
    headers = {"Authorization": f"Bearer {wire.token()}"}
    wire.emulator.faults.add(trouble(name, path="^/v1.0/users", times=times))
    return wire.session.get(wire.emulator.graph_url + USERS, headers=headers, timeout=20, allow_redirects=False)


@pytest.mark.parametrize("name", sorted(TROUBLES.keys() - LINKS - {"slow-drip"}))
def test_every_trouble_spoils_an_answer_and_passes(own_wire: Wire, name: str) -> None:
    """No trouble leaves a good answer, and none lasts."""
    good = own_wire.body(USERS)["value"]
    try:
        answer = asked(own_wire, name)
        is_spoiled = answer.status_code != 200 or answer.json().get("value") != good
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError, requests.JSONDecodeError):
        is_spoiled = True
    assert is_spoiled
    assert own_wire.body(USERS)["value"] == good


def test_a_slow_answer_is_whole_in_the_end(own_wire: Wire) -> None:
    """It comes in drops, and everything of it."""
    token = own_wire.token()
    good = own_wire.body(USERS, token=token)["value"]
    own_wire.emulator.faults.add(replace(TROUBLES["slow-drip"], drip=timedelta(milliseconds=40), piece=64))
    began = time.monotonic()
    assert own_wire.body(USERS, token=token)["value"] == good
    assert time.monotonic() - began > 0.3


def test_links_lead_astray(own_wire: Wire) -> None:
    """To another host, without TLS, to the page itself, or nowhere."""
    origin = own_wire.emulator.url
    links = {
        name: asked(own_wire, name).json().get("@odata.nextLink") for name in ("link-elsewhere", "link-unencrypted")
    }
    assert urlsplit(links["link-elsewhere"]).netloc == "graph.attacker.example"
    assert urlsplit(links["link-unencrypted"]).scheme == "http"
    assert "@odata.nextLink" not in asked(own_wire, "no-links").json()
    repeated = asked(own_wire, "repeated-link", times=None).json()["@odata.nextLink"]
    assert repeated.startswith(f"{origin}/v1.0/users?")
    assert own_wire.body(repeated)["@odata.nextLink"] == repeated


def test_documents_lose_and_gain(own_wire: Wire) -> None:
    """No `value`, a null one, records that are none, values of the wrong type, a type that nobody knows."""
    assert "value" not in asked(own_wire, "no-value").json()
    assert asked(own_wire, "null-value").json()["value"] is None
    assert len(asked(own_wire, "odd-record").json()["value"]) == 5 + 3
    assert asked(own_wire, "odd-values").json()["value"][0]["displayName"] == {"odd": True}
    assert asked(own_wire, "unknown-type").json()["value"][0]["@odata.type"] == "#microsoft.graph.somethingNew"


def test_retry_after_dates_are_ahead(own_wire: Wire) -> None:
    """Counted from the moment of the answer, however long ago the fault was scripted."""
    given = asked(own_wire, "throttled-date").headers["Retry-After"]
    ahead = email.utils.parsedate_to_datetime(given) - datetime.now(UTC)
    assert timedelta(seconds=-1) < ahead <= timedelta(seconds=2)


def test_a_claims_challenge_carries_claims(own_wire: Wire) -> None:
    """As continuous access evaluation sends it."""
    challenge = asked(own_wire, "claims-challenge").headers["WWW-Authenticate"]
    assert 'error="insufficient_claims"' in challenge
    assert 'claims="' in challenge


def test_a_storm_hits_its_share_and_is_repeatable(own_wire: Wire) -> None:
    """The same seed the same way, in every kind of trouble that it is made of."""
    token = own_wire.token()

    def outcomes(seed: int) -> list[object]:
        own_wire.emulator.faults.clear()
        own_wire.emulator.faults.add(storm(chance=0.4, seed=seed, of=[one for one in STORM if one != "slow-drip"]))
        found: list[object] = []
        for _ in range(60):
            try:
                answer = own_wire.get("/organization", token=token)
                found.append(
                    (answer.status_code, len(answer.content)) if answer.status_code == 200 else answer.status_code
                )
            except requests.ConnectionError:
                found.append("reset")
        return found

    first = outcomes(1)
    assert outcomes(1) == first
    assert outcomes(2) != first
    bad = [one for one in first if one != max(set(first), key=first.count)]
    assert 10 <= len(bad) <= 38
    assert len(set(first)) == 6


def test_chance_after_and_times_go_together(own_wire: Wire) -> None:
    """Two are let through, then three of all are hit, not three tried."""
    own_wire.emulator.faults.add(Fault(path="/organization", after=2, times=3, chance=0.5, status=503))
    token = own_wire.token()
    found = [own_wire.get("/organization", token=token).status_code for _ in range(25)]
    assert found[:2] == [200, 200]
    assert found.count(503) == 3


def test_rewrites_leave_the_rest(own_wire: Wire) -> None:
    """What is not JSON stays as it is, other members too."""
    own_wire.emulator.faults.add(Fault(times=None, rewrite=Rewrite(put={"@odata.count": 7})))
    body = own_wire.body("/users?$top=1")
    assert (body["@odata.count"], len(body["value"])) == (7, 1)
    assert own_wire.get("/users/$count", {"ConsistencyLevel": "eventual"}).text == "40"


def test_unknown_troubles_are_named(own_wire: Wire) -> None:
    """With what there is."""
    with pytest.raises(ValueError, match="no trouble `plague`; there are `throttled`"):
        trouble("plague")
    with pytest.raises(ValueError, match="between 0 and 1"):
        storm(chance=20)
    assert len(own_wire.emulator.faults) == 0
