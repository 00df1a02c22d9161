"""Filters over the wire."""

import grpc
import pytest
from google.rpc import error_details_pb2

from entraid.v1 import directory_service_pb2 as pb
from entraid_service.model.directory import User
from entraid_service.model.ids import UserId
from rpc.rooms import ADELE, BRUNO, CLARA, EMEA, SALES, Server
from rpc.told import detail_of, field_of, reason_of

MAIN = "connections/main"


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ('display_name = "ad*"', [ADELE]),
        ('attributes.department != "sales"', [BRUNO, CLARA]),
        (f'member_of("{EMEA}")', [ADELE]),
        (f'direct_member_of("{EMEA}")', []),
        (f"NOT member_of({SALES}) AND account_enabled = true", [BRUNO]),
        (f'manager = "{MAIN}/users/{ADELE}"', [BRUNO]),
        (f"name = {MAIN}/users/{BRUNO} OR object_id = {CLARA}", [BRUNO, CLARA]),
        ('mail : "contoso" AND NOT attributes.department : *', [CLARA]),
        ("attributes.department = R&D OR user_type = Guest", [BRUNO]),
    ],
)
async def test_users_are_chosen(server: Server, text: str, ids: list[str]) -> None:
    """Fields, attributes, memberships and how they are joined."""
    await server.commit(await server.add_connection())
    page = await server.directory.ListUsers(pb.ListUsersRequest(parent=MAIN, filter=text))
    assert [user.object_id for user in page.users] == ids
    assert page.snapshot.token


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ('has_member("adele@contoso.example")', [SALES, EMEA]),
        (f"has_direct_member({ADELE})", [SALES]),
        (f"NOT has_member({BRUNO}) AND display_name : e", [SALES, EMEA]),
        ("kind = SECURITY AND member_count = 1 AND display_name = S*", [SALES]),
        ("member_count != 1", []),
    ],
)
async def test_groups_are_chosen(server: Server, text: str, ids: list[str]) -> None:
    """By members at any depth or the first, by kind and count."""
    await server.commit(await server.add_connection())
    page = await server.directory.ListGroups(pb.ListGroupsRequest(parent=MAIN, filter=text))
    assert [group.object_id for group in page.groups] == ids


async def test_a_faulty_filter_is_told_with_its_position(server: Server) -> None:
    """INVALID_FILTER on the field `filter`; the metadata holds the position."""
    await server.commit(await server.add_connection())
    for text, position in (("mail = a OR", 11), ("attributes.salary = 1", 0), (f"member_of({CLARA})", 10)):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await server.directory.ListUsers(pb.ListUsersRequest(parent=MAIN, filter=text))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert reason_of(caught.value) == "INVALID_FILTER"
        assert field_of(caught.value) == "filter"
        assert detail_of(caught.value, error_details_pb2.ErrorInfo()).metadata["position"] == str(position)


async def test_a_page_token_belongs_to_its_filter(server: Server) -> None:
    """The same filter goes on where it was; another one, or none, is refused."""
    await server.commit(await server.add_connection())
    chosen = "display_name != Adele"
    first = await server.directory.ListUsers(pb.ListUsersRequest(parent=MAIN, filter=chosen, page_size=1))
    token = first.next_page_token
    second = await server.directory.ListUsers(pb.ListUsersRequest(parent=MAIN, filter=chosen, page_token=token))
    assert [page.users[0].object_id for page in (first, second)] == [BRUNO, CLARA]
    assert second.next_page_token == ""
    for other in ("display_name != adele", ""):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await server.directory.ListUsers(pb.ListUsersRequest(parent=MAIN, filter=other, page_token=token))
        assert reason_of(caught.value) == "INVALID_PAGE_TOKEN"


async def test_a_long_search_comes_in_short_pages(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that took its time ends, possibly empty, with a token that leads on; nobody is lost."""
    monkeypatch.setattr("entraid_service.store.filtered._STRETCH", 10)
    monkeypatch.setattr("entraid_service.store.filtered._LONGEST_SECONDS", 0.0)
    users = [
        User(UserId(f"aaaaaaaa-0000-4000-8000-{number:012d}"), {"displayName": f"n{number % 40}"})
        for number in range(100)
    ]
    await server.commit(await server.add_connection(), users=users)
    token = ""
    sizes: list[int] = []
    seen: list[str] = []
    while token or not sizes:
        request = pb.ListUsersRequest(parent=MAIN, filter="display_name = n7", page_token=token)
        page = await server.directory.ListUsers(request)
        seen += [user.object_id for user in page.users]
        sizes.append(len(page.users))
        token = page.next_page_token
    assert seen == [users[7].id, users[47].id, users[87].id]
    assert 0 in sizes
