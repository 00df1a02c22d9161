import grpc
import pytest
from google.protobuf.json_format import MessageToDict

from entraid.v1 import directory_service_pb2 as pb
from entraid_service.model.directory import User
from entraid_service.model.ids import UserId
from rpc.rooms import ADELE, BRUNO, CLARA, EMEA, SALES, Server, people
from rpc.told import field_of, reason_of


async def test_users_come_in_pages_of_any_size(server: Server) -> None:
    """Every user once, in the order of the object ids, whatever the page size, even if it changes on the way."""
    await server.commit(await server.add_connection())
    for sizes in ((1, 1, 1), (2, 1), (3,), (1, 2), (0,)):
        seen: list[str] = []
        token = ""
        for size in sizes:
            request = pb.ListUsersRequest(parent="connections/main", page_size=size, page_token=token)
            page = await server.directory.ListUsers(request)
            seen += [user.object_id for user in page.users]
            token = page.next_page_token
        assert seen == [ADELE, BRUNO, CLARA]
        assert token == ""


async def test_a_page_never_outgrows_what_a_client_takes(server: Server) -> None:
    """Heavy users come in lighter pages, none is lost, though a thousand were asked for."""
    heavy = [
        User(UserId(f"aaaaaaaa-0000-4000-8000-{number:012d}"), {"displayName": "x" * 100_000, "accountEnabled": True})
        for number in range(60)
    ]
    await server.commit(await server.add_connection(), users=heavy)
    seen: list[str] = []
    token, pages = "", 0
    while token or not pages:
        request = pb.ListUsersRequest(parent="connections/main", page_size=1000, page_token=token)
        page = await server.directory.ListUsers(request)
        seen += [user.object_id for user in page.users]
        token, pages = page.next_page_token, pages + 1
    assert seen == [user.id for user in heavy]
    assert pages == 2


async def test_attributes_come_in_the_full_view_only(server: Server) -> None:
    """The basic view has names and the like, the full one every other attribute, each with its type."""
    await server.commit(await server.add_connection())
    basic = (await server.directory.ListUsers(pb.ListUsersRequest(parent="connections/main"))).users[0]
    assert not basic.HasField("attributes")
    assert (basic.display_name, basic.mail, basic.account_enabled) == ("Adele", "adele@contoso.example", True)
    full = pb.ListUsersRequest(parent="connections/main", view=pb.VIEW_FULL)
    user = (await server.directory.ListUsers(full)).users[0]
    assert MessageToDict(user.attributes) == {"department": "Sales", "scores": [1.0, 2.5, True, "x"]}


async def test_a_user_is_found_by_id_and_by_principal_name(server: Server) -> None:
    """Both in any case, answered under the canonical name, in full unless asked otherwise."""
    await server.commit(await server.add_connection())
    for name in (BRUNO, BRUNO.upper(), "bruno@contoso.example", "BRUNO@contoso.example"):
        answer = await server.directory.GetUser(pb.GetUserRequest(name=f"connections/main/users/{name}"))
        assert answer.user.name == f"connections/main/users/{BRUNO}"
        assert answer.user.manager == f"connections/main/users/{ADELE}"
        assert answer.user.attributes["department"] == "R&D"
        assert answer.snapshot.token
    request = pb.GetUserRequest(name=f"connections/main/users/{CLARA}", view=pb.VIEW_BASIC)
    clara = (await server.directory.GetUser(request)).user
    assert not clara.account_enabled
    assert not clara.HasField("attributes")


async def test_groups_count_nested_members(server: Server) -> None:
    """Adele is in EMEA through Sales."""
    await server.commit(await server.add_connection())
    groups = (await server.directory.ListGroups(pb.ListGroupsRequest(parent="connections/main"))).groups
    assert [(group.object_id, group.display_name, group.member_count) for group in groups] == [
        (SALES, "Sales", 1),
        (EMEA, "EMEA", 1),
    ]
    one = await server.directory.GetGroup(pb.GetGroupRequest(name=f"connections/main/groups/{EMEA.upper()}"))
    assert one.group == groups[1]
    assert one.group.kind == pb.Group.KIND_SECURITY


async def test_what_is_not_there_is_not_found(server: Server) -> None:
    """An unknown connection, user or group, each by its name."""
    await server.commit(await server.add_connection())
    for call in (
        server.directory.ListUsers(pb.ListUsersRequest(parent="connections/other")),
        server.directory.ListGroups(pb.ListGroupsRequest(parent="connections/other")),
        server.directory.GetUser(pb.GetUserRequest(name="connections/main/users/nobody@contoso.example")),
        server.directory.GetGroup(pb.GetGroupRequest(name="connections/main/groups/Sales")),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        assert reason_of(caught.value) == "RESOURCE_NOT_FOUND"


async def test_before_the_first_sync_nothing_is_listed(server: Server) -> None:
    """An empty list would say that the tenant has no users."""
    await server.add_connection()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await server.directory.ListUsers(pb.ListUsersRequest(parent="connections/main"))
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert reason_of(caught.value) == "DIRECTORY_NOT_SYNCED"


async def test_a_page_token_serves_its_own_list_only(server: Server) -> None:
    """Another connection, another view, another list, another life of the connection: INVALID_ARGUMENT each time."""
    main, other = await server.add_connection(), await server.add_connection("other")
    await server.commit(main)
    await server.commit(other)
    first = await server.directory.ListUsers(pb.ListUsersRequest(parent="connections/main", page_size=1))
    token = first.next_page_token
    groups = await server.directory.ListGroups(pb.ListGroupsRequest(parent="connections/main", page_size=1))
    requests = [
        pb.ListUsersRequest(parent="connections/other", page_token=token),
        pb.ListUsersRequest(parent="connections/main", page_token=token, view=pb.VIEW_FULL),
        pb.ListUsersRequest(parent="connections/main", page_token=groups.next_page_token),
        pb.ListUsersRequest(parent="connections/main", page_token=token[:-1]),
        pb.ListUsersRequest(parent="connections/main", page_token="' OR 1=1 --"),
    ]
    await server.directory.ListUsers(
        pb.ListUsersRequest(parent="connections/main", page_token=token, view=pb.VIEW_BASIC)
    )
    await server.store.connections.delete(main.id)
    await server.commit(await server.add_connection(uid="another"))
    requests.append(pb.ListUsersRequest(parent="connections/main", page_token=token))
    for request in requests:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await server.directory.ListUsers(request)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert reason_of(caught.value) == "INVALID_PAGE_TOKEN"
        assert field_of(caught.value) == "page_token"


async def test_arguments_are_checked_before_anything_is_read(server: Server) -> None:
    """A negative page, an unknown view, a filter on a field that there is not."""
    await server.commit(await server.add_connection(), users=people())
    for request, code in (
        (pb.ListUsersRequest(parent="connections/main", page_size=-1), grpc.StatusCode.INVALID_ARGUMENT),
        (pb.ListUsersRequest(parent="connections/main", view=pb.View.ValueType(9)), grpc.StatusCode.INVALID_ARGUMENT),
        (pb.ListUsersRequest(parent="connections/main", filter='post = "x"'), grpc.StatusCode.INVALID_ARGUMENT),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await server.directory.ListUsers(request)
        assert caught.value.code() is code
