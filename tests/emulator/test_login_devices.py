"""The device code flow: a real MSAL device, a person elsewhere, and everything that can go wrong between them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msal
import pytest

from emulator.browser import Shown
from emulator.connecting import ADA, MARCO, Connecting, emulator
from emulator.wire import TIMEOUT, Wire
from entraid_emulator import CONTOSO_TENANT_ID, AppRegistration, Behaviour, ClientId, Emulator

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.fixture
def device(start: Callable[[Emulator], Wire]) -> Connecting:
    """An app on devices: public, without a secret, asked for every second."""
    app = AppRegistration(
        client_id=ClientId("0b8e3c1d-52a7-4f96-8d40-7e15c9b2a3f6"), is_multi_tenant=True, allows_public_clients=True
    )
    return Connecting(start(emulator(app, behaviour=Behaviour(device_poll_interval=timedelta(seconds=1)))))


def public_client(device: Connecting, tenant: str) -> Any:  # noqa: ANN401 - MSAL has no types
    """MSAL on the device."""
    return msal.PublicClientApplication(
        device.app.client_id,
        authority=f"{device.wire.emulator.authority_url}/{tenant}",
        instance_discovery=False,
        http_client=device.wire.session,
    )


def ask(device: Connecting, tenant: str = "organizations", scope: str = "openid profile User.Read") -> dict[str, Any]:
    """What the device code endpoint answers."""
    url = f"{device.wire.emulator.authority_url}/{tenant}/oauth2/v2.0/devicecode"
    form = {"client_id": device.app.client_id, "scope": scope}
    answer: dict[str, Any] = device.wire.session.post(url, data=form, timeout=TIMEOUT).json()
    return answer


def poll(device: Connecting, device_code: str, tenant: str = "organizations", **changes: str) -> dict[str, Any]:
    """What the device is told."""
    url = f"{device.wire.emulator.authority_url}/{tenant}/oauth2/v2.0/token"
    form = {"grant_type": DEVICE_GRANT, "client_id": device.app.client_id, "device_code": device_code, **changes}
    answer: dict[str, Any] = device.wire.session.post(url, data=form, timeout=TIMEOUT).json()
    return answer


def decide(device: Connecting, flow: dict[str, Any], who: str, decision: str = "accept") -> Shown:
    """The person types the code and decides."""
    typed = device.browser.open(flow["verification_uri"], code=f" {flow['user_code'].lower()} ")
    return device.browser.decide(typed, who, decision=decision)


@pytest.mark.parametrize("tenant", ["organizations", CONTOSO_TENANT_ID])
def test_msal_on_a_device_signs_in(device: Connecting, tenant: str) -> None:
    """The person accepts elsewhere, MSAL's next question brings his tokens."""
    client = public_client(device, tenant)
    flow = client.initiate_device_flow(["User.Read"])
    assert flow["user_code"] in flow["message"]
    assert device.browser.open(flow["verification_uri"]).with_id("user-code")["name"] == "code"
    assert decide(device, flow, MARCO).text("told").startswith("You have signed in")
    result = client.acquire_token_by_device_flow(flow)
    assert result["id_token_claims"]["preferred_username"] == MARCO
    assert result["id_token_claims"]["tid"] == CONTOSO_TENANT_ID


def test_until_the_person_decides_the_device_waits(device: Connecting) -> None:
    """Pending, then approved, then used up; another person cannot decide again."""
    flow = ask(device)
    assert (flow["interval"], flow["expires_in"]) == (1, 900)
    assert poll(device, flow["device_code"])["error"] == "authorization_pending"
    decide(device, flow, ADA)
    assert device.browser.open(flow["verification_uri"], code=flow["user_code"]).text("error")
    assert "id_token" in poll(device, flow["device_code"])
    assert poll(device, flow["device_code"])["error_codes"] == [54005]


def test_a_person_may_cancel(device: Connecting) -> None:
    """The device learns of it, and nothing is consented."""
    flow = ask(device)
    decide(device, flow, "", decision="cancel")
    assert poll(device, flow["device_code"])["error"] == "authorization_declined"
    assert not device.app.grants


def test_a_code_that_nobody_typed_in_time_expires(device: Connecting) -> None:
    """After 15 minutes neither the device nor the person gets on."""
    flow = ask(device)
    device.wire.emulator.clock.advance(timedelta(minutes=15))
    assert poll(device, flow["device_code"])["error"] == "expired_token"
    assert device.browser.open(flow["verification_uri"], code=flow["user_code"]).text("error")


def test_strangers_get_nothing(device: Connecting) -> None:
    """A guessed code, another app's code, a public client with a secret, an app that may not be public."""
    flow = ask(device)
    assert poll(device, "guess")["error"] == "bad_verification_code"
    assert poll(device, flow["device_code"], client_secret="made-up")["error_codes"] == [700025]
    assert device.browser.open(flow["verification_uri"], code="<b>x</b>").text("error").startswith("That code")
    decide(device, flow, ADA)
    device.app.allows_public_clients = False
    assert poll(device, flow["device_code"])["error_codes"] == [7000218]


def test_a_device_of_one_tenant_is_not_for_people_of_another(device: Connecting) -> None:
    """Asked at another tenant, Ada cannot answer, and the device goes on waiting."""
    other = device.wire.emulator.tenants[1].tenant_id
    flow = ask(device, other)
    assert decide(device, flow, ADA).text("code") == "50020"
    assert poll(device, flow["device_code"], other)["error"] == "authorization_pending"


def test_what_needs_an_administrator_needs_one_here_too(device: Connecting) -> None:
    """AADSTS90094 on the page."""
    flow = ask(device, scope="openid Directory.Read.All")
    assert decide(device, flow, MARCO).text("code") == "90094"
    assert "scope" in ask(device, scope="")["error_description"]
