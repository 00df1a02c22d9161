"""Signing in: the authorization code flow, driven through its pages by real MSAL and by attackers."""

from collections.abc import Callable

import jwt
import pytest

from emulator.connecting import (
    ADA,
    DAAN,
    MARCO,
    OLIVER,
    OTHER_ADMINISTRATOR,
    REDIRECT,
    Connecting,
    emulator,
)
from emulator.wire import TIMEOUT, Document, Wire
from entraid_emulator import CONTOSO_TENANT_ID, Emulator

VERIFIER = "v" * 64
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def product(start: Callable[[Emulator], Wire]) -> Connecting:
    """A product's app that nobody has consented to."""
    return Connecting(start(emulator()))


@pytest.fixture(scope="module")
def known_product(start_for_all: Callable[[Emulator], Wire]) -> Connecting:
    """The same, for tests that leave nothing behind but sign-ins."""
    return Connecting(start_for_all(emulator()))


def identity(product: Connecting, token: str, tenant: str = CONTOSO_TENANT_ID) -> Document:
    """The claims of an ID token, validated as a careful relying party does: by discovery, keys, issuer, audience."""
    base = f"{product.wire.emulator.authority_url}/{tenant}"
    session = product.wire.session
    document = session.get(f"{base}/v2.0/.well-known/openid-configuration", timeout=TIMEOUT).json()
    keys = jwt.PyJWKSet.from_dict(session.get(document["jwks_uri"], timeout=TIMEOUT).json())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims: Document = jwt.decode(
        token, key, algorithms=["RS256"], audience=product.app.client_id, issuer=document["issuer"]
    )
    return claims


@pytest.mark.parametrize("tenant", ["organizations", "common", CONTOSO_TENANT_ID, "contoso.example"])
@pytest.mark.parametrize("mode", ["query", "form_post"])
@pytest.mark.filterwarnings("ignore:response_mode='form_post' is recommended:UserWarning")
def test_msal_signs_a_person_in(known_product: Connecting, tenant: str, mode: str) -> None:
    """PKCE, state and nonce of real MSAL go through the page; the ID token says who it was, in which tenant."""
    client = known_product.msal(tenant)
    flow = client.initiate_auth_code_flow([], redirect_uri=REDIRECT, response_mode=mode, login_hint=ADA)
    page = known_product.browser.open(flow["auth_uri"])
    chosen = [option for option in page.all("option") if "selected" in option]
    assert [option["value"] for option in chosen] == [f"{CONTOSO_TENANT_ID}/aaaaaaaa-0000-4000-8000-000000000001"]
    assert "(openid)" in page.text("permissions")
    answer = known_product.browser.decide(page, ADA)
    if mode == "query":
        assert answer.location.startswith(f"{REDIRECT}?")
    else:
        assert answer.with_id("answer")["action"] == REDIRECT
    result = client.acquire_token_by_auth_code_flow(flow, answer.sent)
    assert "error" not in result, result
    claims = identity(known_product, result["id_token"])
    assert claims["tid"] == CONTOSO_TENANT_ID
    assert claims["preferred_username"] == ADA
    assert claims["name"] == "Ada Çelik"
    assert claims["ver"] == "2.0"
    assert claims["oid"] == "aaaaaaaa-0000-4000-8000-000000000001" != claims["sub"]
    assert client.get_accounts()[0]["home_account_id"] == f"{claims['oid']}.{CONTOSO_TENANT_ID}"


def test_msal_renews_by_refresh_token_until_consent_goes(product: Connecting) -> None:
    """A refresh token brings new tokens, is kept over its use, and ends with the app's consent."""
    client = product.msal()
    flow = client.initiate_auth_code_flow(["User.Read"], redirect_uri=REDIRECT, response_mode="form_post")
    sent = product.browser.visit(flow["auth_uri"], MARCO).sent
    first = client.acquire_token_by_auth_code_flow(flow, sent)
    again = client.acquire_token_by_refresh_token(first["refresh_token"], ["User.Read"])
    claims = jwt.decode(again["access_token"], options={"verify_signature": False})
    assert (claims["scp"], claims["upn"], claims["idtyp"]) == ("User.Read openid profile", MARCO, "user")
    assert "roles" not in claims
    assert again["refresh_token"] != first["refresh_token"]
    product.app.revoke(CONTOSO_TENANT_ID)
    refused = product.msal().acquire_token_by_refresh_token(first["refresh_token"], ["User.Read"])
    assert refused["error_codes"] == [65001]


def test_a_persons_token_opens_no_directory(known_product: Connecting) -> None:
    """It has no roles, so Graph's app-only reads are forbidden to it."""
    client = known_product.msal()
    flow = client.initiate_auth_code_flow(["User.Read"], redirect_uri=REDIRECT, response_mode="form_post")
    result = client.acquire_token_by_auth_code_flow(flow, known_product.browser.visit(flow["auth_uri"], ADA).sent)
    assert known_product.wire.get("/users", token=result["access_token"]).status_code == 403
    assert known_product.wire.get("/users", token=result["id_token"]).status_code == 401


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"redirect_uri": "https://evil.example/callback"}, 50011),
        ({"redirect_uri": f"{REDIRECT}/"}, 50011),
        ({"redirect_uri": f"{REDIRECT}?x=1"}, 50011),
        ({"redirect_uri": REDIRECT.upper()}, 50011),
        ({"redirect_uri": "http://product.example/callback"}, 50011),
        ({"redirect_uri": "javascript:alert(1)"}, 50011),
        ({"redirect_uri": "https://[broken"}, 50011),
        ({"redirect_uri": None}, 900144),
        ({"client_id": None}, 900144),
        ({"client_id": SCRIPT}, 700016),
        ({"client_id": "00000000-1111-4222-8333-444444444444"}, 700016),
    ],
)
def test_a_request_that_cannot_be_trusted_ends_on_a_page(
    known_product: Connecting, changes: dict[str, str | None], code: int
) -> None:
    """Until the redirect URI is known to be the app's, nobody is sent anywhere, whatever else is wrong."""
    for more in ({}, {"scope": "nonsense"}, {"prompt": "none"}):
        page = known_product.browser.open(known_product.authorize_url(**{**more, **changes}))
        assert page.status == 400
        assert "Location" not in page.response.headers
        assert page.text("code") == str(code)
        assert SCRIPT not in page.response.text
        assert not page.all("a")


@pytest.mark.parametrize(
    ("changes", "error", "code"),
    [
        ({"response_type": None}, "invalid_request", 900144),
        ({"response_type": "id_token"}, "unsupported_response_type", 700054),
        ({"response_type": "code id_token"}, "unsupported_response_type", 700054),
        ({"response_mode": "web_message"}, "invalid_request", 90023),
        ({"prompt": "none"}, "login_required", 50058),
        ({"prompt": "admin_consent"}, "invalid_request", 90023),
        ({"scope": None}, "invalid_request", 900144),
        ({"scope": "openid No.Such.Permission"}, "invalid_client", 650053),
        ({"scope": "https://vault.example/read"}, "invalid_scope", 70011),
        ({"code_challenge": "short", "code_challenge_method": "S256"}, "invalid_request", 501491),
        ({"code_challenge": VERIFIER, "code_challenge_method": "MD5"}, "invalid_request", 90023),
    ],
)
def test_a_bad_request_of_a_known_app_goes_back_to_it(
    known_product: Connecting, changes: dict[str, str | None], error: str, code: int
) -> None:
    """With the OAuth word, Entra's code and the state."""
    page = known_product.browser.open(known_product.authorize_url(**changes))
    assert page.status == 302
    assert page.location.startswith(f"{REDIRECT}?")
    assert (page.sent["error"], page.sent["state"]) == (error, "s-1")
    assert f"AADSTS{code}: " in page.sent["error_description"]
    assert "code" not in page.sent


def test_cancel_is_access_denied(product: Connecting) -> None:
    """AADSTS65004, and nothing is consented; the fragment is used when asked for."""
    sent = product.browser.visit(product.authorize_url(), "", decision="cancel").sent
    assert (sent["error"], sent["state"]) == ("access_denied", "s-1")
    assert sent["error_description"].startswith("AADSTS65004: ")
    fragment = product.browser.visit(product.authorize_url(response_mode="fragment"), "", decision="cancel")
    assert fragment.location.startswith(f"{REDIRECT}#error=access_denied")
    assert CONTOSO_TENANT_ID not in product.app.grants


@pytest.mark.parametrize(
    ("tenant", "who", "code"),
    [
        (CONTOSO_TENANT_ID, OLIVER, 50057),
        (CONTOSO_TENANT_ID, OTHER_ADMINISTRATOR, 50020),
        ("organizations", "nobody@nowhere.example", 50034),
        ("organizations", "", 90014),
        ("organizations", SCRIPT, 50034),
    ],
)
def test_who_cannot_sign_in_is_told_so(known_product: Connecting, tenant: str, who: str, code: int) -> None:
    """A disabled account, one of another tenant, none at all: no code is issued, and a name is never markup."""
    answer = known_product.browser.visit(known_product.authorize_url(tenant), who)
    said = answer.text("error") if code != 90014 else answer.sent["error_description"]
    assert f"AADSTS{code}: " in said
    assert "code=" not in answer.response.headers.get("Location", "")
    assert SCRIPT not in answer.response.text


def test_a_user_cannot_allow_what_only_an_administrator_may(product: Connecting) -> None:
    """AADSTS90094 with a way back that says declined; an administrator can."""
    url = product.authorize_url(scope="openid Directory.Read.All")
    page = product.browser.visit(url, MARCO)
    assert (page.status, page.text("code")) == (403, "90094")
    assert "error=access_denied" in page.with_id("return")["href"]
    assert "code" in product.browser.visit(url, DAAN).sent


def test_the_pages_say_no_more_than_they_must(known_product: Connecting) -> None:
    """No storing, no framing, no foreign content, labels for every field, no script."""
    page = known_product.browser.open(known_product.authorize_url(state=SCRIPT, login_hint=f'"{SCRIPT}'))
    headers = page.response.headers
    assert headers["Cache-Control"] == "no-store, no-cache"
    assert headers["X-Frame-Options"] == "DENY"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "Strict-Transport-Security" not in headers
    assert "<script" not in page.response.text
    labelled = {label["for"] for label in page.all("label")}
    fields = {field["id"] for field in page.all("select") + page.all("input")}
    assert fields == labelled
    assert {button["id"] for button in page.all("button")} == {"accept", "cancel"}


def test_a_posted_answer_escapes_what_came_along(known_product: Connecting) -> None:
    """The state is markup to nobody, and comes back as it was."""
    state = f'"><{SCRIPT}'
    page = known_product.browser.visit(known_product.authorize_url(response_mode="form_post", state=state), ADA)
    assert SCRIPT not in page.response.text
    assert {"name": "state", "type": "hidden", "value": state} in page.all("input")


def test_localhost_may_have_any_port(product: Connecting) -> None:
    """As Entra documents it for `http://localhost`, and for nothing else."""
    product.app.redirect_uris += ["http://localhost/back", "https://localhost/back", "http://127.0.0.1/back"]
    for uri, status in (
        ("http://localhost:8123/back", 200),
        ("http://localhost/back", 200),
        ("http://localhost:8123/other", 400),
        ("https://localhost:8123/back", 400),
        ("http://127.0.0.1:8123/back", 400),
        ("http://localhost:8123@evil.example/back", 400),
    ):
        assert product.browser.open(product.authorize_url(redirect_uri=uri)).status == status, uri


def test_a_single_tenant_app_stays_at_home(product: Connecting) -> None:
    """At `organizations` it is AADSTS50194, in another tenant it is unknown."""
    product.app.is_multi_tenant = False
    product.app.home_tenant = CONTOSO_TENANT_ID
    other = product.wire.emulator.tenants[1].tenant_id
    assert product.browser.open(product.authorize_url("organizations")).text("code") == "50194"
    assert product.browser.open(product.authorize_url(other)).text("code") == "700016"
    assert "code" in product.browser.visit(product.authorize_url(CONTOSO_TENANT_ID), ADA).sent
