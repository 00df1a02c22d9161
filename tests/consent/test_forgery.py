from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from consent.conftest import ADMIN, CALLER_PAGE, Site
from consent.visitor import Shown, query_of, with_query
from entraid.v1 import connection_service_pb2 as pb
from entraid_emulator import Forgery, Json

STRANGER = "5f2d1c3b-0000-4000-8000-00000000cafe"


def check_refused(page: Shown) -> None:
    """A page that says so, and leads nowhere."""
    assert page.status == 400
    assert "Location" not in page.response.headers


@pytest.mark.parametrize(
    ("changes", "signer", "words"),
    [
        ({}, "stranger", "signature"),
        ({}, "unknown", "does not publish"),
        ({}, "nobody", "not signed as Entra signs"),
        ({"iss": f"https://login.microsoftonline.com/{STRANGER}/v2.0"}, "emulator", "not issued by the tenant"),
        ({"aud": STRANGER}, "emulator", "another app"),
        ({"aud": None}, "emulator", "another app"),
        ({"nonce": "another"}, "emulator", "another sign-in"),
        ({"nonce": None}, "emulator", "another sign-in"),
        ({"tid": STRANGER}, "emulator", "not issued by the tenant"),
        ({"tid": None}, "emulator", "names no tenant"),
        ({"tid": "../common"}, "emulator", "names no tenant"),
        ({"tid": "9188040d-6c67-4c5b-b112-36a304b66dad"}, "emulator", "personal Microsoft account"),
        ({"exp": 1_500_000_000}, "emulator", "has expired"),
        ({"exp": None}, "emulator", "has expired"),
        ({"exp": "9999999999"}, "emulator", "has expired"),
        ({"nbf": 9_999_999_999}, "emulator", "not valid yet"),
    ],
    ids=lambda value: str(value)[:40] or "as it is",
)
def test_an_id_token_that_is_not_as_it_has_to_be_proves_nothing(
    site: Site, changes: dict[str, Json], signer: str, words: str
) -> None:
    """Signature, key, issuer, audience, nonce, tenant, times: each lie is named, and nothing is bound."""
    name = "id-token"
    link = site.link(name)
    visitor = site.visitor()
    answer = visitor.decide(visitor.press_connect(link), ADMIN)
    site.emulator.login.forge(Forgery(of="id_token", values=changes, signer=signer))  # type: ignore[arg-type] # literals
    page = visitor.open(answer)
    check_refused(page)
    assert words in page.text
    site.check_nothing_bound(name)


def test_keys_that_are_rolled_over_are_found(site: Site) -> None:
    """A token signed with a key that was published a moment ago is checked with it."""
    visitor = site.visitor()
    visitor.open(visitor.to_last_answer(site.link("keys-before"), ADMIN))
    site.emulator.roll_signing_key(keep_old=False)
    visitor.open(visitor.to_last_answer(site.link("keys-after"), ADMIN))
    assert site.get("keys-after").state == pb.Connection.STATE_ACTIVE


@pytest.mark.parametrize("tenant", ["other", "", "common"])
def test_a_consent_redirect_that_names_another_tenant_binds_neither(site: Site, tenant: str) -> None:
    """The trap: the other tenant has consented long ago, so that a token for it would be issued."""
    own = site.emulator.apps[0]
    own.grant(site.other.tenant_id)
    named = site.other.tenant_id if tenant == "other" else tenant
    for name, uri in (("swapped", ""), ("swapped-called", CALLER_PAGE)):
        visitor = site.visitor()
        answer = visitor.to_last_answer(site.link(name, redirect_uri=uri), ADMIN)
        forged = with_query(answer, tenant=named)
        if uri:
            with pytest.raises(grpc.RpcError) as caught:
                site.complete(forged)
            assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        else:
            check_refused(visitor.open(forged))
        site.check_nothing_bound(name)
        # The state is used up: the true answer comes too late.
        if not uri:
            check_refused(visitor.open(answer))
            site.check_nothing_bound(name)


def test_a_consent_that_nobody_gave_binds_nothing(site: Site) -> None:
    """A made-up redirect with the right state and tenant, without a visit to Entra: the app has no permission there."""
    visitor = site.visitor()
    url = visitor.to_consent(site.link("made-up"), ADMIN)
    forged = (
        f"{site.base}/connect/callback?admin_consent=True&tenant={site.home.tenant_id}&state={query_of(url)['state']}"
    )
    page = visitor.open(forged)
    check_refused(page)
    site.check_nothing_bound("made-up")


def test_the_answer_of_another_browser_is_refused_and_harms_nobody(site: Site) -> None:
    """Whoever gets hold of a redirect can do nothing with it; the browser that asked goes on."""
    visitor = site.visitor()
    answer = visitor.decide(visitor.press_connect(site.link("stolen")), ADMIN)
    for thief in (site.visitor(), site.visitor()):
        thief.session.cookies.set("entraid-consent-0000000000000000", "x" * 43)
        check_refused(thief.open(answer))
    back = visitor.open(answer)
    assert back.status == 303
    last = visitor.decide(back.location, ADMIN)
    check_refused(site.visitor().open(last))
    site.check_nothing_bound("stolen")
    assert visitor.open(last).status == 303
    assert site.get("stolen").tenant_id == site.home.tenant_id


def test_states_of_two_consents_cannot_be_swapped(site: Site) -> None:
    """A code of one with the state of the other: refused by Entra's PKCE, and nothing is bound to either."""
    one, two = site.visitor(), site.visitor()
    answers = [one.decide(one.press_connect(site.link("swap-one")), ADMIN)]
    answers.append(two.decide(two.press_connect(site.link("swap-two")), site.admin_of(site.other)))
    crossed = with_query(answers[0], code=query_of(answers[1])["code"])
    page = one.open(crossed)
    check_refused(page)
    assert "AADSTS501481" in page.text
    site.check_nothing_bound("swap-one")
    check_refused(one.open(with_query(answers[0], state=query_of(answers[1])["state"])))
    site.check_nothing_bound("swap-two")


@pytest.mark.parametrize("changes", [{"state": None}, {"state": "x" * 43}, {"state": ""}])
def test_an_answer_without_our_state_is_shown_nothing(site: Site, changes: dict[str, str | None]) -> None:
    """Not even the texts in it, which anybody can write."""
    visitor = site.visitor()
    answer = visitor.decide(visitor.press_connect(site.link("stateless")), ADMIN)
    page = visitor.open(with_query(answer, error="access_denied", error_description="call 555-0100", **changes))
    check_refused(page)
    assert "555-0100" not in page.response.text
    site.check_nothing_bound("stateless")


def test_what_decides_stands_in_an_answer_once(site: Site) -> None:
    """Of two tenants, one reader would take the first and another one the last."""
    visitor = site.visitor()
    answer = visitor.to_last_answer(site.link("twice"), ADMIN)
    check_refused(visitor.open(f"{answer}&tenant={site.other.tenant_id}"))
    site.check_nothing_bound("twice")


def test_each_answer_works_once_also_at_the_same_time(site: Site) -> None:
    """Of many that come together one goes on; a replayed one changes nothing."""
    visitor = site.visitor()
    answer = visitor.decide(visitor.press_connect(site.link("replayed")), ADMIN)
    with ThreadPoolExecutor(8) as pool:
        shown = list(pool.map(visitor.open, [answer] * 8))
    assert sorted(page.status for page in shown) == [303, *[400] * 7]
    (onward,) = (page.location for page in shown if page.status == 303)
    last = visitor.decide(onward, ADMIN)
    assert visitor.open(last).status == 303
    version = site.get("replayed").etag
    for again in (last, answer):
        check_refused(visitor.open(again))
    assert site.get("replayed").etag == version


def test_a_link_is_good_for_one_browser_and_until_the_next_link(site: Site) -> None:
    """Taken up in one browser it is closed to others; a newer link ends it; it ends when the consent is done."""
    first = site.link("links")
    visitor, other = site.visitor(), site.visitor()
    visitor.press_connect(first)
    check_refused(other.open(first))
    second = site.link("links")
    check_refused(visitor.open(first))
    visitor.open(visitor.to_last_answer(second, ADMIN))
    assert site.get("links").state == pb.Connection.STATE_ACTIVE
    assert other.open(second).status == 400


def test_a_form_that_the_page_did_not_show_is_refused(site: Site) -> None:
    """Without the cookie, with another site's mark, or with a made-up token nobody is sent to Entra."""
    link = site.link("forms")
    visitor = site.visitor()
    page = visitor.open(link)
    check_refused(visitor.send(page, form_token="0" * 64))
    visitor.session.headers["Sec-Fetch-Site"] = "cross-site"
    check_refused(visitor.send(page))
    del visitor.session.headers["Sec-Fetch-Site"]
    bare = site.visitor()
    check_refused(bare.send(page))
    assert visitor.send(page).status == 303


def test_the_outcome_is_shown_to_the_browser_that_gave_the_consent(site: Site) -> None:
    """Counts and permissions of a tenant are nobody else's business."""
    visitor = site.visitor()
    outcome = visitor.open(visitor.to_last_answer(site.link("private"), ADMIN)).location
    assert visitor.open(outcome).status == 200
    for url in (outcome, f"{outcome}/events"):
        page = site.visitor().open(url)
        check_refused(page)
        assert site.home.tenant_id not in page.response.text


def test_a_connection_that_another_way_gave_to_a_tenant_is_not_taken_over(site: Site) -> None:
    """While a link is open somebody connects the name with credentials: a consent of another tenant is refused."""
    link = site.link("raced")
    visitor = site.visitor()
    app = site.emulator.apps[1]
    site.connect(
        pb.ConnectRequest(
            connection_id="raced",
            tenant=site.other.tenant_id,
            app_credentials=pb.AppCredentials(client_id=app.client_id, client_secret=app.client_secret.reveal()),
        )
    )
    page = visitor.open(visitor.decide(visitor.press_connect(link), ADMIN))
    check_refused(page)
    assert site.get("raced").tenant_id == site.other.tenant_id
    assert site.get("raced").client_id == app.client_id


def test_a_disconnected_connection_cannot_be_consented_to(site: Site) -> None:
    """Its links end with it, also when a new one takes its name."""
    visitor = site.visitor()
    answer = visitor.to_last_answer(site.link("gone"), ADMIN)
    site.disconnect("gone")
    site.ask("gone")
    check_refused(visitor.open(answer))
    site.check_nothing_bound("gone")
