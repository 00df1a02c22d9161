"""Authorization codes: redeemed once, in time, by whoever they belong to, and by nobody else."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from emulator.connecting import ADA, MARCO, Connecting, emulator
from emulator.wire import Wire
from entraid_emulator import CONTOSO_TENANT_ID, Emulator
from entraid_emulator.objects import object_id

VERIFIER = "v" * 64


@pytest.fixture
def product(start: Callable[[Emulator], Wire]) -> Connecting:
    """A product's app that nobody has consented to."""
    return Connecting(start(emulator()))


@pytest.fixture(scope="module")
def known_product(start_for_all: Callable[[Emulator], Wire]) -> Connecting:
    """The same, for tests that leave nothing behind but sign-ins."""
    return Connecting(start_for_all(emulator()))


def test_a_code_is_good_once(known_product: Connecting) -> None:
    """The second redemption is AADSTS54005."""
    code = known_product.browser.visit(known_product.authorize_url(), ADA).sent["code"]
    assert "id_token" in known_product.redeem(code)
    assert known_product.redeem(code)["error_codes"] == [54005]


def test_a_code_is_good_for_ten_minutes(product: Connecting) -> None:
    """After that it is AADSTS70008."""
    codes = [product.browser.visit(product.authorize_url(), ADA).sent["code"] for _ in range(2)]
    product.wire.emulator.clock.advance(timedelta(minutes=9, seconds=55))
    assert "id_token" in product.redeem(codes[0])
    product.wire.emulator.clock.advance(timedelta(seconds=10))
    assert product.redeem(codes[1])["error_codes"] == [70008]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"redirect_uri": "https://product.example/other"}, 500112),
        ({"client_secret": "wrong"}, 7000215),
        ({"client_secret": None}, 7000218),
        ({"code_verifier": None}, 501481),
        ({"code_verifier": VERIFIER[:-1] + "w"}, 501481),
        ({"code": "1.stolen"}, 9002313),
        ({"tenant": "other"}, 700005),
    ],
)
def test_a_stolen_code_is_worth_nothing(known_product: Connecting, changes: dict[str, str | None], code: int) -> None:
    """Without the redirect URI, the secret, the verifier or the tenant it belongs to; the owner still redeems it."""
    url = known_product.authorize_url(code_challenge=VERIFIER, code_challenge_method="plain")
    good = known_product.browser.visit(url, ADA).sent["code"]
    tenant = known_product.wire.emulator.tenants[1].tenant_id if "tenant" in changes else "organizations"
    form = {"code_verifier": VERIFIER, **{name: value for name, value in changes.items() if name != "tenant"}}
    stolen = str(form.pop("code", good))
    assert known_product.redeem(stolen, tenant, **form)["error_codes"] == [code]
    assert "id_token" in known_product.redeem(good, code_verifier=VERIFIER)


def test_a_verifier_without_a_challenge_is_refused(known_product: Connecting) -> None:
    """Somebody stripped the challenge from the request: the flow is not downgraded in silence."""
    code = known_product.browser.visit(known_product.authorize_url(), ADA).sent["code"]
    assert known_product.redeem(code, code_verifier=VERIFIER)["error_codes"] == [501481]


def test_an_account_that_ends_takes_its_codes_along(product: Connecting) -> None:
    """Disabled between sign-in and redemption: no tokens."""
    code = product.browser.visit(product.authorize_url(), MARCO).sent["code"]
    directory = product.wire.emulator.tenants[0].directory
    user = directory.user(MARCO)
    assert user is not None
    directory.update_user(object_id(user), {"accountEnabled": False})
    assert product.redeem(code)["error_codes"] == [50057]


def test_no_code_and_no_token_is_in_the_journal(product: Connecting) -> None:
    """What came by redirect or by form is not kept where a test prints it."""
    code = product.browser.visit(product.authorize_url(), ADA).sent["code"]
    tokens = product.redeem(code)
    shown = f"{list(product.wire.emulator.requests)} {product.app!r}"
    for secret in (code, tokens["id_token"], tokens["access_token"], product.app.client_secret.reveal()):
        assert secret not in shown


def test_the_client_info_names_the_account(known_product: Connecting) -> None:
    """It is what MSAL makes the account's id from, and comes when asked for only."""
    codes = [known_product.browser.visit(known_product.authorize_url(), ADA).sent["code"] for _ in range(2)]
    assert "client_info" not in known_product.redeem(codes[0])
    info = known_product.redeem(codes[1], client_info="1")["client_info"]
    assert json.loads(base64.urlsafe_b64decode(info + "=="))["utid"] == CONTOSO_TENANT_ID
