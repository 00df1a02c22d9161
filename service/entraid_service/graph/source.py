"""One tenant's directory as Graph shows it: users, groups, members, and what the app may read.

Each list is read to its end or ends in an error. Which requests are made is decided here; how one is made, retried and
decoded is not.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import aclosing
from dataclasses import replace

from yarl import URL

from entraid_service.errors import FeedUnsupported, GroupGone
from entraid_service.graph.caller import GraphCaller
from entraid_service.graph.decode import (
    OddRecord,
    decode_group,
    decode_manager_id,
    decode_member,
    decode_page,
    decode_user,
    has_hidden_membership,
    hidden_group_ids,
)
from entraid_service.graph.limits import Limits
from entraid_service.graph.pages import Links, read_pages
from entraid_service.graph.permissions import (
    GROUPS,
    HIDDEN_MEMBERS,
    MEMBER_READ_HIDDEN,
    MEMBERS,
    USERS,
    Subject,
    permission_missing,
    users_with,
)
from entraid_service.graph.probe import probe_access
from entraid_service.graph.refusals import GraphRefused, unusable
from entraid_service.graph.urls import graph_url
from entraid_service.model.changes import UserFeedItem
from entraid_service.model.directory import Group, Member, User
from entraid_service.model.ids import GroupId, UserId
from entraid_service.ports import AccessProbe, FeedPage, Page, RequestCount, TokenSource

_MOST = 999
_USUAL = 100
"""The largest and the usual page, https://learn.microsoft.com/graph/api/user-list."""

_GROUP_PROPERTIES = "id,displayName,description,mail,mailEnabled,securityEnabled,groupTypes,membershipRule,visibility"
_MANAGER = "manager($select=id)"


class GraphDirectory:
    """Implements `ports.DirectorySource`.

    Remembers which of the groups it listed hide their members, since Graph may answer an app that lacks
    Member.Read.Hidden with an empty list: that is no knowledge about members.
    """

    def __init__(self, *, base: URL, caller: GraphCaller, tokens: TokenSource, limits: Limits) -> None:
        self._base = base
        self._caller = caller
        self._tokens = tokens
        self._limits = limits
        self._hidden: set[str] = set()
        self._has_listed_groups = False

    @property
    def requests(self) -> RequestCount:
        """See `ports.DirectorySource.requests`."""
        return self._caller.requests

    async def probe(self) -> AccessProbe:
        """See `ports.DirectorySource.probe`."""
        return await probe_access(self._caller, base=self._base, tokens=self._tokens)

    async def users(self, attributes: Collection[str]) -> AsyncIterator[Page[User]]:
        """See `ports.DirectorySource.users`.

        The managers come expanded, the pages are the largest. A Graph that refuses that query (400) is asked for pages
        of the usual size, and at last for users without managers, whose managers are then read one by one. Parts of
        complex attributes are selected as a whole.
        """
        whole = [name.partition(".")[0] for name in attributes]
        select = ",".join(dict.fromkeys(("id", *(name for name in whole if name != "manager"))))
        expanded = [self._users_url(select, top=top, expand=_MANAGER) for top in (_MOST, _USUAL)]
        plain = self._users_url(select, top=_USUAL)
        async with aclosing(self._list((*expanded, plain), subject=users_with(whole))) as pages:
            async for url, records in pages:
                page = decode_page(records, decode_user, what="users")
                yield await self._with_managers(page) if url == plain else page

    async def groups(self) -> AsyncIterator[Page[Group]]:
        """See `ports.DirectorySource.groups`."""
        self._has_listed_groups = False
        urls = [
            graph_url(self._base, "groups", query={"$select": _GROUP_PROPERTIES, "$top": top})
            for top in (_MOST, _USUAL)
        ]
        async with aclosing(self._list(urls, subject=GROUPS)) as pages:
            async for _, records in pages:
                self._hidden.update(hidden_group_ids(records))
                yield decode_page(records, decode_group, what="groups")
        self._has_listed_groups = True

    async def members(self, group_id: GroupId) -> AsyncIterator[Page[Member]]:
        """See `ports.DirectorySource.members`.

        A hidden membership is unreadable without Member.Read.Hidden. Where the token does not tell its permissions, an
        empty list of such a group is taken as unreadable as well.
        """
        try:
            subject = HIDDEN_MEMBERS if await self._is_hidden(group_id) else MEMBERS
            may_be_concealed = subject is HIDDEN_MEMBERS and not await self._sees_hidden_members()
            urls = [
                graph_url(self._base, "groups", group_id, "members", query={"$select": "id", "$top": top})
                for top in (_MOST, _USUAL)
            ]
            async with aclosing(self._list(urls, subject=subject)) as pages:
                async for _, records in pages:
                    may_be_concealed = may_be_concealed and not records
                    yield decode_page(records, decode_member, what="members")
        except GraphRefused as error:
            if error.is_missing_object:
                raise GroupGone(f"group `{group_id}` was deleted while it was read") from error
            raise
        if may_be_concealed:
            raise permission_missing(HIDDEN_MEMBERS)

    def user_changes(self, attributes: Collection[str], *, link: str = "") -> AsyncIterator[FeedPage[UserFeedItem]]:  # noqa: ARG002 - until delta queries are read
        """See `ports.ChangeSource.user_changes`."""
        raise FeedUnsupported("delta queries are not read yet")

    def _users_url(self, select: str, *, top: int, expand: str = "") -> URL:
        query: dict[str, str | int] = {"$select": select, "$top": top}
        if expand:
            query["$expand"] = expand
        return graph_url(self._base, "users", query=query)

    async def _list(self, urls: Sequence[URL], *, subject: Subject) -> AsyncGenerator[tuple[URL, list[object]], None]:
        """The pages of the first of these lists that Graph does not refuse as a query."""
        refused: GraphRefused | None = None
        for url in urls:
            pages = read_pages(
                url,
                fetch=lambda link: self._caller.get(link, subject=subject),
                links=Links(self._base, most=self._limits.pages),
            )
            is_begun = False
            try:
                async with aclosing(pages):
                    async for records in pages:
                        is_begun = True
                        yield url, records
            except GraphRefused as error:
                if is_begun or not error.is_bad_query:
                    raise
                refused = refused or error
            else:
                return
        if refused is not None:
            raise refused

    async def _with_managers(self, page: Page[User]) -> Page[User]:
        try:
            async with asyncio.TaskGroup() as reads:
                managers = [reads.create_task(self._manager_of(user)) for user in page.items]
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from group
        found = [replace(user, manager_id=task.result()) for user, task in zip(page.items, managers, strict=True)]
        return Page(found, page.skipped)

    async def _manager_of(self, user: User) -> UserId | None:
        url = graph_url(self._base, "users", user.id, "manager", query={"$select": "id"})
        try:
            return decode_manager_id(await self._caller.get(url, subject=USERS))
        except GraphRefused as error:
            if error.is_missing_object:
                return None
            raise
        except OddRecord as error:
            raise unusable(f"the manager of user `{user.id}` cannot be read: {error}") from error

    async def _is_hidden(self, group_id: GroupId) -> bool:
        if self._has_listed_groups or group_id in self._hidden:
            return group_id in self._hidden
        url = graph_url(self._base, "groups", group_id, query={"$select": "id,visibility"})
        return has_hidden_membership(await self._caller.get(url, subject=GROUPS))

    async def _sees_hidden_members(self) -> bool:
        """Whether the token says so.

        Raises:
            PermissionMissing: It says that the app does not.
        """
        roles = (await self._tokens.token()).roles
        if roles is not None and MEMBER_READ_HIDDEN not in roles:
            roles = (await self._caller.fresh_token()).roles
        if roles is not None and MEMBER_READ_HIDDEN not in roles:
            raise permission_missing(HIDDEN_MEMBERS)
        return roles is not None
