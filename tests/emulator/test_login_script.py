"""What tests make the login side do: any AADSTS answer, forged ID tokens and redirects, new signing keys."""

from collections.abc import Callable, Iterator
from http import HTTPStatus

import jwt
import pytest

from emulator.connecting import ADA, REDIRECT, Connecting, emulator
from emulator.wire import TIMEOUT, Document, Wire
from entraid_emulator import (
    CONTOSO_TENANT_ID,
    ClientId,
    Emulator,
    Forgery,
    Refusal,
    TenantId,
)
from entraid_emulator.login.codes import CODES
from entraid_emulator.login.script import Place

OTHER_TENANT = "11111111-2222-4333-8444-555555555555"
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def running(start_for_all: Callable[[Emulator], Wire]) -> Connecting:
    """A product's app that Contoso has consented to."""
    product = Connecting(start_for_all(emulator()))
    product.app.grant(CONTOSO_TENANT_ID)
    return product


@pytest.fixture
def product(running: Connecting) -> Iterator[Connecting]:
    """The same; a test's script goes with it."""
    yield running
    running.wire.emulator.login.clear()


def id_token(product: Connecting) -> str:
    """A new ID token of Ada's."""
    code = product.browser.visit(product.authorize_url(), ADA).sent["code"]
    token: str = product.redeem(code)["id_token"]
    return token


def keys(product: Connecting) -> jwt.PyJWKSet:
    """The published keys."""
    url = f"{product.wire.emulator.authority_url}/{CONTOSO_TENANT_ID}/discovery/v2.0/keys"
    return jwt.PyJWKSet.from_dict(product.wire.session.get(url, timeout=TIMEOUT).json())


def validated(product: Connecting, token: str, *, nonce: str = "n-1") -> Document:
    """What a careful relying party accepts."""
    key = keys(product)[jwt.get_unverified_header(token)["kid"]]
    issuer = f"{product.wire.emulator.authority_url}/{CONTOSO_TENANT_ID}/v2.0"
    claims: Document = jwt.decode(token, key, algorithms=["RS256"], audience=product.app.client_id, issuer=issuer)
    if claims["nonce"] != nonce or claims["tid"] != CONTOSO_TENANT_ID:
        raise jwt.InvalidTokenError("not for this sign-in")
    return claims


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_known_code_can_be_answered(product: Connecting, code: int) -> None:
    """The caller is told the number and Entra's text, once; then all is well."""
    product.wire.emulator.login.refuse(Refusal(code=code, at="token"))
    answer = product.wire.token_answer().json()
    assert answer["error_codes"] == [code]
    assert answer["error_description"].startswith(f"AADSTS{code}: ")
    assert "{" not in answer["error_description"]
    assert "access_token" in product.wire.token_answer().json()


def test_a_refusal_hits_the_app_and_the_tenant_it_names(product: Connecting) -> None:
    """Another app and another tenant never notice; `times=None` lasts until it is cleared."""
    login = product.wire.emulator.login
    login.refuse(Refusal(code=53003, tenant_id=TenantId(OTHER_TENANT), times=None))
    login.refuse(Refusal(code=53003, client_id=ClientId(OTHER_TENANT), times=None))
    assert "access_token" in product.app_token()
    login.refuse(Refusal(code=7000222, tenant_id=CONTOSO_TENANT_ID, client_id=product.app.client_id, times=None))
    assert [product.app_token()["error_codes"] for _ in range(3)] == [[7000222]] * 3
    login.clear()
    assert "access_token" in product.app_token()


def test_an_unknown_code_needs_its_text(product: Connecting) -> None:
    """With a text it is answered as given, without one the script is wrong."""
    with pytest.raises(ValueError, match="424242"):
        Refusal(code=424242)
    told = Refusal(code=424242, error="odd_error", text="Something new.", status=HTTPStatus.IM_A_TEAPOT)
    product.wire.emulator.login.refuse(told)
    answer = product.wire.token_answer()
    assert (answer.status_code, answer.json()["error"]) == (418, "odd_error")
    assert answer.json()["error_description"].startswith("AADSTS424242: Something new. Trace ID: ")


@pytest.mark.parametrize("on_page", [True, False])
@pytest.mark.parametrize("at", ["sign_in", "consent"])
def test_pages_refuse_by_script(product: Connecting, at: Place, *, on_page: bool) -> None:
    """On a page or by the redirect, with markup in the text that stays text."""
    url = product.authorize_url() if at == "sign_in" else product.consent_url()
    told = Refusal(code=50105, at=at, on_page=on_page, text=f"No. {SCRIPT}")
    product.wire.emulator.login.refuse(told)
    page = product.browser.open(url)
    if on_page:
        assert page.text("code") == "50105"
        assert SCRIPT in page.text("error")
    else:
        assert page.location.startswith(REDIRECT)
        assert SCRIPT in page.sent["error_description"]
    assert SCRIPT not in page.response.text


def test_an_honest_id_token_is_valid(product: Connecting) -> None:
    """What the forged ones below are measured by."""
    assert validated(product, id_token(product))["preferred_username"] == ADA


@pytest.mark.parametrize(
    ("forgery", "error"),
    [
        (Forgery(of="id_token", signer="stranger"), jwt.InvalidSignatureError),
        (Forgery(of="id_token", signer="unknown"), KeyError),
        (Forgery(of="id_token", signer="nobody"), jwt.InvalidTokenError),
        (
            Forgery(of="id_token", values={"iss": f"https://evil.example/{CONTOSO_TENANT_ID}/v2.0"}),
            jwt.InvalidIssuerError,
        ),
        (Forgery(of="id_token", values={"aud": OTHER_TENANT}), jwt.InvalidAudienceError),
        (Forgery(of="id_token", values={"exp": 1_000_000_000}), jwt.ExpiredSignatureError),
        (Forgery(of="id_token", values={"exp": None, "iat": 2**40}), jwt.ImmatureSignatureError),
        (Forgery(of="id_token", values={"nbf": 2**40}), jwt.ImmatureSignatureError),
        (Forgery(of="id_token", values={"nonce": "of-another-session"}), jwt.InvalidTokenError),
        (Forgery(of="id_token", values={"tid": OTHER_TENANT}), jwt.InvalidTokenError),
    ],
)
def test_an_id_token_is_forged_by_script(product: Connecting, forgery: Forgery, error: type[Exception]) -> None:
    """Each lie is one that validation finds, and the next token is honest."""
    product.wire.emulator.login.forge(forgery)
    forged = id_token(product)
    with pytest.raises(error):
        validated(product, forged)
    validated(product, id_token(product))


def test_the_sign_in_redirect_is_forged_by_script(product: Connecting) -> None:
    """A state of somebody else, a code of another session, an error with markup."""
    spare = product.browser.visit(product.authorize_url(), ADA).sent["code"]
    lies: list[dict[str, str | None]] = [
        {"state": "s-2"},
        {"code": spare},
        {"code": None, "error": "access_denied", "error_description": SCRIPT},
    ]
    for lie in lies:
        product.wire.emulator.login.forge(Forgery(of="sign_in", values=lie))
        sent = product.browser.visit(product.authorize_url(), ADA).sent
        assert {name: sent.get(name) for name in lie} == lie


def test_keys_roll_over(product: Connecting) -> None:
    """The new key signs; the old one is good while it is published, and not after."""
    old = id_token(product)
    token = product.app_token()["access_token"]
    product.wire.emulator.roll_signing_key()
    assert len(keys(product).keys) == 2
    new = id_token(product)
    assert jwt.get_unverified_header(new)["kid"] != jwt.get_unverified_header(old)["kid"]
    validated(product, old)
    validated(product, new)
    assert product.wire.get("/users", token=token).status_code == 200
    product.wire.emulator.roll_signing_key(keep_old=False)
    with pytest.raises(KeyError):
        validated(product, old)
    assert product.wire.get("/users", token=token).status_code == 401


def test_the_device_endpoint_refuses_by_script(product: Connecting) -> None:
    """A refusal may be for it alone."""
    product.wire.emulator.login.refuse(Refusal(code=7000218, at="device"))
    url = f"{product.wire.emulator.authority_url}/organizations/oauth2/v2.0/devicecode"
    form = {"client_id": product.app.client_id, "scope": "openid"}
    assert product.wire.session.post(url, data=form, timeout=TIMEOUT).json()["error_codes"] == [7000218]
    assert "user_code" in product.wire.session.post(url, data=form, timeout=TIMEOUT).json()
