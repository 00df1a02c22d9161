import asyncio
import json
import time
from datetime import timedelta

import pytest
from aiohttp import web

from entraid_emulator import Emulator
from entraid_service.errors import CredentialsRejected, EntraidError, EntraUnavailable
from entraid_service.model.connection import ClientSecret
from entraid_service.model.secret import Secret
from entraid_service.oauth.tokens import MsalAuthority
from graph.cloud import CANARY, CLIENT, TENANT, ScriptedCloud, text_of


async def failing(
    authority: MsalAuthority, *, tenant: str = TENANT, client: str = CLIENT, secret: str = CANARY
) -> EntraidError:
    """The error of asking for a token."""
    source = authority.token_source(tenant=tenant, client_id=client, credential=ClientSecret(Secret(secret)))
    try:
        with pytest.raises(EntraidError) as caught:
            await source.token()
    finally:
        authority.close()
    return caught.value


def of_emulator(emulator: Emulator) -> MsalAuthority:
    """The emulator's login side."""
    return MsalAuthority(authority_url=emulator.authority_url, ca_bundle=emulator.ca_file)


async def test_wrong_secret_unknown_app_and_unknown_tenant_are_told_apart(emulator: Emulator) -> None:
    """Each comes with its code, and none of them looks like an outage."""
    tenant, client = emulator.tenants[0].tenant_id, emulator.app.client_id
    secret = await failing(of_emulator(emulator), tenant=tenant, client=client, secret="wrong")
    app = await failing(of_emulator(emulator), tenant=tenant)
    unknown = await failing(of_emulator(emulator), client=client)
    for error, code in ((secret, "AADSTS7000215"), (app, "AADSTS700016"), (unknown, "AADSTS90002")):
        assert isinstance(error, CredentialsRejected)
        assert error.aadsts == code
        assert error.trace_id
        assert error.trace_id in str(error)


@pytest.mark.parametrize("place", [r"openid-configuration", r"/token$"])
@pytest.mark.parametrize(
    "answer",
    [
        web.Response(text="<html>Sign in to the proxy</html>", content_type="text/html"),
        web.Response(text="", content_type="application/json"),
        web.Response(text="[]", content_type="application/json"),
        web.Response(text='{"token_endpoint', content_type="application/json"),
        web.Response(status=404, text="<html>nginx</html>", content_type="text/html"),
        web.Response(status=302, headers={"Location": "https://elsewhere.example/"}),
        web.Response(status=407, text="no"),
        web.Response(status=410, text='{"detail": "Gone"}', content_type="application/json"),
    ],
    ids=["HTML", "empty", "a list", "truncated", "404", "redirect", "407", "410"],
)
async def test_something_other_than_entra_is_named_as_such(
    cloud: ScriptedCloud, place: str, answer: web.Response
) -> None:
    """A wrong URL or a proxy's page is no verdict on the credentials."""
    cloud.on(place, answer)
    error = await failing(cloud.authority())
    assert isinstance(error, EntraUnavailable)
    assert "did not answer as the login side of Entra does" in str(error)
    assert cloud.url.removeprefix("https://") in str(error)


@pytest.mark.parametrize("body", [{}, {"token_endpoint": 7, "authorization_endpoint": None}, {"issuer": "x"}])
async def test_a_configuration_that_lacks_members_is_an_error(cloud: ScriptedCloud, body: dict[str, object]) -> None:
    """Whatever MSAL stumbles over comes out as an error of ours."""
    cloud.on(r"openid-configuration", body)
    assert isinstance(await failing(cloud.authority()), EntraUnavailable)


@pytest.mark.parametrize("absent", [web.Response(status=404), web.json_response({"detail": "Not Found"}, status=404)])
async def test_a_login_side_without_a_document_is_asked_where_entra_issues_tokens(
    cloud: ScriptedCloud, absent: web.Response
) -> None:
    """Who only issues tokens to apps needs no OpenID configuration."""
    cloud.on(r"openid-configuration", absent)
    assert (await cloud.token_source().token()).secret.reveal() == "opaque-1"
    assert cloud.asked[-1] == f"/{TENANT}/oauth2/v2.0/token"


async def test_a_login_side_without_a_page_for_people_issues_tokens(cloud: ScriptedCloud) -> None:
    """Apps sign in without one."""
    cloud.on(r"openid-configuration", {"token_endpoint": f"{cloud.url}/{TENANT}/oauth2/v2.0/token"})
    assert (await cloud.token_source().token()).secret.reveal() == "opaque-1"


async def test_a_document_with_a_byte_order_mark_is_read(cloud: ScriptedCloud) -> None:
    """It is no part of the JSON."""
    body = b"\xef\xbb\xbf" + json.dumps(cloud.configuration()).encode()
    cloud.on(r"openid-configuration", web.Response(body=body, content_type="application/json"))
    assert (await cloud.token_source().token()).secret.reveal() == "opaque-1"


async def test_a_token_endpoint_elsewhere_is_named_if_it_cannot_be_reached(cloud: ScriptedCloud) -> None:
    """The host that failed is not the configured one: the document names it."""
    cloud.on(r"openid-configuration", {"token_endpoint": f"https://login.invalid/{TENANT}/oauth2/v2.0/token"})
    error = await failing(cloud.authority())
    assert isinstance(error, EntraUnavailable)
    assert "`login.invalid` cannot be resolved" in str(error)


@pytest.mark.parametrize("error", [{"code": "invalid_client"}, ["invalid_client"], 7, None])
async def test_a_refusal_in_another_form_is_a_refusal(cloud: ScriptedCloud, error: object) -> None:
    """OAuth's `error` is a word; something else there is an error all the same."""
    cloud.on(r"/token$", web.json_response({"error": error}, status=400))
    assert isinstance(await failing(cloud.authority()), CredentialsRejected)


@pytest.mark.parametrize("body", [{}, {"access_token": None}, {"access_token": 7}, {"access_token": ""}])
async def test_an_answer_without_a_token_is_an_error(cloud: ScriptedCloud, body: dict[str, object]) -> None:
    """A 200 without a token is no token."""
    cloud.on(r"/token$", body)
    await failing(cloud.authority())


@pytest.mark.parametrize(("status", "retry_after"), [(429, "17"), (503, "17"), (503, None), (500, "soon")])
@pytest.mark.parametrize("place", [r"openid-configuration", r"/token$"])
@pytest.mark.parametrize("body", ["{}", '{"error": "temporarily_unavailable"}'])
async def test_a_busy_login_side_says_when_to_come_back(
    cloud: ScriptedCloud, body: str, place: str, status: int, retry_after: str | None
) -> None:
    """Throttles and outages pass by themselves; where it does not say when, what is usual is told."""
    headers = {} if retry_after is None else {"retry-after": retry_after}
    cloud.on(place, web.Response(status=status, text=body, headers=headers))
    error = await failing(cloud.authority())
    assert isinstance(error, EntraUnavailable)
    assert error.retry_after == (timedelta(seconds=17) if retry_after == "17" else EntraUnavailable.usual_wait)


async def test_an_unreachable_host_is_named() -> None:
    """Nobody listens there."""
    error = await failing(MsalAuthority(authority_url="https://127.0.0.1:1"))
    assert isinstance(error, EntraUnavailable)
    assert "`127.0.0.1:1` cannot be reached" in str(error)


async def test_a_name_that_does_not_resolve_is_named() -> None:
    """The top-level domain `invalid` never resolves (RFC 6761)."""
    error = await failing(MsalAuthority(authority_url="https://login.invalid"))
    assert "`login.invalid` cannot be resolved" in str(error)


async def test_an_untrusted_certificate_is_named(cloud: ScriptedCloud) -> None:
    """Without the CA bundle nothing is sent, and the error says what to set."""
    error = await failing(MsalAuthority(authority_url=cloud.url))
    assert "certificate of `localhost:" in str(error)
    assert "set the CA bundle" in str(error)
    assert cloud.asked == []


async def test_a_dead_proxy_is_named_without_its_password(cloud: ScriptedCloud) -> None:
    """The proxy's URL holds a password: no part of the error shows it."""
    error = await failing(cloud.authority(proxy=f"http://someone:{CANARY}@127.0.0.1:1"))
    assert "through the configured proxy" in str(error)
    assert CANARY not in text_of(error)


@pytest.mark.parametrize("place", [r"openid-configuration", r"/token$"])
async def test_silence_ends_at_the_deadline(cloud: ScriptedCloud, place: str) -> None:
    """A login side that says nothing is given up."""

    async def silent(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(20)
        return web.Response()

    cloud.on(place, silent)
    start = time.monotonic()
    error = await failing(cloud.authority(timeout=timedelta(seconds=0.8)))
    assert "did not answer in time" in str(error)
    assert time.monotonic() - start < 3


async def test_a_slow_drip_ends_at_the_deadline(cloud: ScriptedCloud) -> None:
    """An answer that comes byte by byte holds neither the caller nor a thread."""

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.05)

    cloud.on(r"openid-configuration", drip, cloud.configuration())
    authority = MsalAuthority(authority_url=cloud.url, ca_bundle=cloud.ca_file, timeout=timedelta(seconds=2), threads=1)
    source = authority.token_source(tenant=TENANT, client_id=CLIENT, credential=ClientSecret(Secret(CANARY)))
    with pytest.raises(EntraUnavailable):
        await source.token()
    assert (await source.token()).secret.reveal() == "opaque-1"  # by the only thread there is
    authority.close()


async def test_an_answer_without_end_is_cut(cloud: ScriptedCloud) -> None:
    """Memory is bounded whatever is sent, though it would be a good answer."""
    cloud.on(r"openid-configuration", cloud.configuration() | {"more": "x" * 3_000_000})
    assert isinstance(await failing(cloud.authority()), EntraUnavailable)
    assert cloud.token_requests == []


async def test_a_missing_ca_bundle_is_told_at_the_start(cloud: ScriptedCloud) -> None:
    """Not at the first token."""
    with pytest.raises(ValueError, match="is not a file"):
        MsalAuthority(authority_url=cloud.url, ca_bundle=cloud.ca_file.with_name("none.pem"))
