import asyncio
import json
import logging
import threading
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from entraid_emulator import Emulator
from entraid_service.errors import CredentialsRejected, EntraidError, EntraUnavailable
from entraid_service.model.connection import ClientSecret, FederatedIdentity
from entraid_service.model.secret import Secret
from entraid_service.oauth.claims import read_claims
from entraid_service.oauth.threads import LoginThreads
from entraid_service.oauth.tokens import MsalAuthority
from entraid_service.oauth.wire import BrokenAnswer, LoginHttp
from entraid_service.ports import TokenSource
from graph.cloud import CANARY, CLIENT, TENANT, ScriptedCloud, jwt, text_of

OTHER_TENANT = "11111111-2222-4333-8444-555555555555"


def of_emulator(emulator: Emulator, authority: MsalAuthority, *, secret: str = "", tenant: str = "") -> TokenSource:
    """A source of the emulator's tokens."""
    return authority.token_source(
        tenant=tenant or emulator.tenants[0].tenant_id,
        client_id=emulator.app.client_id,
        credential=ClientSecret(Secret(secret or emulator.app.client_secret.reveal())),
    )


async def test_a_token_tells_its_tenant_permissions_and_end(emulator: Emulator) -> None:
    """What the emulator issues comes back with everything that it says about itself."""
    authority = MsalAuthority(authority_url=emulator.authority_url, ca_bundle=emulator.ca_file)
    token = await of_emulator(emulator, authority).token()
    authority.close()
    assert token.tenant_id == str(emulator.tenants[0].tenant_id)
    assert token.roles == ("GroupMember.Read.All", "User.Read.All")
    assert token.expire_time > datetime.now(UTC) + timedelta(minutes=50)
    assert token.secret.reveal() not in repr(token)


async def test_fifty_cold_callers_cause_one_request(cloud: ScriptedCloud) -> None:
    """MSAL itself would send fifty."""
    source = cloud.token_source()
    tokens = await asyncio.gather(*(source.token() for _ in range(50)))
    assert {token.secret.reveal() for token in tokens} == {"opaque-1"}
    assert len(cloud.token_requests) == 1
    assert (await source.token()).secret.reveal() == "opaque-1"
    assert len(cloud.asked) == 2


async def test_fifty_callers_share_one_failure(cloud: ScriptedCloud) -> None:
    """A wrong secret is not sent fifty times, which would look like an attack; the next call tries again."""
    bad = {"error": "invalid_client", "error_codes": [7000215], "error_description": "AADSTS7000215: no"}
    cloud.on(r"/token$", web.json_response(bad, status=401))
    source = cloud.token_source()
    outcomes = await asyncio.gather(*(source.token() for _ in range(50)), return_exceptions=True)
    assert all(isinstance(outcome, CredentialsRejected) for outcome in outcomes)
    assert sum(target.endswith("/token") for target in cloud.asked) == 1
    with pytest.raises(CredentialsRejected):
        await source.token()
    assert sum(target.endswith("/token") for target in cloud.asked) == 2


async def test_a_cancelled_caller_does_not_cancel_the_others(cloud: ScriptedCloud) -> None:
    """Whoever gives up, gives up for himself."""

    async def slow(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.2)
        return web.json_response({"access_token": "late", "expires_in": 3599, "token_type": "Bearer"})

    cloud.on(r"/token$", slow)
    source = cloud.token_source()
    first, second = asyncio.create_task(source.token()), asyncio.create_task(source.token())
    await asyncio.sleep(0.1)
    first.cancel()
    assert (await second).secret.reveal() == "late"


async def test_the_number_of_threads_is_bounded(cloud: ScriptedCloud) -> None:
    """A hundred tenants at once do not make a hundred threads."""
    authority = MsalAuthority(authority_url=cloud.url, ca_bundle=cloud.ca_file, threads=3)
    sources = [
        authority.token_source(tenant=TENANT, client_id=CLIENT, credential=ClientSecret(Secret("x"))) for _ in range(12)
    ]
    await asyncio.gather(*(source.token() for source in sources))
    names = [thread.name for thread in threading.enumerate() if thread.name.startswith("entraid-login")]
    authority.close()
    assert len([name for name in names if name.endswith("_3")]) == 0
    assert len(cloud.token_requests) == 12


async def test_nobody_waits_for_ever_for_a_thread() -> None:
    """Where all are busy, whoever waits is told when his time is over."""
    threads, is_over = LoginThreads(threads=1, timeout=timedelta(seconds=0.2)), threading.Event()
    try:
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await threads.run(lambda: is_over.wait(5))
    finally:
        is_over.set()
        threads.close()


async def test_two_sources_share_nothing(cloud: ScriptedCloud) -> None:
    """The same app and tenant twice: each has its own token and its own cache."""
    authority = cloud.authority()
    credential = ClientSecret(Secret("x"))
    one, two = (authority.token_source(tenant=TENANT, client_id=CLIENT, credential=credential) for _ in range(2))
    assert (await one.token()).secret != (await two.token()).secret
    assert len(cloud.token_requests) == 2


async def test_a_token_of_another_tenant_is_never_used(cloud: ScriptedCloud) -> None:
    """Whatever the login side mixes up, tenant A's token does not read tenant B."""
    cloud.tokens.extend([jwt(tid=OTHER_TENANT, roles=["User.Read.All"]), jwt(tid=TENANT.upper())])
    source = cloud.token_source()
    with pytest.raises(CredentialsRejected, match=f"tenant `{OTHER_TENANT}`, not of `{TENANT}`"):
        await source.token()
    token = await source.token()
    assert token.tenant_id == TENANT
    assert token.roles == ()


async def test_a_tenant_is_the_same_however_its_id_is_written(cloud: ScriptedCloud) -> None:
    """Its own tokens are not taken for another's."""
    cloud.tokens.append(jwt(tid=TENANT))
    credential = ClientSecret(Secret(CANARY))
    source = cloud.authority().token_source(tenant=TENANT.upper(), client_id=CLIENT, credential=credential)
    assert (await source.token()).tenant_id == TENANT


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "..", jwt(tid=7, roles="all"), "a." + "!" * 9 + ".c", "é.é.é"])
async def test_an_opaque_token_is_a_token(cloud: ScriptedCloud, token: str) -> None:
    """Clients need not understand tokens; what cannot be read tells nothing."""
    cloud.tokens.append(token)
    got = await cloud.token_source().token()
    assert got.secret.reveal() == token
    assert (got.tenant_id, got.roles) == (None, None)


def test_roles_that_a_token_does_not_have_are_known_to_be_none() -> None:
    """A token of an app without permissions has no `roles` at all."""
    assert read_claims(jwt(tid=TENANT)).roles == ()
    assert read_claims(jwt(roles=["A", 7, "B"])).roles == ("A", "B")


async def test_renewing_bypasses_the_cache_once_for_all(cloud: ScriptedCloud) -> None:
    """Several callers whose token was rejected get the same new one; a caller of an older token gets it at once."""
    source = cloud.token_source()
    old = await source.token()
    new = await asyncio.gather(*(source.renew(old) for _ in range(20)))
    assert {token.secret.reveal() for token in new} == {"opaque-2"}
    assert (await source.renew(old)).secret.reveal() == "opaque-2"
    assert (await source.token()).secret.reveal() == "opaque-2"
    assert (await source.renew(new[0])).secret.reveal() == "opaque-3"
    assert len(cloud.token_requests) == 3


async def test_a_claims_challenge_is_merged_with_our_own_capabilities(cloud: ScriptedCloud) -> None:
    """The service says that it handles challenges, and asks for what Graph wants."""
    source = cloud.token_source()
    token = await source.token()
    await source.renew(token, claims_challenge='{"access_token":{"nbf":{"value":"1"}}}')
    claims = json.loads(cloud.token_requests[1]["claims"])
    assert claims == {"access_token": {"nbf": {"value": "1"}, "xms_cc": {"values": ["CP1"]}}}


async def test_a_refused_challenge_leaves_the_token_as_it_was(cloud: ScriptedCloud) -> None:
    """What Graph wants more of, it wants for some requests only: the others go on with what there is."""
    good = {"access_token": "good", "expires_in": 3599, "token_type": "Bearer"}
    refused = {"error": "interaction_required", "error_description": "AADSTS53003: no", "error_codes": [53003]}
    cloud.on(r"/token$", good, web.json_response(refused, status=400))
    source = cloud.token_source()
    token = await source.token()
    with pytest.raises(CredentialsRejected, match="Conditional Access"):
        await source.renew(token, claims_challenge='{"access_token":{"nbf":{"value":"1"}}}')
    source._reuse_until = 0.0  # type: ignore[attr-defined]  # as if a minute had passed
    assert (await source.token()).secret.reveal() == "good"


async def test_a_good_token_outlives_an_outage_of_entra(cloud: ScriptedCloud) -> None:
    """MSAL wants to refresh early; a 503 then is no reason to stop while the token is good."""
    good = {"access_token": "good", "expires_in": 3599, "refresh_in": 0, "token_type": "Bearer"}
    cloud.on(r"/token$", good, web.json_response({"error": "temporarily_unavailable"}, status=503))
    source = cloud.token_source()
    await source.token()
    source._reuse_until = 0.0  # type: ignore[attr-defined]  # as if a minute had passed
    await asyncio.sleep(1.1)
    assert (await source.token()).secret.reveal() == "good"
    assert sum(target.endswith("/token") for target in cloud.asked) == 2


async def test_a_token_is_not_handed_out_beyond_its_end(cloud: ScriptedCloud) -> None:
    """One that is over at once is asked for each time."""
    cloud.on(r"/token$", *[{"access_token": word, "expires_in": 0, "token_type": "Bearer"} for word in ("a", "b")])
    source = cloud.token_source()
    assert [(await source.token()).secret.reveal() for _ in range(2)] == ["a", "b"]


async def test_the_environment_changes_nothing(cloud: ScriptedCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust, proxy and region come from the settings alone."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, "/nowhere.pem")
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("MSAL_FORCE_REGION", "westeurope")
    assert (await cloud.token_source().token()).secret.reveal() == "opaque-1"


async def test_a_source_does_no_io_before_it_is_asked(cloud: ScriptedCloud) -> None:
    """The service starts without a network."""
    cloud.token_source()
    MsalAuthority(authority_url="https://login.invalid", ca_bundle=cloud.ca_file).close()
    assert cloud.asked == []


async def test_a_federated_identity_without_a_token_file_says_so(cloud: ScriptedCloud) -> None:
    """Nothing is faked for a credential that is not configured."""
    with pytest.raises(CredentialsRejected, match="and none is configured"):
        cloud.authority().token_source(tenant=TENANT, client_id=CLIENT, credential=FederatedIdentity())


@pytest.mark.parametrize("url", ["http://login.example", "login.example", ""])
def test_secrets_are_sent_over_https_only(url: str) -> None:
    """A client secret is never sent in the clear."""
    with pytest.raises(ValueError, match="not an https URL"):
        MsalAuthority(authority_url=url)


async def test_a_token_endpoint_in_the_clear_gets_no_secret(cloud: ScriptedCloud) -> None:
    """Also where the login side itself names it."""
    heard: list[str] = []

    async def hear(request: web.Request) -> web.Response:
        heard.append(await request.text())
        return web.json_response({"access_token": "clear", "expires_in": 3599, "token_type": "Bearer"})

    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", hear)
    async with TestServer(application) as listener:
        clear = {"token_endpoint": f"http://localhost:{listener.port}/{TENANT}/oauth2/v2.0/token"}
        cloud.on(r"openid-configuration", cloud.configuration() | clear)
        with pytest.raises(EntraUnavailable, match="did not answer as the login side"):
            await cloud.token_source().token()
    assert heard == []


def test_no_form_is_posted_in_the_clear() -> None:
    """Whoever asks for it: nothing is sent."""
    http = LoginHttp(ca_bundle=None, proxy=None, timeout=timedelta(seconds=1))
    with pytest.raises(BrokenAnswer, match="not an https URL"):
        http.post("http://localhost:1/token", data={"client_secret": CANARY})
    http.close()


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 429, 500, 503])
@pytest.mark.parametrize("place", [r"/token$", r"openid-configuration"])
async def test_no_log_and_no_error_shows_the_secret(
    cloud: ScriptedCloud, caplog: pytest.LogCaptureFixture, place: str, status: int
) -> None:
    """An answer that repeats what was sent does not bring it into an error, a traceback or a log."""
    caplog.set_level(logging.DEBUG)
    echo = {"error": "invalid_client", "error_description": f"AADSTS9999999: `{CANARY}` is wrong", "trace_id": CANARY}
    cloud.on(place, web.json_response(echo, status=status))
    with pytest.raises(EntraidError) as caught:
        await cloud.token_source().token()
    shown = text_of(caught.value) + str(caught.value.metadata)
    assert CANARY not in shown
    assert CANARY not in caplog.text


async def test_a_token_answer_that_breaks_off_is_not_logged(
    cloud: ScriptedCloud, caplog: pytest.LogCaptureFixture
) -> None:
    """MSAL logs an answer that is not JSON, with the token in it."""
    caplog.set_level(logging.DEBUG)
    cut = web.Response(text='{"access_token": "canary-token-', content_type="application/json")
    cloud.on(r"/token$", cut)
    with pytest.raises(EntraUnavailable, match="did not answer as the login side"):
        await cloud.token_source().token()
    assert "canary-token" not in caplog.text
