"""Managed identity: real MSAL pointed at the endpoints by its environment, and callers who have no business there."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import jwt
import msal
import pytest
import requests

from emulator.wire import TIMEOUT, Wire
from entraid_emulator import (
    CONTOSO_TENANT_ID,
    DEFAULT_ROLES,
    Emulator,
    Fault,
    Forgery,
    ManagedIdentity,
    contoso,
    in_background,
)

RESOURCE = "https://graph.microsoft.com"


@pytest.fixture
def wire() -> Iterator[Wire]:
    """An emulator with managed identity endpoints."""
    with in_background(Emulator([contoso()], managed_identity_port=0)) as emulator, requests.Session() as session:
        session.trust_env = False
        session.verify = str(emulator.ca_file)
        yield Wire(emulator, session)


def environment(identity: ManagedIdentity, form: str) -> dict[str, str]:
    """What MSAL reads."""
    return identity.app_service_environment() if form == "app service" else identity.metadata_environment()


def acquire(wire: Wire, identity: Any | None = None) -> dict[str, Any]:  # noqa: ANN401 - MSAL has no types
    """What MSAL gets in this environment."""
    client = msal.ManagedIdentityClient(identity or msal.SystemAssignedManagedIdentity(), http_client=wire.session)
    answer: dict[str, Any] = client.acquire_token_for_client(resource=RESOURCE)
    return answer


@pytest.mark.parametrize("form", ["app service", "metadata"])
@pytest.mark.parametrize("kind", ["system", "user"])
def test_msal_gets_a_token_of_the_host(wire: Wire, monkeypatch: pytest.MonkeyPatch, form: str, kind: str) -> None:
    """Both forms, as the host's one identity and by its client id; the token reads the directory."""
    identity = wire.emulator.managed_identity
    for name, value in environment(identity, form).items():
        monkeypatch.setenv(name, value)
    named = msal.UserAssignedManagedIdentity(client_id=identity.app.client_id) if kind == "user" else None
    answer = acquire(wire, named)
    assert "error" not in answer, answer
    assert 86_000 < answer["expires_in"] <= 86_400
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert claims["tid"] == CONTOSO_TENANT_ID
    assert claims["roles"] == sorted(DEFAULT_ROLES)
    wire.body("/users?$top=1", token=answer["access_token"])


@pytest.mark.parametrize("form", ["app service", "metadata"])
def test_an_identity_that_is_not_the_hosts_is_not_found(wire: Wire, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """Another client id, and the host's own once its principal is gone."""
    identity = wire.emulator.managed_identity
    for name, value in environment(identity, form).items():
        monkeypatch.setenv(name, value)
    other = msal.UserAssignedManagedIdentity(client_id="00000000-1111-4222-8333-444444444444")
    assert "Identity not found" in acquire(wire, other)["error_description"]
    identity.app.remove_from(CONTOSO_TENANT_ID)
    assert "Identity not found" in acquire(wire)["error_description"]


@pytest.mark.parametrize("form", ["app service", "metadata"])
def test_msal_proves_another_app_by_the_identity(wire: Wire, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """An app that trusts the identity has no secret: the identity's token for the exchange is its assertion."""
    identity, app = wire.emulator.managed_identity, wire.emulator.app
    app.federated_credentials.append(identity.federated_credential)
    for name, value in environment(identity, form).items():
        monkeypatch.setenv(name, value)
    host = msal.ManagedIdentityClient(msal.SystemAssignedManagedIdentity(), http_client=wire.session)

    def assertion() -> str:
        token: str = host.acquire_token_for_client(resource="api://AzureADTokenExchange")["access_token"]
        return token

    client = msal.ConfidentialClientApplication(
        app.client_id,
        client_credential={"client_assertion": assertion},
        authority=f"{wire.emulator.authority_url}/{CONTOSO_TENANT_ID}",
        http_client=wire.session,
        instance_discovery=False,
        azure_region=False,
    )
    answer = client.acquire_token_for_client([f"{RESOURCE}/.default"])
    assert "error" not in answer, answer
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert (claims["appid"], claims["appidacr"]) == (app.client_id, "2")
    wire.body("/users?$top=1", token=answer["access_token"])


@pytest.mark.parametrize(
    ("forgery", "code"),
    [
        (Forgery(of="assertion", signer="stranger"), 50013),
        (Forgery(of="assertion", signer="unknown"), 50013),
        (Forgery(of="assertion", signer="nobody"), 50013),
        (Forgery(of="assertion", values={"aud": RESOURCE}), 700212),
        (Forgery(of="assertion", values={"aud": ["api://AzureADTokenExchange", RESOURCE]}), 700212),
        (Forgery(of="assertion", values={"sub": "somebody-else"}), 700213),
        (Forgery(of="assertion", values={"iss": "https://login.example/other/v2.0"}), 700211),
        (Forgery(of="assertion", values={"exp": 1_000_000_000}), 700024),
        (Forgery(of="assertion", values={"nbf": 4_000_000_000}), 700024),
        (Forgery(of="assertion", values={"idtyp": "user"}), 700229),
    ],
)
def test_an_assertion_that_is_not_the_identitys_is_refused(wire: Wire, forgery: Forgery, code: int) -> None:
    """Signature, audience, subject, issuer, time and kind: each has its code."""
    identity, app = wire.emulator.managed_identity, wire.emulator.app
    app.federated_credentials.append(identity.federated_credential)
    wire.emulator.login.forge(forgery)
    url = f"{identity.url}/metadata/identity/oauth2/token?api-version=2018-02-01&resource=api://AzureADTokenExchange"
    assertion = wire.session.get(url, headers={"Metadata": "true"}, timeout=TIMEOUT).json()["access_token"]
    form = {
        "grant_type": "client_credentials",
        "client_id": app.client_id,
        "scope": f"{RESOURCE}/.default",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
    }
    endpoint = f"{wire.emulator.authority_url}/{CONTOSO_TENANT_ID}/oauth2/v2.0/token"
    answer = wire.session.post(endpoint, data=form, timeout=TIMEOUT)
    assert answer.status_code in {400, 401}
    assert answer.json()["error_codes"] == [code]


def test_the_header_guards_the_endpoints(wire: Wire) -> None:
    """Without the right header there is no token: what a request forged through the host would lack."""
    identity = wire.emulator.managed_identity
    service = f"{identity.url}/msi/token?api-version=2019-08-01&resource={RESOURCE}"
    metadata = f"{identity.url}/metadata/identity/oauth2/token?api-version=2018-02-01&resource={RESOURCE}"
    good = {"X-IDENTITY-HEADER": identity.header.reveal()}
    refused: list[tuple[str, dict[str, str]]] = [
        (service, {}),
        (service, {"X-IDENTITY-HEADER": "guess"}),
        (service.replace("2019-08-01", "2017-01-01"), good),
        (service.replace(RESOURCE, ""), good),
        (metadata, {}),
        (metadata, {"Metadata": "false"}),
        (metadata, {"Metadata": "true", "X-Forwarded-For": "192.0.2.1"}),
        (metadata.replace(RESOURCE, "https://vault.example"), {"Metadata": "true"}),
    ]
    for url, headers in refused:
        answer = wire.session.get(url, headers=headers, timeout=TIMEOUT)
        assert answer.status_code in {400, 401}, url
        assert "access_token" not in answer.text
    assert wire.session.get(service, headers=good, timeout=TIMEOUT).json()["token_type"] == "Bearer"
    assert identity.header.reveal() not in f"{identity!r} {list(wire.emulator.requests)}"


def test_faults_and_time_hold_here_too(wire: Wire) -> None:
    """A scripted fault hits the endpoint, and its tokens age like others."""
    identity = wire.emulator.managed_identity
    url = f"{identity.url}/metadata/identity/oauth2/token?api-version=2018-02-01&resource={RESOURCE}"
    wire.emulator.faults.add(Fault(path="/metadata/identity", status=503))
    assert wire.session.get(url, headers={"Metadata": "true"}, timeout=TIMEOUT).status_code == 503
    token = wire.session.get(url, headers={"Metadata": "true"}, timeout=TIMEOUT).json()["access_token"]
    wire.emulator.clock.advance(timedelta(hours=25))
    assert wire.get("/users", token=token).status_code == 401


def test_without_a_port_there_is_none(contoso_wire: Wire) -> None:
    """Nobody gets it by accident."""
    with pytest.raises(RuntimeError, match="managed_identity_port"):
        _ = contoso_wire.emulator.managed_identity
    assert contoso_wire.session.get(f"{contoso_wire.emulator.url}/msi/token", timeout=TIMEOUT).status_code == 404
