"""Admin consent in both versions: who may give it, what it gives, how it is refused, what is forged in its redirect."""

import json
from collections.abc import Callable
from pathlib import Path

import jwt
import pytest

from emulator.connecting import (
    ADA,
    DAAN,
    GRAPH,
    MARCO,
    OTHER_ADMINISTRATOR,
    REDIRECT,
    Connecting,
    emulator,
)
from emulator.wire import Wire
from entraid_emulator import (
    CONTOSO_TENANT_ID,
    DEFAULT_ROLES,
    Emulator,
    Forgery,
    default_app,
    multi_tenant_app,
    recorded,
)

SCRIPT = "<img src=x onerror=alert(1)>"


@pytest.fixture
def product(start: Callable[[Emulator], Wire]) -> Connecting:
    """A product's app that nobody has consented to."""
    return Connecting(start(emulator()))


@pytest.fixture(scope="module")
def refused_product(start_for_all: Callable[[Emulator], Wire]) -> Connecting:
    """The same, for tests that grant it nothing."""
    return Connecting(start_for_all(emulator()))


def roles(product: Connecting, tenant: str = CONTOSO_TENANT_ID) -> list[str]:
    """The application permissions in a new token."""
    claims = jwt.decode(product.app_token(tenant)["access_token"], options={"verify_signature": False})
    found: list[str] = claims.get("roles", [])
    return found


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("tenant", ["organizations", "common", CONTOSO_TENANT_ID, "contoso.example"])
def test_an_administrator_lets_the_app_in(product: Connecting, version: int, tenant: str) -> None:
    """Before there is no service principal and no token, after it MSAL gets one with the roles, and Graph answers."""
    assert product.app_token()["error_codes"] == [7000229]
    answer = product.browser.visit(product.consent_url(tenant, version), ADA)
    expected = {"admin_consent": "True", "tenant": CONTOSO_TENANT_ID, "state": "s-1"}
    assert answer.location.startswith(f"{REDIRECT}?")
    assert answer.sent == (expected if version == 1 else {**expected, "scope": GRAPH})
    assert roles(product) == sorted(DEFAULT_ROLES)
    product.wire.body("/users?$top=1", token=product.app_token()["access_token"])


def test_the_page_says_what_is_asked(refused_product: Connecting) -> None:
    """Every permission by name, who may answer, and no trust in what the request brought along."""
    page = refused_product.browser.open(refused_product.consent_url(CONTOSO_TENANT_ID, state=SCRIPT, login_hint=SCRIPT))
    for permission in DEFAULT_ROLES:
        assert f"({permission})" in page.text("permissions")
    assert SCRIPT not in page.response.text
    assert "Ada Çelik <ada.celik@contoso.example> (administrator)" in page.text("user")
    assert OTHER_ADMINISTRATOR not in page.text("user")
    assert OTHER_ADMINISTRATOR in refused_product.browser.open(refused_product.consent_url()).text("user")


def test_consent_in_one_tenant_is_none_in_another(product: Connecting) -> None:
    """The other administrator's consent opens his tenant and nobody else's."""
    other = product.wire.emulator.tenants[1].tenant_id
    assert product.browser.visit(product.consent_url(), OTHER_ADMINISTRATOR).sent["tenant"] == other
    assert roles(product, other) == sorted(DEFAULT_ROLES)
    assert product.app_token()["error_codes"] == [7000229]


@pytest.mark.parametrize("version", [1, 2])
def test_cancel_is_told_and_grants_nothing(refused_product: Connecting, version: int) -> None:
    """Version 2 says `admin_consent=True` beside the error; version 1 has words of its own."""
    sent = refused_product.browser.visit(
        refused_product.consent_url("organizations", version), ADA, decision="cancel"
    ).sent
    if version == 2:
        assert (sent["admin_consent"], sent["error"]) == ("True", "consent_required")
        assert sent["error_description"].startswith("AADSTS65004: ")
    else:
        assert sent["error"] == "permission_denied"
        assert sent["error_description"] == "The admin canceled the request"
    assert sent["state"] == "s-1"
    assert "tenant" not in sent
    assert CONTOSO_TENANT_ID not in refused_product.app.grants


@pytest.mark.parametrize(
    ("tenant", "who", "code"), [("organizations", MARCO, 90094), (CONTOSO_TENANT_ID, MARCO, 90094)]
)
def test_nobody_else_can_consent(refused_product: Connecting, tenant: str, who: str, code: int) -> None:
    """A person who is no administrator is shown a page with a way back, and nothing is granted."""
    page = refused_product.browser.visit(refused_product.consent_url(tenant), who)
    assert (page.status, page.text("code")) == (403, str(code))
    assert "error=consent_required" in page.with_id("return")["href"]
    assert not refused_product.app.grants


def test_an_administrator_of_another_tenant_is_a_stranger(refused_product: Connecting) -> None:
    """Asked at one tenant, the administrator of another cannot answer."""
    page = refused_product.browser.visit(refused_product.consent_url(CONTOSO_TENANT_ID), OTHER_ADMINISTRATOR)
    assert page.text("code") == "50020"
    assert not refused_product.app.grants


def test_an_administrator_who_is_one_no_longer_cannot_consent(product: Connecting) -> None:
    """The set may change while the page is open."""
    page = product.browser.open(product.consent_url())
    tenant = product.wire.emulator.tenants[0]
    tenant.administrators.clear()
    assert product.browser.decide(page, ADA).text("code") == "90094"
    assert not product.app.grants


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"redirect_uri": "https://evil.example/"}, "50011"),
        ({"redirect_uri": None}, "900144"),
        ({"client_id": SCRIPT}, "700016"),
        ({"scope": None}, "900144"),
        ({"scope": "No.Such.Permission"}, "650053"),
    ],
)
def test_a_bad_request_ends_on_a_page(refused_product: Connecting, changes: dict[str, str | None], code: str) -> None:
    """Nobody is sent anywhere, nothing is granted, and the texts are no markup."""
    page = refused_product.browser.open(refused_product.consent_url(**changes))
    assert page.text("code") == code
    assert "Location" not in page.response.headers
    assert SCRIPT not in page.response.text
    forged = refused_product.browser.session.post(page.url, data={"decision": "accept", "other": ADA}, timeout=20)
    assert forged.status_code == 400
    assert not refused_product.app.grants


def test_single_permissions_are_delegated_ones(product: Connecting) -> None:
    """Without `.default` no application permission is granted: the token has no roles, and Graph forbids."""
    scope = "https://graph.microsoft.com/User.Read.All"
    assert product.browser.visit(product.consent_url(scope=scope), ADA).sent["scope"] == scope
    assert roles(product) == []
    token = product.app_token()["access_token"]
    assert product.wire.get("/users", token=token).status_code == 403


def test_signing_in_alone_makes_the_app_known_without_roles(product: Connecting) -> None:
    """A person's sign-in creates the service principal: a token comes then, and proves no consent."""
    product.browser.visit(product.authorize_url(), MARCO)
    assert roles(product) == []


def test_consent_can_be_taken_back_while_running(product: Connecting) -> None:
    """Revoked: no roles. Removed: no principal. Disabled: AADSTS7000112. Deleted: AADSTS700016."""
    product.browser.visit(product.consent_url(), DAAN)
    app = product.app
    app.revoke(CONTOSO_TENANT_ID)
    assert roles(product) == []
    app.remove_from(CONTOSO_TENANT_ID)
    assert product.app_token()["error_codes"] == [7000229]
    app.grant(CONTOSO_TENANT_ID, frozenset({"User.Read.All"}))
    assert roles(product) == ["User.Read.All"]
    app.is_disabled = True
    assert product.app_token()["error_codes"] == [7000112]
    product.wire.emulator.apps[:] = [default_app()]
    gone = product.wire.token_answer(client_id=app.client_id, client_secret=app.client_secret.reveal())
    assert gone.json()["error_codes"] == [700016]


@pytest.mark.parametrize(
    ("values", "name", "expected"),
    [
        ({"tenant": "11111111-2222-4333-8444-555555555555"}, "tenant", "11111111-2222-4333-8444-555555555555"),
        ({"state": "of-somebody-else"}, "state", "of-somebody-else"),
        ({"state": None}, "state", None),
        ({"error": "access_denied", "error_description": SCRIPT}, "error_description", SCRIPT),
    ],
)
def test_the_redirect_is_forged_by_script(
    product: Connecting, values: dict[str, str | None], name: str, expected: str | None
) -> None:
    """Once, as written; the next redirect tells the truth again."""
    product.wire.emulator.login.forge(Forgery(of="consent", values=values))
    assert product.browser.visit(product.consent_url(), ADA).sent.get(name) == expected
    truth = {"admin_consent": "True", "tenant": CONTOSO_TENANT_ID, "scope": GRAPH, "state": "s-1"}
    assert product.browser.visit(product.consent_url(), ADA).sent == truth


def test_a_recorded_tenant_names_its_administrators(tmp_path: Path, start: Callable[[Emulator], Wire]) -> None:
    """Those of its file may consent, and nobody does if it names none."""
    user = {"id": "aaaaaaaa-0000-4000-8000-00000000000a", "userPrincipalName": "root@recorded.example"}
    for named in ([user["id"]], []):
        file = tmp_path / "tenant.json"
        file.write_text(json.dumps({"users": [user], "administrators": named}))
        product = Connecting(start(Emulator([recorded(file)], apps=[multi_tenant_app(REDIRECT)])))
        answer = product.browser.visit(product.consent_url(), user["userPrincipalName"])
        assert (answer.status == 302) == bool(named)


def test_nobody_chosen_is_a_page(refused_product: Connecting) -> None:
    """Consent without a person is refused and no crash."""
    page = refused_product.browser.visit(refused_product.consent_url(), "")
    assert page.text("code") == "90014"
