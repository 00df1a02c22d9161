"""DirectoryService: the synced users and groups, as lists and one by one."""

from collections.abc import Awaitable
from typing import TypeAlias

from grpc.aio import ServicerContext

from entraid.v1 import directory_service_pb2 as pb
from entraid.v1 import directory_service_pb2_grpc
from entraid_service.errors import InvalidField, ResourceNotFound
from entraid_service.model.ids import GroupId, UserId
from entraid_service.rpc import validate
from entraid_service.rpc.convert import group_message, user_message
from entraid_service.rpc.facades import Facades
from entraid_service.rpc.filter_fields import GroupSchema, UserSchema, check_synced
from entraid_service.rpc.filter_parser import parse_filter
from entraid_service.rpc.names import group_name, parse_connection, parse_group, parse_user, shown
from entraid_service.rpc.page_tokens import ListCall, PageTokens
from entraid_service.rpc.paging import next_token, page_of
from entraid_service.rpc.snapshot_tokens import SnapshotTokens

_DEFAULT_PAGE = 100
_LARGEST_PAGE = 1000
_USERS = UserSchema()
_GROUPS = GroupSchema()
_VIEWS = frozenset((pb.VIEW_UNSPECIFIED, pb.VIEW_BASIC, pb.VIEW_FULL))

_ListUsersContext: TypeAlias = ServicerContext[pb.ListUsersRequest, Awaitable[pb.ListUsersResponse]]
_GetUserContext: TypeAlias = ServicerContext[pb.GetUserRequest, Awaitable[pb.GetUserResponse]]
_ListGroupsContext: TypeAlias = ServicerContext[pb.ListGroupsRequest, Awaitable[pb.ListGroupsResponse]]
_GetGroupContext: TypeAlias = ServicerContext[pb.GetGroupRequest, Awaitable[pb.GetGroupResponse]]


class DirectoryService(directory_service_pb2_grpc.DirectoryServiceServicer):
    """Answers DirectoryService."""

    def __init__(self, facades: Facades) -> None:
        self._connections = facades.connections
        self._lists = facades.lists
        self._pages = PageTokens(facades.signer)
        self._tokens = SnapshotTokens(facades.signer)

    async def ListUsers(  # noqa: N802 - the contract's name
        self,
        request: pb.ListUsersRequest,
        context: _ListUsersContext,  # noqa: ARG002 - gRPC passes it
    ) -> pb.ListUsersResponse:
        """Lists users by object id."""
        connection_id = parse_connection(request.parent, "parent")
        size = validate.page_size(request.page_size, default=_DEFAULT_PAGE, most=_LARGEST_PAGE)
        is_full = _wants_all(request.view, default=False)
        where = parse_filter(request.filter, _USERS)
        connection = await self._connections.get(connection_id)
        call = ListCall("ListUsers", connection.uid, (request.filter, "full" if is_full else "basic"))
        after = self._pages.open(call, request.page_token)
        start = None if after is None else UserId(after)
        if where is not None:
            check_synced(where, (await self._lists.version(connection_id)).scope)
        listing = await self._lists.users(connection_id, after=start, limit=size + 1, where=where)
        check_synced(where, listing.version.scope)  # which a sync may have changed in between
        messages, last = page_of(
            listing.items,
            lambda user: user_message(connection_id, user, is_full=is_full),
            size=size,
            key=lambda user: user.id,
        )
        return pb.ListUsersResponse(
            users=messages,
            next_page_token=next_token(self._pages, call, last or listing.reached),
            snapshot=self._tokens.label(connection.uid, listing.version),
        )

    async def GetUser(  # noqa: N802 - the contract's name
        self,
        request: pb.GetUserRequest,
        context: _GetUserContext,  # noqa: ARG002 - gRPC passes it
    ) -> pb.GetUserResponse:
        """Reads one user by object id or user principal name."""
        connection_id, name = parse_user(request.name, "name")
        is_full = _wants_all(request.view, default=True)
        connection = await self._connections.get(connection_id)
        listing = await self._lists.user(connection_id, name)
        if not listing.items:
            raise ResourceNotFound("user", request.name)
        if len(listing.items) > 1:
            raise InvalidField("name", f"more than one user is called `{shown(name)}`: use the object ID")
        return pb.GetUserResponse(
            user=user_message(connection_id, listing.items[0], is_full=is_full),
            snapshot=self._tokens.label(connection.uid, listing.version),
        )

    async def ListGroups(  # noqa: N802 - the contract's name
        self,
        request: pb.ListGroupsRequest,
        context: _ListGroupsContext,  # noqa: ARG002 - gRPC passes it
    ) -> pb.ListGroupsResponse:
        """Lists groups by object id."""
        connection_id = parse_connection(request.parent, "parent")
        size = validate.page_size(request.page_size, default=_DEFAULT_PAGE, most=_LARGEST_PAGE)
        where = parse_filter(request.filter, _GROUPS)
        connection = await self._connections.get(connection_id)
        call = ListCall("ListGroups", connection.uid, (request.filter,))
        after = self._pages.open(call, request.page_token)
        start = None if after is None else GroupId(after)
        listing = await self._lists.groups(connection_id, after=start, limit=size + 1, where=where)
        messages, last = page_of(
            listing.items,
            lambda listed: group_message(connection_id, listed),
            size=size,
            key=lambda listed: listed.group.id,
        )
        return pb.ListGroupsResponse(
            groups=messages,
            next_page_token=next_token(self._pages, call, last or listing.reached),
            snapshot=self._tokens.label(connection.uid, listing.version),
        )

    async def GetGroup(  # noqa: N802 - the contract's name
        self,
        request: pb.GetGroupRequest,
        context: _GetGroupContext,  # noqa: ARG002 - gRPC passes it
    ) -> pb.GetGroupResponse:
        """Reads one group by object id."""
        connection_id, group_id = parse_group(request.name, "name")
        connection = await self._connections.get(connection_id)
        listing = await self._lists.group(connection_id, group_id)
        if not listing.items:
            raise ResourceNotFound("group", group_name(connection_id, group_id))
        return pb.GetGroupResponse(
            group=group_message(connection_id, listing.items[0]),
            snapshot=self._tokens.label(connection.uid, listing.version),
        )


def _wants_all(view: pb.View.ValueType, *, default: bool) -> bool:
    if view not in _VIEWS:
        raise InvalidField("view", f"`{view}` is not a view that this service knows: use VIEW_BASIC or VIEW_FULL")
    return default if view == pb.VIEW_UNSPECIFIED else view == pb.VIEW_FULL
