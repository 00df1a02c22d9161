import re

import grpc
import pytest

from consent.conftest import ADMIN, CALLER_PAGE, Site
from consent.visitor import query_of, with_query
from entraid.v1 import connection_service_pb2 as pb
from entraid.v1.sync_service_pb2 import SyncRequest, SyncResponse, SyncRun
from entraid_emulator import Refusal


def test_an_administrator_connects_his_tenant(site: Site) -> None:
    """From the link over sign-in and consent to a synced directory; the connection is bound to his tenant."""
    asked = site.ask("whole")
    assert asked.connection.state == pb.Connection.STATE_PENDING_CONSENT
    assert not asked.connection.tenant_id
    link = asked.pending_consent.consent_uri
    assert link.startswith(f"{site.base}/connect/")
    visitor = site.visitor()
    outcome = visitor.open(visitor.to_last_answer(link, ADMIN, groups="Engineering"))
    assert outcome.status == 303
    page = visitor.open(outcome.location)
    assert page.status == 200
    assert "is connected to your organization" in page.text
    assert site.await_sync("whole").state == SyncRun.STATE_SUCCEEDED
    connection = site.get("whole")
    assert connection.state == pb.Connection.STATE_ACTIVE
    assert connection.tenant_id == site.home.tenant_id
    assert set(connection.granted_permissions) == {"User.Read.All", "GroupMember.Read.All"}
    assert list(connection.groups_to_sync) == ["Engineering"]
    assert site.users("whole")
    done = visitor.open(outcome.location)
    assert "your directory is in sync" in done.text.lower()


def test_the_page_says_what_will_be_read_before_anything_is_asked(site: Site) -> None:
    """Purpose, permissions, the field; looking at it changes nothing, from however many browsers."""
    link = site.link("looked", tenant=site.home.tenant_id)
    for _ in range(3):
        page = site.visitor().open(link)
        for words in ("The looked", site.home.tenant_id, "User.Read.All", "GroupMember.Read.All", "Groups to Sync"):
            assert words in page.text
    assert site.visitor().press_connect(link).startswith(f"{site.emulator.authority_url}/{site.home.tenant_id}/")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (" , ,", "no group is named: name one, or leave the field empty for all"),
        ("x" * 600, "an entry has 600 characters"),
        (",".join(map(str, range(1_001))), "1001 groups are too many"),
    ],
    ids=["blank", "long", "many"],
)
def test_a_mistake_in_the_field_is_told_beside_it(site: Site, text: str, problem: str) -> None:
    """Nobody is sent on, what was typed stays, and only an empty field means everything."""
    visitor = site.visitor()
    page = visitor.open(site.link("mistaken"))
    refused = visitor.send(page, groups_to_sync=text)
    assert refused.status == 422
    assert problem in refused.text.lower()
    assert refused.fields()["form_token"]
    assert text.strip() in refused.response.text
    assert visitor.send(refused, groups_to_sync="").status == 303


def test_the_sign_in_is_asked_for_with_pkce_state_and_nonce(site: Site) -> None:
    """What binds the answer to this browser and this question is there, and different each time."""
    visitor, link = site.visitor(), site.link("asked")
    first, second = (query_of(visitor.press_connect(link)) for _ in range(2))
    for query in (first, second):
        assert query["code_challenge_method"] == "S256"
        assert query["redirect_uri"] == f"{site.base}/connect/callback"
        assert query["scope"].split() == ["openid", "profile"]
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]


def test_a_caller_with_a_page_of_its_own_completes_the_consent(site: Site) -> None:
    """The last answer goes to the caller's page, and what arrives there activates the connection, once."""
    link = site.link("called", redirect_uri=CALLER_PAGE)
    answer = site.visitor().to_last_answer(link, ADMIN)
    assert answer.startswith(CALLER_PAGE)
    connection = site.complete(answer)
    assert connection.state == pb.Connection.STATE_ACTIVE
    assert connection.tenant_id == site.home.tenant_id
    assert site.await_sync("called").state == SyncRun.STATE_SUCCEEDED
    with pytest.raises(grpc.RpcError) as caught:
        site.complete(answer)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_page_that_is_not_permitted_is_refused(site: Site) -> None:
    """No open redirect: only addresses that the settings list, character by character."""
    for uri in ("https://evil.example/", CALLER_PAGE + "/", CALLER_PAGE.upper(), "javascript:alert(1)"):
        with pytest.raises(grpc.RpcError) as caught:
            site.ask("refused", redirect_uri=uri)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(grpc.RpcError) as missing:
        site.get("refused")
    assert missing.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("at", ["sign-in", "consent"])
def test_who_cancels_is_told_so_and_may_try_again(site: Site, at: str) -> None:
    """Entra's code and trace ID, what to do, and a button that works; callers read the reason on the connection."""
    visitor, link = site.visitor(), site.link(f"cancelled-{at}")
    url = visitor.press_connect(link) if at == "sign-in" else visitor.to_consent(link, ADMIN)
    page = visitor.open(visitor.decide(url, ADMIN, decision="cancel"))
    assert page.status == 400
    for words in ("Consent was not given", "AADSTS65004", "Trace ID", "Try again"):
        assert words in page.text
    site.check_nothing_bound(f"cancelled-{at}")
    assert "AADSTS65004" in site.get(f"cancelled-{at}").last_error.message
    (again,) = (given for given in page.all("a") if given.get("id") == "again")
    finished = visitor.open(visitor.to_last_answer(again["href"], ADMIN))
    assert finished.status == 303
    assert site.get(f"cancelled-{at}").state == pb.Connection.STATE_ACTIVE
    assert not site.get(f"cancelled-{at}").HasField("last_error")


def test_a_caller_is_told_that_the_administrator_declined(site: Site) -> None:
    """PERMISSION_DENIED though the redirect says `admin_consent=True`."""
    visitor = site.visitor()
    url = visitor.to_consent(site.link("declined", redirect_uri=CALLER_PAGE), ADMIN)
    answer = visitor.decide(url, ADMIN, decision="cancel")
    assert query_of(answer)["admin_consent"] == "True"
    with pytest.raises(grpc.RpcError) as caught:
        site.complete(answer)
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert "AADSTS65004" in (caught.value.details() or "")
    site.check_nothing_bound("declined")


def test_an_administrator_of_another_tenant_is_refused_where_one_is_named(site: Site) -> None:
    """He is told both tenants; nothing is bound to his."""
    named = site.ask("named", tenant="contoso.example").connection
    assert not named.tenant_id
    link = site.link("named", tenant="contoso.example")
    visitor = site.visitor()
    # The sign-in page of a named tenant lets nobody else in, so that it is asked for at the one of all organizations.
    url = visitor.press_connect(link).replace(site.home.tenant_id, "organizations", 1)
    page = visitor.open(visitor.decide(url, site.admin_of(site.other)))
    assert page.status == 400
    assert "nothing was connected" in page.text.lower()
    site.check_nothing_bound("named")


def test_script_in_what_entra_says_stays_text(site: Site) -> None:
    """An error's description is escaped, and cut off."""
    text = "<script>document.title='owned'</script><img src=x onerror=alert(1)>" + "x" * 5000
    refusal = Refusal(code=50199, at="sign_in", error="interaction_required", text=text, on_page=False)
    site.emulator.login.refuse(refusal)
    visitor = site.visitor()
    entra = visitor.press_connect(site.link("script"))
    page = visitor.open(visitor.open(entra).location)
    assert page.status == 400
    assert "<script>" not in page.response.text
    assert "<img" not in page.response.text
    assert "document.title" in page.text
    assert len(page.text) < 2000


def test_every_page_is_kept_by_nobody_and_runs_nothing_of_others(site: Site) -> None:
    """Policy, cache, referrer, frames: on the form, on the way to Entra, on errors, on the outcome."""
    visitor = site.visitor()
    link = site.link("headers")
    answers = [
        visitor.open(link),
        visitor.open(f"{site.base}/connect/{'x' * 43}"),
        visitor.open(with_query(link, a="b")),
    ]
    answers.append(visitor.send(answers[0]))
    answers.append(visitor.open(visitor.to_last_answer(link, ADMIN)))
    answers.append(visitor.open(answers[-1].location))
    for answer in answers:
        headers = answer.response.headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Frame-Options"] == "DENY"
        assert not re.search(r"<script(?! src=\"/connect/static/)|<style| style=| on[a-z]+=", answer.response.text)


def test_an_active_connection_stays_in_order_until_its_renewal_is_complete(site: Site) -> None:
    """A renewal that fails, or is never finished, takes nothing away; no other tenant takes the connection over."""
    visitor = site.visitor()
    visitor.open(visitor.to_last_answer(site.link("renewed"), ADMIN))
    site.await_sync("renewed")
    before = site.get("renewed")
    link = site.link("renewed")
    assert site.get("renewed").state == pb.Connection.STATE_ACTIVE
    other = site.visitor()
    url = other.press_connect(link).replace(site.home.tenant_id, "organizations", 1)
    assert other.open(other.decide(url, site.admin_of(site.other))).status == 400
    after = site.get("renewed")
    assert (after.state, after.tenant_id) == (before.state, before.tenant_id)
    assert not after.HasField("last_error")
    assert site.users("renewed")


def test_a_mere_check_asks_and_keeps_nothing(site: Site) -> None:
    """`validate_only` answers what would come of it."""
    request = pb.ConnectRequest(connection_id="mere", admin_consent=pb.AdminConsent(), validate_only=True)
    answer = site.connect(request)
    assert answer.connection.state == pb.Connection.STATE_PENDING_CONSENT
    assert not answer.HasField("pending_consent")
    with pytest.raises(grpc.RpcError) as caught:
        site.get("mere")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_connection_that_waits_cannot_be_synced(site: Site) -> None:
    """It goes on waiting, and nothing is read."""
    site.ask("waits")
    with pytest.raises(grpc.RpcError) as caught:
        site.call("SyncService/Sync", SyncRequest(connection="connections/waits"), SyncResponse)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    site.check_nothing_bound("waits")
