"""Signing an administrator in at a login side that is not Microsoft's, and not ours: what its tokens may look like."""

import base64
import time
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from entraid_service.errors import CredentialsRejected, EntraUnavailable
from entraid_service.model.connection import ClientSecret
from entraid_service.model.secret import Secret
from entraid_service.oauth.applogin import LoginSite
from entraid_service.oauth.credentials import OwnApp
from entraid_service.oauth.signin import MsalSignIn
from entraid_service.oauth.threads import LoginThreads
from graph.cloud import CANARY, CLIENT, TENANT, ScriptedCloud

OTHER = "5f2d1c3b-0000-4000-8000-00000000cafe"
REDIRECT = "http://localhost/connect/callback"
KEYS = {name: rsa.generate_private_key(public_exponent=65537, key_size=2048) for name in ("one", "two")}


def published(name: str, **more: str | None) -> dict[str, object]:
    """A public key as a JWKS holds it; None takes a member out."""
    numbers = KEYS[name].public_key().public_numbers()
    texts = {"n": numbers.n, "e": numbers.e}
    encoded = {key: base64.urlsafe_b64encode(value.to_bytes(256)).decode().rstrip("=") for key, value in texts.items()}
    entry = {"kty": "RSA", "kid": name, "use": "sig", "alg": "RS256", **encoded, **more}
    return {key: value for key, value in entry.items() if value is not None}


class Stage:
    """A sign-in against a scripted login side, each document of which a test may change."""

    def __init__(self, cloud: ScriptedCloud) -> None:
        self.cloud = cloud
        self.keys: list[object] = [published("one")]
        self.issuers = {TENANT: f"{cloud.url}/{TENANT}/v2.0", "organizations": f"{cloud.url}/{{tenantid}}/v2.0"}
        self.jwks = "/common/discovery/v2.0/keys"
        self.keys_status = 200
        self.id_token = ""
        self.sign_in = MsalSignIn(
            OwnApp(CLIENT, ClientSecret(Secret(CANARY))),
            credential=CANARY,
            site=LoginSite(cloud.url, "x/.default", cloud.ca_file, None, timedelta(seconds=10)),
            threads=LoginThreads(threads=1, timeout=timedelta(seconds=10)),
        )
        cloud.on(".", self._answer)

    async def _answer(self, request: web.Request) -> web.Response:
        tenant = request.path.split("/")[1]
        if request.path == self.jwks:
            return web.json_response({"keys": self.keys}, status=self.keys_status)
        if request.path.endswith("/token"):
            return web.json_response({"token_type": "Bearer", "id_token": self.id_token, "access_token": "t"})
        if tenant in self.issuers and request.path.endswith("/openid-configuration"):
            endpoints = self.cloud.configuration(tenant)
            keys = self.cloud.url + self.jwks
            return web.json_response({**endpoints, "issuer": self.issuers[tenant], "jwks_uri": keys})
        refusal = {"error": "invalid_tenant", "error_description": "AADSTS90002: Tenant not found."}
        return web.json_response(refusal, status=400)

    async def prove(
        self,
        claims: Mapping[str, object] | None = None,
        *,
        signer: str = "one",
        head: Mapping[str, object] | None = None,
        tenant: str = "",
    ) -> str:
        """The tenant of who signs in with an ID token of these claims (None takes one out)."""
        begun = await self.sign_in.begin(tenant=tenant, redirect_uri=REDIRECT)
        nonce = dict(parse_qsl(urlsplit(begun.url).query))["nonce"]
        self.id_token = self._token({"nonce": nonce, **(claims or {})}, signer=signer, head=head or {})
        return await self.sign_in.prove(begun.memory, {"code": "c", "state": begun.state})

    def _token(self, claims: Mapping[str, object], *, signer: str, head: Mapping[str, object]) -> str:
        now = int(time.time())
        true = {"aud": CLIENT, "tid": TENANT, "iat": now, "nbf": now, "exp": now + 600, "sub": "s"}
        told = {"iss": self.issuers[TENANT], **true, **claims}
        kept = {name: value for name, value in told.items() if value is not None}
        names = {name: value for name, value in {"kid": signer, **head}.items() if value is not None}
        return jwt.encode(kept, KEYS[signer], algorithm="RS256", headers=names)


@pytest.fixture
def stage(cloud: ScriptedCloud) -> Stage:
    """A login side of one tenant."""
    return Stage(cloud)


@pytest.mark.parametrize(
    "claims",
    [{}, {"aud": [CLIENT]}, {"aud": CLIENT.upper()}, {"nbf": None}, {"tid": TENANT.upper()}, {"ver": "2.0", "x": []}],
    ids=str,
)
async def test_what_openid_connect_permits_is_accepted(stage: Stage, claims: dict[str, object]) -> None:
    """A list of the one audience, no `nbf`, ids in capitals."""
    assert await stage.prove(claims) == TENANT


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": [CLIENT, OTHER]},
        {"aud": [CLIENT, OTHER], "azp": CLIENT},
        {"aud": [OTHER]},
        {"aud": []},
        {"aud": [[CLIENT]]},
        {"nonce": None},
        {"iat": None},
        {"nbf": "0"},
        {"tid": OTHER},
        {"iss": f"https://sts.windows.net/{TENANT}/"},
        {"iss": None},
    ],
    ids=str,
)
async def test_what_it_does_not_permit_is_refused(stage: Stage, claims: dict[str, object]) -> None:
    """Audiences beside us, no nonce, no time of issue, another tenant's issuer."""
    with pytest.raises(CredentialsRejected):
        await stage.prove(claims)


@pytest.mark.parametrize("seconds", [-240, 240])
async def test_clocks_may_be_some_minutes_apart(stage: Stage, seconds: int) -> None:
    """Ahead of ours and behind it."""
    moved = int(time.time()) + seconds
    assert await stage.prove({"iat": moved, "nbf": moved, "exp": moved + (1 if seconds < 0 else 600)}) == TENANT


@pytest.mark.parametrize("tenant", ["", TENANT])
async def test_who_issues_a_tenants_tokens_its_own_document_says(stage: Stage, tenant: str) -> None:
    """The document for all organizations may name another issuer, and no place for the tenant in it."""
    stage.issuers["organizations"] = f"{stage.cloud.url}/organizations/v2.0"
    assert await stage.prove(tenant=tenant) == TENANT
    with pytest.raises(CredentialsRejected, match="not issued by the tenant"):
        await stage.prove({"iss": stage.issuers["organizations"]}, tenant=tenant)


async def test_a_document_for_all_organizations_is_not_needed_where_the_tenant_is_named(stage: Stage) -> None:
    """A login side of one tenant may have none."""
    del stage.issuers["organizations"]
    assert await stage.prove(tenant=TENANT) == TENANT


async def test_a_tenant_without_a_document_is_none(stage: Stage) -> None:
    """Whoever makes one up has keys for it nowhere."""
    for tenant in (OTHER, "../common"):
        with pytest.raises(CredentialsRejected):
            await stage.prove({"tid": tenant, "iss": f"{stage.cloud.url}/{tenant}/v2.0"})


async def test_keys_that_cannot_be_read_are_an_outage(stage: Stage) -> None:
    """Nobody lied."""
    stage.keys_status = 503
    with pytest.raises(EntraUnavailable):
        await stage.prove()


async def test_a_key_that_was_published_a_moment_ago_counts_and_a_withdrawn_one_does_not(stage: Stage) -> None:
    """The keys are read for each sign-in."""
    assert await stage.prove() == TENANT
    stage.keys = [published("two")]
    assert await stage.prove(signer="two") == TENANT
    with pytest.raises(CredentialsRejected, match="does not publish"):
        await stage.prove(signer="one")


@pytest.mark.parametrize("path", ["/keys", "/.well-known/jwks.json", f"/{TENANT}/discovery/v2.0/keys"])
async def test_keys_lie_where_the_document_says(stage: Stage, path: str) -> None:
    """At any path of the same host."""
    stage.jwks = path
    assert await stage.prove() == TENANT


@pytest.mark.parametrize(
    "keys",
    [
        [published("one", alg=None, use=None)],
        [published("one", x5c="x", x5t="y")],
        [published("two"), {"kty": "EC", "kid": "e"}, {"kty": "RSA", "kid": "no numbers"}, 7, published("one")],
        [published("one", issuer=f"https://localhost/{TENANT}/v2.0")],
    ],
    ids=["bare", "with a certificate", "among others", "of another issuer"],
)
async def test_the_key_that_a_token_names_is_found(stage: Stage, keys: list[object]) -> None:
    """Whatever else a key or the list of them holds; a key that signs for another issuer does not count."""
    stage.keys = keys
    if isinstance(keys[0], dict) and "issuer" in keys[0]:
        with pytest.raises(CredentialsRejected, match="not issued by the tenant"):
            await stage.prove()
    else:
        assert await stage.prove() == TENANT


async def test_a_token_without_a_key_id_is_checked_by_the_only_key(stage: Stage) -> None:
    """Of several none is tried."""
    assert await stage.prove(head={"kid": None}) == TENANT
    with pytest.raises(CredentialsRejected, match="signature"):
        await stage.prove(head={"kid": None}, signer="two")
    stage.keys = [published("one"), published("two")]
    with pytest.raises(CredentialsRejected, match="does not publish"):
        await stage.prove(head={"kid": None})
