"""A complete read of a tenant into a staging area: users, groups, memberships. Nothing here serves or deletes anything.

1. The users' link is taken before anything is read, so that what changes meanwhile is told by the next incremental
read. 2. Users come as a plain list: it has 999 on a page where their feed has some 200.
3. Groups come by the first round of their feed, members included, which takes far fewer requests than a list of
members for
   each group. A tenant without feeds (Entra External ID) is read by lists, and by full reads only.

Any error ends the read, and with it everything that was staged: an incomplete read is worth nothing. Two things are
no errors: an odd object is skipped and counted, and a list that Graph forgot in between is read again from its start.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from entraid_service.errors import FeedUnsupported, GraphUnavailable, NotOffered
from entraid_service.model.changes import FeedLinks
from entraid_service.model.directory import CORE_ATTRIBUTES, Group
from entraid_service.model.ids import GroupId, UserId, fold, is_guid
from entraid_service.model.scope import GroupResolution, Scope
from entraid_service.model.syncrun import Phase
from entraid_service.ports import Staging, TenantSource
from entraid_service.sync.batches import in_batches
from entraid_service.sync.crosscheck import has_unread_members, managers_apart
from entraid_service.sync.feedread import GroupFeedRead, GroupsRead
from entraid_service.sync.lists import noting_skipped, restarting
from entraid_service.sync.members import MemberWalk
from entraid_service.sync.progress import ProgressBoard
from entraid_service.sync.scope import pins, resolve, roots, seen_by


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """What a full read reads.

    `attributes` are Microsoft Graph names; without `groups_to_sync` it is the whole directory; `former_resolutions` are
    those of the snapshot before; `parallel_groups` is how many groups are read at once by lists; `binding` is what
    the links are saved under.
    """

    attributes: tuple[str, ...]
    binding: str = ""
    groups_to_sync: tuple[str, ...] = ()
    former_resolutions: tuple[GroupResolution, ...] = ()
    parallel_groups: int = 8

    @property
    def is_whole_directory(self) -> bool:
        """Whether no Groups to Sync narrow the read."""
        return not self.groups_to_sync

    @property
    def selected(self) -> tuple[str, ...]:
        """The attributes to ask for, once each."""
        return tuple(dict.fromkeys((*CORE_ATTRIBUTES, *self.attributes)))


@dataclass(frozen=True, slots=True)
class ReadResult:
    """What is known after a complete read, and where the next incremental one goes on, if it can."""

    scope: Scope
    links: FeedLinks | None


class FullRead:
    """One complete read."""

    def __init__(self, plan: ReadPlan, *, source: TenantSource, staging: Staging, board: ProgressBoard) -> None:
        self._plan = plan
        self._source = source
        self._staging = staging
        self._board = board
        self._users: list[UserId] = []  # kept while nobody is known to have a manager
        self._has_managers = False

    async def run(self) -> ReadResult:
        """Reads everything and tells what is now known.

        Raises:
            EntraidError: As `TenantSource`; the staging area is then to be discarded.
        """
        self._board.requests = self._source.requests
        self._board.phase = Phase.USERS
        users_link = await self._users_link()
        attributes = (*self._plan.selected, *(("manager",) if await self._read_people() else ()))
        groups, resolutions = await self._read_groups(by_feed=bool(users_link))
        if not self._plan.is_whole_directory:
            await self._staging.keep_members_only()
        scope = Scope(
            attributes=frozenset(attributes),
            is_whole_directory=self._plan.is_whole_directory,
            resolutions=resolutions,
        )
        links = FeedLinks(self._plan.binding, users_link, groups.links) if users_link and groups.links else None
        return ReadResult(scope, links)

    async def _users_link(self) -> str:
        """Where the users' feed goes on from now; empty if the tenant has none."""
        link = ""
        try:
            async for page in self._source.user_changes(self._plan.selected):
                link = page.next_round or link
        except FeedUnsupported:
            return ""
        return link

    async def _read_people(self) -> bool:
        """Every user. Returns whether it is known who their managers are."""
        try:
            await restarting(self._read_users)
        except NotOffered:
            await restarting(lambda: self._read_users({}))
            apart = await managers_apart(self._source, self._users) or None
        else:
            if self._has_managers or not self._users:
                return True
            apart = await managers_apart(self._source, self._users) or {}
        if apart:
            await restarting(lambda: self._read_users(apart))
        return apart is not None

    async def _read_users(self, managers: Mapping[UserId, UserId] | None = None) -> None:
        """Stages all users, with these managers or, where they are None, with those that come with the users."""
        await self._staging.drop_users()
        self._board.users = 0
        self._users = []
        source = self._source.users(self._plan.selected, with_managers=managers is None)
        async for page in noting_skipped(source, self._board):
            users = page.items
            if managers is not None:
                users = [replace(user, manager_id=managers.get(user.id)) for user in users]
            self._board.users += len(users)
            self._has_managers = self._has_managers or any(user.manager_id for user in users)
            if self._has_managers:
                self._users.clear()
            else:
                self._users += [user.id for user in users]
            await self._staging.put_users(users)
        self._refuse_all_odd("users", self._board.users)

    async def _read_groups(self, *, by_feed: bool) -> tuple[GroupsRead, tuple[GroupResolution, ...]]:
        if by_feed:
            try:
                read, resolutions = await restarting(self._groups_by_feed)
            except (FeedUnsupported, NotOffered):
                pass  # users have a feed and groups have none, or not all that goes with it: lists tell the same
            else:
                if self._board.memberships or not await has_unread_members(self._source, read.groups):
                    return read, resolutions
        return await self._groups_by_lists()

    async def _groups_by_feed(self) -> tuple[GroupsRead, tuple[GroupResolution, ...]]:
        self._board.phase = Phase.GROUPS
        self._board.memberships = 0
        read = GroupFeedRead(source=self._source, staging=self._staging, board=self._board)
        if self._plan.is_whole_directory:
            self._board.phase = Phase.MEMBERSHIPS
            return await read.everything(), ()
        named = resolve(self._plan.groups_to_sync, await self._candidates(), former=self._plan.former_resolutions)
        self._board.phase = Phase.MEMBERSHIPS
        result = await read.below(roots(named))
        return result, seen_by(named, result.groups)

    async def _candidates(self) -> dict[GroupId, Group]:
        """The groups that the entries may name: one look-up for each, not a list of all groups."""
        former = pins(self._plan.former_resolutions)
        found: dict[GroupId, Group] = {}
        unfound: set[str] = set()
        for entry in self._plan.groups_to_sync:
            pin = former.get(entry) or (GroupId(entry.lower()) if is_guid(entry) else None)
            if pin is None:
                named = [g for g in await self._source.groups_named(entry) if fold(g.display_name) == fold(entry)]
                found.update((group.id, group) for group in named)
                unfound.update(() if named else (fold(entry),))
            elif (group := await self._source.group(pin)) is not None:
                found[group.id] = group
        if unfound:
            # Graph's idea of equal names may be narrower than ours.
            groups = await restarting(self._list_groups)
            found.update((key, group) for key, group in groups.items() if fold(group.display_name) in unfound)
        return found

    async def _groups_by_lists(self) -> tuple[GroupsRead, tuple[GroupResolution, ...]]:
        self._board.phase = Phase.GROUPS
        await self._staging.drop_groups()
        await self._staging.drop_memberships()
        groups = await restarting(self._list_groups)
        resolutions = resolve(self._plan.groups_to_sync, groups, former=self._plan.former_resolutions)
        self._board.phase = Phase.MEMBERSHIPS
        self._board.memberships = 0
        walk = MemberWalk(
            groups,
            source=self._source,
            staging=self._staging,
            board=self._board,
            follows_nesting=not self._plan.is_whole_directory,
            parallel=self._plan.parallel_groups,
        )
        read = await walk.run(tuple(groups) if self._plan.is_whole_directory else roots(resolutions))
        self._board.groups = len(read)
        for batch in in_batches(read):
            await self._staging.put_groups(batch)
        return GroupsRead({group.id for group in read}, {}), resolutions

    async def _list_groups(self) -> dict[GroupId, Group]:
        groups: dict[GroupId, Group] = {}
        async for page in noting_skipped(self._source.groups(), self._board):
            groups.update((group.id, group) for group in page.items)
            self._board.groups = len(groups)
        self._refuse_all_odd("groups", len(groups))
        return groups

    def _refuse_all_odd(self, what: str, count: int) -> None:
        if not count and self._board.skipped_objects:
            raise GraphUnavailable(
                f"none of the {what} that Microsoft Graph listed could be read: nothing was changed; "
                "the log names what was odd about them"
            )
