"""One tenant's directory as Graph shows it: users, groups, members, what changed, and what the app may read.

Each list is read to its end or ends in an error. This is the face of the room: which URLs are asked (`queries`), how
one is read (`reader`), decoded (`decoding`) and followed (`feeds`) is decided behind it.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import aclosing

from yarl import URL

from entraid_service.errors import GroupGone
from entraid_service.graph.caller import GraphCaller
from entraid_service.graph.decode import decode_group, decode_member, decode_user, hidden_group_ids
from entraid_service.graph.decoding import decode_page
from entraid_service.graph.feeds import Feeds
from entraid_service.graph.hidden import HiddenMemberships
from entraid_service.graph.limits import Limits
from entraid_service.graph.lookups import Lookups
from entraid_service.graph.permissions import GROUPS, HIDDEN_MEMBERS, MEMBERS, permission_missing, users_with
from entraid_service.graph.probe import probe_access
from entraid_service.graph.queries import Queries, whole_properties
from entraid_service.graph.reader import Reader
from entraid_service.graph.refusals import GraphRefused
from entraid_service.model.changes import GroupFeedItem, UserFeedItem
from entraid_service.model.directory import Group, Member, User
from entraid_service.model.ids import GroupId, UserId
from entraid_service.ports import AccessProbe, FeedPage, Page, RequestCount, TokenSource


class GraphDirectory:
    """Implements `ports.TenantSource`."""

    def __init__(self, *, base: URL, caller: GraphCaller, tokens: TokenSource, limits: Limits) -> None:
        self._base = base
        self._caller = caller
        self._tokens = tokens
        self._queries = Queries(base)
        self._reader = Reader(base=base, caller=caller, limits=limits)
        self._hidden = HiddenMemberships(caller=caller, tokens=tokens, queries=self._queries)
        self._lookups = Lookups(reader=self._reader, queries=self._queries, hidden=self._hidden)
        self._feeds = Feeds(reader=self._reader, queries=self._queries, hidden=self._hidden, lookups=self._lookups)

    @property
    def requests(self) -> RequestCount:
        """See `ports.DirectorySource.requests`."""
        return self._caller.requests

    async def probe(self) -> AccessProbe:
        """See `ports.DirectorySource.probe`."""
        return await probe_access(self._caller, base=self._base, tokens=self._tokens)

    async def users(self, attributes: Collection[str]) -> AsyncIterator[Page[User]]:
        """See `ports.DirectorySource.users`.

        The managers come expanded, the pages are the largest. A Graph that refuses that query is asked for smaller
        pages, and at last for users without managers, whose managers are then read one by one.
        """
        expanded, plain = self._queries.users(attributes)
        subject = users_with(whole_properties(attributes))
        async with aclosing(self._reader.pages((*expanded, *plain), subject=subject)) as pages:
            async for url, raw in pages:
                page = await decode_page(raw.records, decode_user, what="users")
                yield page if url in expanded else await self._lookups.with_managers(page)

    async def groups(self) -> AsyncIterator[Page[Group]]:
        """See `ports.DirectorySource.groups`."""
        self._hidden.has_all_groups = False
        async with aclosing(self._reader.pages(self._queries.groups(), subject=GROUPS)) as pages:
            async for _, raw in pages:
                self._hidden.note(*hidden_group_ids(raw.records))
                yield await decode_page(raw.records, decode_group, what="groups")
        self._hidden.has_all_groups = True

    async def members(self, group_id: GroupId) -> AsyncIterator[Page[Member]]:
        """See `ports.DirectorySource.members`.

        A hidden membership is unreadable without Member.Read.Hidden. Where the token does not tell its permissions, an
        empty list of such a group is taken as unreadable as well.
        """
        try:
            is_hidden = await self._hidden.hides(group_id)
            are_shown = await self._hidden.are_shown() if is_hidden else True
            if are_shown is False:
                raise permission_missing(HIDDEN_MEMBERS)
            may_be_concealed = are_shown is None
            subject = HIDDEN_MEMBERS if is_hidden else MEMBERS
            async with aclosing(self._reader.pages(self._queries.members(group_id), subject=subject)) as pages:
                async for _, raw in pages:
                    may_be_concealed = may_be_concealed and not raw.records
                    yield await decode_page(raw.records, decode_member, what="members")
        except GraphRefused as error:
            if error.is_missing_object:
                raise GroupGone(f"group `{group_id}` was deleted while it was read") from error
            raise
        if may_be_concealed:
            raise permission_missing(HIDDEN_MEMBERS)

    def user_changes(
        self, attributes: Collection[str], *, link: str = ""
    ) -> AsyncGenerator[FeedPage[UserFeedItem], None]:
        """See `ports.ChangeSource.user_changes`."""
        return self._feeds.user_changes(attributes, link=link)

    def group_changes(
        self, *, link: str = "", only: Collection[GroupId] = ()
    ) -> AsyncGenerator[FeedPage[GroupFeedItem], None]:
        """See `ports.ChangeSource.group_changes`."""
        return self._feeds.group_changes(link=link, only=only)

    async def user(self, user_id: UserId, attributes: Collection[str]) -> User | None:
        """See `ports.ChangeSource.user`."""
        return await self._lookups.user(user_id, attributes)

    async def group(self, group_id: GroupId) -> Group | None:
        """See `ports.ChangeSource.group`."""
        return await self._lookups.group(group_id)

    async def groups_named(self, display_name: str) -> Sequence[Group]:
        """See `ports.ChangeSource.groups_named`."""
        return await self._lookups.groups_named(display_name)

    def groups_of(self, user_id: UserId) -> AsyncGenerator[Page[GroupId], None]:
        """See `ports.ChangeSource.groups_of`."""
        return self._lookups.groups_of(user_id)
