"""The calls of `DirectoryService`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entraid.v1 import directory_service_pb2 as pb
from entraid_client.names import connection_name, group_name, user_name
from entraid_client.pages import walk
from entraid_client.wire import OverWire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import timedelta

_RPCS: Final = pb.DESCRIPTOR.services_by_name["DirectoryService"].methods_by_name


class DirectoryCalls(OverWire):
    """Reads users and groups from the copy."""

    async def list_users(
        self,
        connection: str,
        *,
        filter_text: str = "",
        view: pb.View.ValueType = pb.VIEW_UNSPECIFIED,
        page_size: int = 0,
        deadline: timedelta | None = None,
    ) -> AsyncIterator[pb.User]:
        """Every user of a connection, by object ID; pages are fetched as they are needed, each within `deadline`."""
        async for page in self.list_user_pages(
            connection, filter_text=filter_text, view=view, page_size=page_size, deadline=deadline
        ):
            for user in page.users:
                yield user

    def list_user_pages(
        self,
        connection: str,
        *,
        filter_text: str = "",
        view: pb.View.ValueType = pb.VIEW_UNSPECIFIED,
        page_size: int = 0,
        deadline: timedelta | None = None,
    ) -> AsyncIterator[pb.ListUsersResponse]:
        """The pages of `list_users`, for callers who want the snapshot that each was read from."""
        parent = connection_name(connection)

        async def fetch(token: str) -> pb.ListUsersResponse:
            request = pb.ListUsersRequest(
                parent=parent, page_size=page_size, page_token=token, filter=filter_text, view=view
            )
            return await self._wire.calls.unary(
                self._wire.directory.ListUsers, request, rpc=_RPCS["ListUsers"], deadline=deadline
            )

        return walk(fetch, rpc=_RPCS["ListUsers"])

    async def get_user(
        self,
        user: str,
        *,
        connection: str = "",
        view: pb.View.ValueType = pb.VIEW_UNSPECIFIED,
        deadline: timedelta | None = None,
    ) -> pb.GetUserResponse:
        """Reads one user, by full name, or by object ID or UPN together with `connection`."""
        request = pb.GetUserRequest(name=user_name(user, connection), view=view)
        return await self._wire.calls.unary(
            self._wire.directory.GetUser, request, rpc=_RPCS["GetUser"], deadline=deadline
        )

    async def list_groups(
        self, connection: str, *, filter_text: str = "", page_size: int = 0, deadline: timedelta | None = None
    ) -> AsyncIterator[pb.Group]:
        """Every group of a connection, by object ID; pages are fetched as they are needed, each within `deadline`."""
        async for page in self.list_group_pages(
            connection, filter_text=filter_text, page_size=page_size, deadline=deadline
        ):
            for group in page.groups:
                yield group

    def list_group_pages(
        self, connection: str, *, filter_text: str = "", page_size: int = 0, deadline: timedelta | None = None
    ) -> AsyncIterator[pb.ListGroupsResponse]:
        """The pages of `list_groups`, for callers who want the snapshot that each was read from."""
        parent = connection_name(connection)

        async def fetch(token: str) -> pb.ListGroupsResponse:
            request = pb.ListGroupsRequest(parent=parent, page_size=page_size, page_token=token, filter=filter_text)
            return await self._wire.calls.unary(
                self._wire.directory.ListGroups, request, rpc=_RPCS["ListGroups"], deadline=deadline
            )

        return walk(fetch, rpc=_RPCS["ListGroups"])

    async def get_group(
        self, group: str, *, connection: str = "", deadline: timedelta | None = None
    ) -> pb.GetGroupResponse:
        """Reads one group, by full name, or by object ID together with `connection`."""
        request = pb.GetGroupRequest(name=group_name(group, connection))
        return await self._wire.calls.unary(
            self._wire.directory.GetGroup, request, rpc=_RPCS["GetGroup"], deadline=deadline
        )
