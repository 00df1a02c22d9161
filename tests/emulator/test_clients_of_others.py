"""Fidelity: MSAL, azure-identity and msgraph-sdk, which nobody here wrote, connect, page and understand refusals."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import msal
import pytest
import requests
from azure.identity.aio import ClientSecretCredential
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph.generated.models.group import Group
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.user import User
from msgraph.generated.users.users_request_builder import UsersRequestBuilder
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph.graph_service_client import GraphServiceClient
from msgraph_core import GraphClientFactory  # type: ignore[import-untyped]  # it ships no types
from msgraph_core.tasks.page_iterator import PageIterator  # type: ignore[import-untyped]  # it ships no types

from emulator.wire import GRAPH_SCOPE, Wire
from entraid_emulator import CONTOSO_TENANT_ID, Fault

if TYPE_CHECKING:
    from msgraph.generated.users.count.count_request_builder import CountRequestBuilder

# msgraph-sdk warns of classes that it defines itself, whenever one of its builders is first used
pytestmark = pytest.mark.filterwarnings("ignore:This class is deprecated:DeprecationWarning")

ENGINEERING = "bbbbbbbb-0000-4000-8000-000000000002"
ADA = "aaaaaaaa-0000-4000-8000-000000000001"


def msal_app(
    wire: Wire, *, secret: str | None = None, tenant: str = CONTOSO_TENANT_ID
) -> msal.ConfidentialClientApplication:
    """MSAL as its documentation sets it up, with a session of our own so that the environment changes nothing."""
    return msal.ConfidentialClientApplication(
        wire.emulator.app.client_id,
        client_credential=secret or wire.emulator.app.client_secret.reveal(),
        authority=f"{wire.emulator.authority_url}/{tenant}",
        instance_discovery=False,
        azure_region=False,
        http_client=wire.session,
    )


@pytest.mark.parametrize("tenant", [CONTOSO_TENANT_ID, "contoso.example"])
def test_msal_gets_a_token_that_opens_graph(contoso_wire: Wire, tenant: str) -> None:
    """Once from the network, then from MSAL's cache."""
    app = msal_app(contoso_wire, tenant=tenant)
    answer = app.acquire_token_for_client([GRAPH_SCOPE])
    assert answer["token_source"] == "identity_provider"
    assert contoso_wire.get("/users?$top=1", token=answer["access_token"]).status_code == requests.codes.ok
    assert app.acquire_token_for_client([GRAPH_SCOPE])["token_source"] == "cache"


def test_msal_finds_the_emulator_by_instance_discovery(contoso_wire: Wire) -> None:
    """With discovery pointed here, MSAL follows the document to the tenant."""
    app = msal.ConfidentialClientApplication(
        contoso_wire.emulator.app.client_id,
        client_credential=contoso_wire.emulator.app.client_secret.reveal(),
        authority=f"{contoso_wire.emulator.authority_url}/{CONTOSO_TENANT_ID}",
        instance_discovery=f"{contoso_wire.emulator.authority_url}/common/discovery/instance",
        azure_region=False,
        http_client=contoso_wire.session,
    )
    assert "access_token" in app.acquire_token_for_client([GRAPH_SCOPE])


def test_msal_accepts_the_oidc_authority(contoso_wire: Wire) -> None:
    """`oidc_authority` checks the issuer of the document."""
    app = msal.ConfidentialClientApplication(
        contoso_wire.emulator.app.client_id,
        client_credential=contoso_wire.emulator.app.client_secret.reveal(),
        oidc_authority=f"{contoso_wire.emulator.authority_url}/{CONTOSO_TENANT_ID}/v2.0",
        azure_region=False,
        http_client=contoso_wire.session,
    )
    assert "access_token" in app.acquire_token_for_client([GRAPH_SCOPE])


def test_msal_hands_on_the_refusal(contoso_wire: Wire) -> None:
    """A wrong secret and a wrong tenant arrive as MSAL's callers know them."""
    answer = msal_app(contoso_wire, secret="wrong").acquire_token_for_client([GRAPH_SCOPE])
    assert (answer["error"], answer["error_codes"]) == ("invalid_client", [7000215])
    with pytest.raises(ValueError, match="Unable to get authority configuration"):
        msal_app(contoso_wire, tenant="00000000-1111-4222-8333-444444444444").acquire_token_for_client([GRAPH_SCOPE])


@asynccontextmanager
async def microsofts_sdk(wire: Wire) -> AsyncIterator[GraphServiceClient]:
    """Microsoft's own SDK and middleware with Microsoft's own credential, over real TLS."""
    emulator = wire.emulator
    credential = ClientSecretCredential(
        CONTOSO_TENANT_ID,
        emulator.app.client_id,
        emulator.app.client_secret.reveal(),
        authority=emulator.authority_url,
        disable_instance_discovery=True,
        connection_verify=str(emulator.ca_file),
    )
    context = ssl.create_default_context(cafile=str(emulator.ca_file))
    transport = httpx.AsyncHTTPTransport(verify=context, trust_env=False)
    async with credential, aclosing(transport):  # the SDK wraps the transport and does not close it
        provider = AzureIdentityAuthenticationProvider(credential, scopes=[GRAPH_SCOPE], allowed_hosts=["localhost"])
        plain = httpx.AsyncClient(transport=transport, trust_env=False)
        client = GraphClientFactory.create_with_default_middleware(client=plain)
        adapter = GraphRequestAdapter(provider, client)
        adapter.base_url = emulator.graph_url
        yield GraphServiceClient(request_adapter=adapter)
    # azure-identity's TLS connections close late: docs.aiohttp.org/en/stable/client_advanced.html#graceful-shutdown
    await asyncio.sleep(0.1)


@pytest.fixture
async def sdk(contoso_wire: Wire) -> AsyncIterator[GraphServiceClient]:
    """The SDK against the emulator that nobody changes."""
    async with microsofts_sdk(contoso_wire) as client:
        yield client


def page_of(size: int, *select: str) -> RequestConfiguration[UsersRequestBuilder.UsersRequestBuilderGetQueryParameters]:
    """Query options as the SDK takes them."""
    parameters = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(top=size, select=list(select) or None)
    return RequestConfiguration(query_parameters=parameters)


async def test_the_sdk_pages_all_users(sdk: GraphServiceClient) -> None:
    """With the SDK's own page iterator, typed, across six pages."""
    first = await sdk.users.get(page_of(7, "id", "displayName", "accountEnabled"))
    assert first is not None
    users: list[User] = []

    def take(user: User) -> bool:
        users.append(user)
        return True

    await PageIterator(first, sdk.request_adapter).iterate(take)
    assert len(users) == len({user.id for user in users}) == 40
    assert sum(user.account_enabled is False for user in users) == 5
    assert users[0].display_name == "Ada Çelik"


async def test_the_sdk_lists_groups_and_members(sdk: GraphServiceClient) -> None:
    """Groups, and members as the SDK's own classes by their `@odata.type`."""
    groups = await sdk.groups.get()
    assert groups is not None
    assert len(groups.value or []) == 22
    members = await sdk.groups.by_group_id(ENGINEERING).members.get()
    assert members is not None
    kinds = [type(member) for member in members.value or []]
    assert kinds == [Group, Group, User, User, User, User]


async def test_the_sdk_reads_user_manager_count_and_organization(sdk: GraphServiceClient) -> None:
    """Single objects, navigation, the text answer of `$count`."""
    user = await sdk.users.by_user_id("fiona.oneill@contoso.example").get()
    assert user is not None
    assert user.display_name == "Fiona O'Neill"
    boss = await sdk.users.by_user_id(user.id or "").manager.get()
    assert isinstance(boss, User)
    assert boss.display_name == "Bruno Keller"
    configuration: RequestConfiguration[CountRequestBuilder.CountRequestBuilderGetQueryParameters]
    configuration = RequestConfiguration()
    configuration.headers.add("ConsistencyLevel", "eventual")
    assert await sdk.users.count.get(configuration) == 40
    organizations = await sdk.organization.get()
    assert organizations is not None
    assert [one.id for one in organizations.value or []] == [CONTOSO_TENANT_ID]


async def test_the_sdk_understands_refusals(sdk: GraphServiceClient) -> None:
    """Errors become the SDK's typed error with code, message and request id."""
    with pytest.raises(ODataError) as missing:
        await sdk.users.by_user_id("00000000-1111-4222-8333-444444444444").get()
    error = missing.value.error
    assert missing.value.response_status_code == 404
    assert error is not None
    assert error.code == "Request_ResourceNotFound"
    assert error.inner_error is not None
    assert error.inner_error.request_id
    with pytest.raises(ODataError) as refused:
        await sdk.users.get(page_of(7, "nothing"))
    assert refused.value.response_status_code == 400


async def test_the_sdk_waits_out_a_throttle(own_wire: Wire) -> None:
    """A scripted 429 with Retry-After is retried by Microsoft's middleware, not before its time."""
    own_wire.emulator.faults.add(Fault(path="^/v1.0/users", status=429, headers={"Retry-After": "1"}))
    began = time.monotonic()
    async with microsofts_sdk(own_wire) as client:
        await client.users.get()
    assert time.monotonic() - began >= 1
    assert [one.status for one in own_wire.emulator.requests.matching("^/v1.0/users")] == [429, 200]
