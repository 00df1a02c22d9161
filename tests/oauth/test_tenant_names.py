from pathlib import Path

import pytest
from aiohttp import web

from entraid_emulator import Emulator
from entraid_service.app import SystemClock
from entraid_service.connect.connector import Connector, ConnectOrder
from entraid_service.connect.proof import Prover
from entraid_service.errors import CredentialsRejected, EntraUnavailable
from entraid_service.graph import MicrosoftGraph
from entraid_service.model.connection import ClientSecret, Connection
from entraid_service.model.secret import Secret
from entraid_service.oauth.keys import EncryptionKey
from entraid_service.oauth.secretbox import AesGcmSecretBox
from entraid_service.oauth.tenants import configuration_url, tenant_in
from entraid_service.oauth.tokens import MsalAuthority
from entraid_service.store.sqlite import SqliteStore
from graph.cloud import CANARY, CLIENT, TENANT, ScriptedCloud, jwt, page


async def test_a_domain_names_its_tenant(emulator: Emulator) -> None:
    """A verified domain is as good as the id; an unknown one is Entra's to reject."""
    authority = MsalAuthority(authority_url=emulator.authority_url, ca_bundle=emulator.ca_file)
    tenant = emulator.tenants[0]
    assert await authority.resolve_tenant(tenant.domains[0].upper()) == str(tenant.tenant_id)
    with pytest.raises(CredentialsRejected, match="AADSTS90002") as caught:
        await authority.resolve_tenant("nobody.example")
    authority.close()
    assert caught.value.aadsts == "AADSTS90002"


async def test_an_id_is_taken_as_it_is(cloud: ScriptedCloud) -> None:
    """In lower case, without asking anybody."""
    assert await cloud.authority().resolve_tenant(TENANT.upper()) == TENANT
    assert cloud.asked == []


@pytest.mark.parametrize(
    "name", ["common", "organizations", "consumers", "", "a/b.example", "x.example?a", "..", "a b.c"]
)
async def test_what_names_no_tenant_is_refused(cloud: ScriptedCloud, name: str) -> None:
    """An app's token is one tenant's, and a name cannot bend the URL."""
    with pytest.raises(CredentialsRejected, match="names no tenant"):
        await cloud.authority().resolve_tenant(name)
    assert cloud.asked == []


@pytest.mark.parametrize("name", ["{tenantid}", "contoso.example"])
async def test_a_configuration_without_an_id_is_refused(cloud: ScriptedCloud, name: str) -> None:
    """A tenant whose id Entra does not tell is not guessed."""
    cloud.on(r"openid-configuration", cloud.configuration(name))
    with pytest.raises(CredentialsRejected, match="give the ID"):
        await cloud.authority().resolve_tenant("contoso.example")


async def test_an_outage_is_no_unknown_tenant(cloud: ScriptedCloud) -> None:
    """A tenant is not declared unknown because Entra is down."""
    cloud.on(r"openid-configuration", web.Response(status=503))
    with pytest.raises(EntraUnavailable):
        await cloud.authority().resolve_tenant("contoso.example")


@pytest.mark.parametrize("configuration", ["domain", "absent"])
async def test_a_tenant_that_no_document_tells_is_told_by_its_token(
    cloud: ScriptedCloud, tmp_path: Path, configuration: str
) -> None:
    """The token that is asked for by domain names the tenant, and a token of that very tenant proves it."""
    document = cloud.configuration("contoso.example") if configuration == "domain" else web.Response(status=404)
    cloud.on(r"/contoso.example/v2.0/.well-known", document)
    cloud.tokens += [jwt(tid=TENANT)] * 2
    cloud.on(r"/v1.0/", page())
    connection = await _connected(cloud, tmp_path)
    assert connection.tenant_id == TENANT
    assert cloud.graph_requests(r"/token$")[-1] == f"/{TENANT}/oauth2/v2.0/token"


async def test_a_tenant_that_nothing_tells_is_not_guessed(cloud: ScriptedCloud, tmp_path: Path) -> None:
    """An opaque token says nothing: the caller is asked for the id."""
    cloud.on(r"/contoso.example/v2.0/.well-known", cloud.configuration("contoso.example"))
    with pytest.raises(CredentialsRejected, match="give the ID"):
        await _connected(cloud, tmp_path)


async def _connected(cloud: ScriptedCloud, folder: Path) -> Connection:
    """What `Connect` by domain makes of this cloud."""
    graph = MicrosoftGraph(base_url=f"{cloud.url}/v1.0", ca_bundle=cloud.ca_file)
    order = ConnectOrder("", "", "contoso.example", CLIENT, ClientSecret(Secret(CANARY)), validate_only=True)
    try:
        async with SqliteStore.open(folder / "entraid.db") as store:
            box = AesGcmSecretBox([EncryptionKey(bytes(32))])
            authority = cloud.authority()
            prover = Prover(authority=authority, graph=graph)
            connector = Connector(
                connections=store.connections, authority=authority, prover=prover, box=box, clock=SystemClock()
            )
            return await connector.connect(order)
    finally:
        await graph.close()


def test_urls_that_name_two_tenants_name_none() -> None:
    """A document that contradicts itself is not believed."""
    other = "11111111-2222-4333-8444-555555555555"
    url = "https://login.example/{}/v2.0"
    assert tenant_in({"issuer": url.format(TENANT), "token_endpoint": url.format(TENANT.upper())}) == TENANT
    assert tenant_in({"issuer": url.format(TENANT), "token_endpoint": url.format(other)}) is None
    assert tenant_in({"issuer": None, "token_endpoint": 7}) is None


def test_a_tenant_is_one_segment_of_the_url() -> None:
    """Encoded exactly once."""
    url = configuration_url("https://login.example", "a/b?c#d%")
    assert url == "https://login.example/a%2Fb%3Fc%23d%25/v2.0/.well-known/openid-configuration"
