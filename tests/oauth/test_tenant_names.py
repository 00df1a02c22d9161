import pytest
from aiohttp import web

from entraid_emulator import Emulator
from entraid_service.errors import CredentialsRejected, EntraUnavailable
from entraid_service.oauth.tenants import configuration_url, tenant_in
from entraid_service.oauth.tokens import MsalAuthority
from graph.cloud import TENANT, ScriptedCloud


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
