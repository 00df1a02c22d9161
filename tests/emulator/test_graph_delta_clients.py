"""Fidelity of delta: msgraph-sdk, which nobody here wrote, runs rounds through its own request builders."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph.generated.groups.delta.delta_request_builder import DeltaRequestBuilder as GroupsDelta
from msgraph.generated.models.group import Group
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.user import User
from msgraph.generated.users.delta.delta_request_builder import DeltaRequestBuilder as UsersDelta
from msgraph.graph_service_client import GraphServiceClient

from emulator.test_clients_of_others import microsofts_sdk
from emulator.wire import Wire
from entraid_emulator import Behaviour, Emulator, ObjectId, contoso

pytestmark = pytest.mark.filterwarnings("ignore:This class is deprecated:DeprecationWarning")

ADA = ObjectId("aaaaaaaa-0000-4000-8000-000000000001")
BRUNO = ObjectId("aaaaaaaa-0000-4000-8000-000000000002")
PLATFORM = ObjectId("bbbbbbbb-0000-4000-8000-000000000003")


async def users_round(client: GraphServiceClient, link: str | None) -> tuple[list[User], str]:
    """One round of users, page by page, and the link to the next."""
    builder = client.users.delta
    parameters = UsersDelta.DeltaRequestBuilderGetQueryParameters(select=["id", "displayName", "accountEnabled"])
    configuration = RequestConfiguration(query_parameters=parameters)
    page = await (builder.get(configuration) if link is None else builder.with_url(link).get())
    found: list[User] = []
    while page is not None:
        found += page.value or []
        if page.odata_delta_link:
            return found, page.odata_delta_link
        page = await builder.with_url(page.odata_next_link or "").get()
    raise AssertionError("a round ends with a deltaLink")


async def groups_round(client: GraphServiceClient, link: str | None) -> tuple[list[Group], str]:
    """One round of groups."""
    builder = client.groups.delta
    parameters = GroupsDelta.DeltaRequestBuilderGetQueryParameters(select=["displayName", "members"])
    page = await (
        builder.get(RequestConfiguration(query_parameters=parameters)) if link is None else builder.with_url(link).get()
    )
    found: list[Group] = []
    while page is not None:
        found += page.value or []
        if page.odata_delta_link:
            return found, page.odata_delta_link
        page = await builder.with_url(page.odata_next_link or "").get()
    raise AssertionError("a round ends with a deltaLink")


@pytest.fixture
def paged_wire(start: Callable[[Emulator], Wire]) -> Wire:
    """A Contoso whose delta pages are small."""
    return start(Emulator([contoso()], behaviour=Behaviour(delta_page_size=9, delta_page_members=20)))


async def test_the_sdk_follows_users(paged_wire: Wire) -> None:
    """Everybody, then who changed, then who was deleted."""
    directory = paged_wire.emulator.tenants[0].directory
    async with microsofts_sdk(paged_wire) as client:
        everybody, link = await users_round(client, None)
        assert len({user.id for user in everybody}) == len(everybody) == 40
        directory.update_user(ADA, {"accountEnabled": False})
        directory.delete_user(BRUNO)
        changed, link = await users_round(client, link)
        by_id = {user.id: user for user in changed}
        assert by_id.keys() == {ADA, BRUNO}
        assert by_id[ADA].account_enabled is False
        assert by_id[BRUNO].additional_data["@removed"] == {"reason": "changed"}
        assert (await users_round(client, link))[0] == []


async def test_the_sdk_follows_members(paged_wire: Wire) -> None:
    """`members@delta` lands where the SDK keeps what it does not model; a large group comes several times."""
    directory = paged_wire.emulator.tenants[0].directory
    truth = directory.truth()
    async with microsofts_sdk(paged_wire) as client:
        groups, link = await groups_round(client, None)
        assert len(groups) > 22
        members: dict[str, set[str]] = {}
        for group in groups:
            links = group.additional_data.get("members@delta", [])
            members.setdefault(group.id or "", set()).update(str(one["id"]) for one in links)
        hidden = ObjectId("bbbbbbbb-0000-4000-8000-000000000020")
        assert members == {**truth.members, hidden: set()}
        directory.add_member(PLATFORM, BRUNO)
        (group,), _ = await groups_round(client, link)
        assert (group.id, group.display_name) == (PLATFORM, "Platform")
        assert [str(one["id"]) for one in group.additional_data["members@delta"]] == [BRUNO]


async def test_the_sdk_understands_that_a_link_is_too_old(paged_wire: Wire) -> None:
    """As its typed error with status 410."""
    async with microsofts_sdk(paged_wire) as client:
        _, link = await users_round(client, None)
        paged_wire.emulator.behaviour = Behaviour(delta_token_lifetime=timedelta())
        with pytest.raises(ODataError) as refused:
            await users_round(client, link)
        assert refused.value.response_status_code == 410
        assert refused.value.error is not None
        assert refused.value.error.code == "resyncRequired"
