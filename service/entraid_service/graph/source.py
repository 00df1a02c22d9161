"""One tenant's directory as Graph shows it: users, groups, members, what changed, and what the app may read.

Each list is read to its end or ends in an error. This is the face of the room: which URLs are asked (`queries`), how
one is read (`reader`), decoded (`decoding`) and followed (`feeds`) is decided behind it.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import aclosing

from yarl import URL

from entraid_service.graph.caller import GraphCaller
from entraid_service.graph.decode import decode_group, decode_user, hidden_group_ids
from entraid_service.graph.decoding import decode_page
from entraid_service.graph.feeds import Feeds
from entraid_service.graph.hidden import HiddenMemberships
from entraid_service.graph.limits import Limits
from entraid_service.graph.lookups import Lookups
from entraid_service.graph.members import MemberLists
from entraid_service.graph.permissions import GROUPS, users_with
from entraid_service.graph.probe import Probe
from entraid_service.graph.queries import Queries, whole_properties
from entraid_service.graph.reader import Reader
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
        self._members = MemberLists(
            reader=self._reader, queries=self._queries, hidden=self._hidden, lookups=self._lookups
        )
        self._feeds = Feeds(reader=self._reader, queries=self._queries, hidden=self._hidden, lookups=self._lookups)

    @property
    def requests(self) -> RequestCount:
        """See `ports.DirectorySource.requests`."""
        return self._caller.requests

    async def probe(self, attributes: Collection[str] = ()) -> AccessProbe:
        """See `ports.DirectorySource.probe`."""
        return await Probe(self._caller, base=self._base, tokens=self._tokens).run(attributes)

    async def users(self, attributes: Collection[str], *, with_managers: bool = True) -> AsyncIterator[Page[User]]:
        """See `ports.DirectorySource.users`.

        The managers come expanded, the pages are the largest. A Graph that refuses that query is asked for smaller
        pages, and at last for users without managers, whose managers are then read one by one.
        """
        expanded, plain = self._queries.users(attributes)
        subject = users_with(whole_properties(attributes))
        urls = (*expanded, *plain) if with_managers else plain
        async with aclosing(self._reader.pages(urls, subject=subject)) as pages:
            async for url, raw in pages:
                page = await decode_page(raw.records, decode_user, what="users")
                is_whole = url in expanded or not with_managers
                yield page if is_whole else await self._lookups.with_managers(page)

    async def groups(self) -> AsyncIterator[Page[Group]]:
        """See `ports.DirectorySource.groups`."""
        self._hidden.has_all_groups = False
        async with aclosing(self._reader.pages(self._queries.groups(), subject=GROUPS)) as pages:
            async for _, raw in pages:
                self._hidden.note(*hidden_group_ids(raw.records))
                yield await decode_page(raw.records, decode_group, what="groups")
        self._hidden.has_all_groups = True

    def members(self, group_id: GroupId) -> AsyncGenerator[Page[Member], None]:
        """See `ports.DirectorySource.members`."""
        return self._members.members(group_id)

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

    def managers(self) -> AsyncGenerator[Page[tuple[UserId, UserId | None]], None]:
        """See `ports.ChangeSource.managers`."""
        return self._feeds.managers()

    async def manager(self, user_id: UserId) -> UserId | None:
        """See `ports.ChangeSource.manager`."""
        return await self._lookups.manager_of(user_id)

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
