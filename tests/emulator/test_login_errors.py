"""Entra's refusals, byte by byte where clients look: code, OAuth word, status, body shape."""

import base64
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import jwt
import pytest
import requests

from emulator.wire import TIMEOUT, Wire
from entraid_emulator import CONTOSO_TENANT_ID, ClientSecret, Emulator, Secret, contoso

NOBODY = "00000000-1111-4222-8333-444444444444"


@pytest.mark.parametrize(
    ("tenant", "changes", "status", "error", "code"),
    [
        (NOBODY, {}, 400, "invalid_request", 90002),
        ("nobody.example", {}, 400, "invalid_request", 90002),
        ("no-domain", {}, 400, "invalid_request", 900023),
        ("common", {}, 400, "invalid_request", 50059),
        ("organizations", {}, 400, "invalid_request", 50059),
        (CONTOSO_TENANT_ID, {"client_id": NOBODY}, 400, "unauthorized_client", 700016),
        (CONTOSO_TENANT_ID, {"client_id": None}, 400, "invalid_request", 900144),
        (CONTOSO_TENANT_ID, {"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        (CONTOSO_TENANT_ID, {"client_secret": None}, 401, "invalid_client", 7000218),
        (CONTOSO_TENANT_ID, {"client_secret": "ünlü"}, 401, "invalid_client", 7000215),
        (CONTOSO_TENANT_ID, {"client_secret": None, "client_assertion": "x.y.z"}, 401, "invalid_client", 700027),
        (CONTOSO_TENANT_ID, {"scope": None}, 400, "invalid_request", 900144),
        (CONTOSO_TENANT_ID, {"scope": "User.Read.All"}, 400, "invalid_scope", 70011),
        (CONTOSO_TENANT_ID, {"scope": "https://graph.microsoft.com/.default openid"}, 400, "invalid_scope", 70011),
        (CONTOSO_TENANT_ID, {"scope": "https://vault.example/.default"}, 400, "invalid_resource", 500011),
        (CONTOSO_TENANT_ID, {"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        (CONTOSO_TENANT_ID, {"grant_type": "authorization_code"}, 400, "invalid_request", 900144),
        (CONTOSO_TENANT_ID, {"grant_type": None}, 400, "invalid_request", 900144),
    ],
)
def test_a_bad_token_request_gets_entras_code(
    contoso_wire: Wire, tenant: str, changes: dict[str, str | None], status: int, error: str, code: int
) -> None:
    """Each mistake is answered with its own AADSTS code, OAuth word and HTTP status, in Entra's one body shape."""
    response = contoso_wire.token_answer(tenant, **changes)
    body = response.json()
    assert (response.status_code, body["error"], body["error_codes"]) == (status, error, [code])
    assert body.keys() == {
        "error",
        "error_description",
        "error_codes",
        "timestamp",
        "trace_id",
        "correlation_id",
        "error_uri",
    }
    assert re.fullmatch(
        rf"AADSTS{code}: .+ Trace ID: {body['trace_id']} Correlation ID: {body['correlation_id']}"
        rf" Timestamp: {body['timestamp']}",
        body["error_description"],
    )
    assert body["error_uri"].endswith(f"/error?code={code}")
    assert response.headers["x-ms-request-id"] == body["trace_id"]
    assert response.headers["Cache-Control"] == "no-store, no-cache"


def test_an_expired_secret_is_told_from_a_wrong_one(own_wire: Wire) -> None:
    """A secret that was right until yesterday is AADSTS7000222; a live one beside it still opens."""
    app = own_wire.emulator.app
    live = app.client_secret.reveal()
    app.secrets.append(ClientSecret(Secret("old"), expires_at=datetime.now(UTC) - timedelta(days=1)))
    assert own_wire.token_answer(client_secret="old").json()["error_codes"] == [7000222]
    assert own_wire.token_answer(client_secret=live).status_code == requests.codes.ok


def test_a_disabled_app_gets_no_token(own_wire: Wire) -> None:
    """Switching an app off is AADSTS7000112, also with the right secret."""
    own_wire.emulator.app.is_disabled = True
    assert own_wire.token_answer().json()["error_codes"] == [7000112]


def test_an_app_without_consent_gets_a_token_without_roles(own_wire: Wire) -> None:
    """A tenant that granted nothing still issues a token: its `roles` is absent, and Graph answers 403."""
    own_wire.emulator.app.grants[CONTOSO_TENANT_ID] = frozenset()
    claims = jwt.decode(own_wire.token(), options={"verify_signature": False})
    assert "roles" not in claims
    assert own_wire.error("/users")[:2] == (403, "Authorization_RequestDenied")


def test_an_app_of_another_tenant_is_unknown_here(start: Callable[[Emulator], Wire]) -> None:
    """Consent is per tenant: without it the app is not in the directory."""
    wire = start(Emulator([contoso()]))
    del wire.emulator.app.grants[CONTOSO_TENANT_ID]
    answer = wire.token_answer().json()
    assert answer["error_codes"] == [700016]
    assert "directory 'Contoso'" in answer["error_description"]


def test_credentials_may_come_by_http_basic(contoso_wire: Wire) -> None:
    """RFC 6749's Basic header, form-encoded inside, does what the body does; garbage in it is no credential."""
    app = contoso_wire.emulator.app
    pair = f"{quote(app.client_id, safe='')}:{quote(app.client_secret.reveal(), safe='')}"
    for credentials, status in ((pair, 200), (pair + "x", 401)):
        response = contoso_wire.session.post(
            f"{contoso_wire.emulator.authority_url}/{CONTOSO_TENANT_ID}/oauth2/v2.0/token",
            data={"grant_type": "client_credentials", "scope": "https://graph.microsoft.com/.default"},
            headers={"Authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}"},
            timeout=TIMEOUT,
        )
        assert response.status_code == status


def test_the_token_endpoint_takes_post_only(contoso_wire: Wire) -> None:
    """A GET is AADSTS900561."""
    url = f"{contoso_wire.emulator.authority_url}/{CONTOSO_TENANT_ID}/oauth2/v2.0/token"
    response = contoso_wire.session.get(url, timeout=TIMEOUT)
    assert (response.status_code, response.json()["error_codes"]) == (400, [900561])


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"\xff=\xfe"),
        ("application/x-www-form-urlencoded; charset=nonsense", b"a=b"),
        ("application/x-www-form-urlencoded", b""),
        ("multipart/form-data; boundary=x", b"junk"),
        ("multipart/form-data", b"junk"),
        ("application/json", b"{}"),
    ],
)
def test_an_unreadable_form_is_a_bad_request(contoso_wire: Wire, content_type: str, body: bytes) -> None:
    """Whatever is posted, the answer is Entra's refusal and no crash."""
    response = contoso_wire.session.post(
        f"{contoso_wire.emulator.authority_url}/{CONTOSO_TENANT_ID}/oauth2/v2.0/token",
        data=body,
        headers={"Content-Type": content_type},
        timeout=TIMEOUT,
    )
    assert (response.status_code, response.json()["error_codes"]) == (400, [900144])


def test_the_correlation_id_is_the_callers(contoso_wire: Wire) -> None:
    """`client-request-id` comes back as the correlation id, and as a header when that is asked for."""
    response = contoso_wire.session.post(
        f"{contoso_wire.emulator.authority_url}/{NOBODY}/oauth2/v2.0/token",
        data={"grant_type": "client_credentials"},
        headers={"client-request-id": NOBODY, "return-client-request-id": "true"},
        timeout=TIMEOUT,
    )
    assert response.json()["correlation_id"] == NOBODY
    assert response.headers["client-request-id"] == NOBODY


def test_no_secret_is_in_the_journal_or_in_a_repr(own_wire: Wire) -> None:
    """Neither the client secret nor a token is kept where a test's output would show it."""
    token = own_wire.token()
    own_wire.get("/users", token=token)
    own_wire.session.get(f"{own_wire.emulator.url}/x?client_secret=hush&code=hush&a=1", timeout=TIMEOUT)
    shown = f"{list(own_wire.emulator.requests)} {own_wire.emulator.app!r}"
    assert "client_secret=***&code=***&a=1" in shown
    for secret in (token, own_wire.emulator.app.client_secret.reveal(), "hush"):
        assert secret not in shown
