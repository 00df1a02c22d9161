"""Lists that page by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import pytest

from client.scripted_service import UNAVAILABLE, Refusal, Script, error_info
from entraid.v1 import connection_service_pb2, directory_service_pb2, sync_service_pb2
from entraid_client.errors import InvalidPageToken, ServerFault

if TYPE_CHECKING:
    from entraid_client import EntraidClient


def users_page(*ids: str, token: str = "") -> directory_service_pb2.ListUsersResponse:
    """A page with these users."""
    users = [directory_service_pb2.User(object_id=object_id) for object_id in ids]
    return directory_service_pb2.ListUsersResponse(users=users, next_page_token=token)


async def test_a_list_is_followed_over_short_and_empty_pages(script: Script, client: EntraidClient) -> None:
    """Only a missing token ends a list."""
    script.answer("ListUsers", users_page("a", "b", token="1"), users_page(token="2"), users_page("c"))
    found = [user.object_id async for user in client.list_users("c", filter_text="x", page_size=2)]
    assert found == ["a", "b", "c"]
    requests = [
        request
        for request in script.requests("ListUsers")
        if isinstance(request, directory_service_pb2.ListUsersRequest)
    ]
    assert [request.page_token for request in requests] == ["", "1", "2"]
    assert {(request.parent, request.filter, request.page_size) for request in requests} == {("connections/c", "x", 2)}


async def test_a_token_that_comes_back_does_not_list_for_ever(script: Script, client: EntraidClient) -> None:
    """A list that goes round in circles is an error, not a list."""
    script.answer("ListUsers", users_page("a", token="1"), users_page("b", token="2"), users_page("c", token="1"))
    with pytest.raises(ServerFault, match="does not end"):
        _ = [user async for user in client.list_users("c")]
    assert len(script.calls) == 3


async def test_pages_that_nobody_asks_for_are_not_fetched(script: Script, client: EntraidClient) -> None:
    """A caller who stops after the first user costs one call."""
    script.answer("ListUsers", users_page("a", token="1"), users_page("b"))
    async for _ in client.list_users("c"):
        break
    assert len(script.calls) == 1


async def test_an_unavailable_page_is_fetched_again(script: Script, client: EntraidClient) -> None:
    """In the middle of a list the same page is asked for, so that nothing is left out or doubled."""
    script.answer("ListUsers", users_page("a", token="1"), UNAVAILABLE, users_page("b"))
    assert [user.object_id async for user in client.list_users("c")] == ["a", "b"]


async def test_a_page_that_fails_ends_the_list_with_its_error(script: Script, client: EntraidClient) -> None:
    """What came before is not passed off as the whole list."""
    gone = Refusal(grpc.StatusCode.INVALID_ARGUMENT, "no", (error_info("ERROR_REASON_INVALID_PAGE_TOKEN"),))
    script.answer("ListUsers", users_page("a", token="1"), gone)
    users = client.list_users("c")
    assert (await anext(users)).object_id == "a"
    with pytest.raises(InvalidPageToken):
        await anext(users)


async def test_every_other_list_pages_too(script: Script, client: EntraidClient) -> None:
    """Groups, connections and runs, two pages each."""
    group = directory_service_pb2.Group(object_id="g")
    connection = connection_service_pb2.Connection(name="connections/c")
    run = sync_service_pb2.SyncRun(name="connections/c/syncRuns/r")
    for more in ("1", ""):
        script.answer("ListGroups", directory_service_pb2.ListGroupsResponse(groups=[group], next_page_token=more))
        script.answer(
            "ListConnections",
            connection_service_pb2.ListConnectionsResponse(connections=[connection], next_page_token=more),
        )
        script.answer("ListSyncRuns", sync_service_pb2.ListSyncRunsResponse(sync_runs=[run], next_page_token=more))
    assert [found async for found in client.list_groups("c")] == [group, group]
    assert [found async for found in client.list_connections()] == [connection, connection]
    assert [found async for found in client.list_sync_runs("c")] == [run, run]
