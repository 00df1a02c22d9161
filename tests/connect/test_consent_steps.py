from datetime import UTC, datetime, timedelta

import pytest

from entraid_service.connect import consent as steps
from entraid_service.connect.consent import Kept
from entraid_service.errors import ConsentLapsed, CredentialsRejected
from entraid_service.model.connection import Connection, ConnectionState
from entraid_service.model.consent import Consent, ConsentStep
from entraid_service.model.ids import ConnectionId, TenantId
from entraid_service.model.secret import Secret

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ONE, TWO = (TenantId(f"{digit * 8}-2222-4333-8444-555555555555") for digit in "12")
ANY = TenantId("")
COOKIE = "c" * 43


def fresh(*, named: TenantId = ANY) -> Consent:
    """A consent that nobody has taken up."""
    connection = Connection(
        id=ConnectionId("main"),
        uid="uid",
        display_name="",
        tenant_id=TenantId(""),
        client_id="",
        state=ConnectionState.PENDING_CONSENT,
        create_time=NOW,
        update_time=NOW,
    )
    return steps.new_consent(connection, link="link", named_tenant=named, redirect_uri="", now=NOW)


def begun(*, named: TenantId = ANY) -> Consent:
    """One with which a browser went to sign in."""
    return steps.signing_in(fresh(named=named), cookie=COOKIE, state="state", groups_to_sync=("a",))


def test_a_link_and_an_answer_are_good_for_ten_minutes() -> None:
    """To the second."""
    last = NOW + timedelta(minutes=10)
    consent = begun()
    steps.check_open(consent, cookie=COOKIE, now=last - timedelta(seconds=1))
    steps.check_answered(consent, now=last - timedelta(seconds=1))
    with pytest.raises(ConsentLapsed, match="expired"):
        steps.check_open(consent, cookie=COOKIE, now=last)
    with pytest.raises(ConsentLapsed, match="too late"):
        steps.check_answered(consent, now=last)


def test_before_it_is_taken_up_any_browser_may_and_afterwards_one() -> None:
    """An empty cookie is nobody's, also of a consent that has no browser yet."""
    steps.check_open(fresh(), cookie="", now=NOW)
    assert not steps.is_browser(fresh(), "")
    for cookie in ("", "d" * 43):
        with pytest.raises(ConsentLapsed):
            steps.check_open(begun(), cookie=cookie, now=NOW)
        with pytest.raises(ConsentLapsed):
            steps.check_same_browser(begun(), cookie)
    steps.check_same_browser(begun(), COOKIE)


def test_each_step_has_a_version_and_a_state_of_its_own() -> None:
    """What was awaited before is not awaited any more."""
    first = begun()
    used = steps.taken(first)
    second = steps.signed_in(used, ONE, state="second")
    done = steps.done(second, now=NOW)
    assert [one.version for one in (first, used, second, done)] == [2, 3, 4, 5]
    assert [one.state_digest for one in (used, done)] == [b"", b""]
    assert second.state_digest == steps.digest("second") != first.state_digest
    assert done.step is ConsentStep.DONE
    assert not done.sealed


def test_beginning_again_forgets_whom_it_was_proven_for() -> None:
    """A tenant that was proven in a former try counts for nothing."""
    tried = steps.taken(steps.signed_in(steps.taken(begun()), ONE, state="x"))
    again = steps.signing_in(tried, cookie=COOKIE, state="y", groups_to_sync=None)
    assert not again.proven_tenant
    with pytest.raises(CredentialsRejected):
        steps.consented(again, {"admin_consent": "True", "tenant": ""})
    with pytest.raises(CredentialsRejected):
        steps.consented(again, {"admin_consent": "True", "tenant": ONE})


def test_only_the_named_tenant_is_accepted_where_one_is_named() -> None:
    """And any that is proven where none is."""
    assert steps.signed_in(begun(named=ONE), ONE, state="x").proven_tenant == ONE
    assert steps.signed_in(begun(), TWO, state="x").proven_tenant == TWO
    with pytest.raises(CredentialsRejected, match=f"{TWO}.*{ONE}"):
        steps.signed_in(begun(named=ONE), TWO, state="x")


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"tenant": ONE},
        {"admin_consent": "True"},
        {"admin_consent": "True", "tenant": TWO},
        {"admin_consent": "False", "tenant": ONE},
    ],
)
def test_a_consent_is_what_says_so_for_the_proven_tenant(answer: dict[str, str]) -> None:
    """Anything less is none."""
    consent = steps.signed_in(begun(), ONE, state="x")
    assert steps.consented(consent, {"admin_consent": "True", "tenant": ONE.upper()}) == ONE
    with pytest.raises(CredentialsRejected):
        steps.consented(consent, answer)


def test_what_is_kept_comes_back_and_shows_nothing() -> None:
    """The link's secret and the memory of the sign-in, through one text."""
    kept = Kept(Secret("link"), Secret('{"code_verifier": "x"}'))
    assert Kept.decoded(kept.encoded()) == kept
    assert repr(kept) == "Kept(link=***, sign_in=***)"
    assert str(kept.encoded()) == "***"
