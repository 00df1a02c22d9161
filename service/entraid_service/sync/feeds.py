"""Reading a round of every feed and folding it. What it means is decided elsewhere."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from entraid_service.errors import FeedUnsupported, ListExpired
from entraid_service.model.changes import FeedLinks
from entraid_service.model.ids import GroupId
from entraid_service.model.syncrun import Phase
from entraid_service.ports import TenantSource
from entraid_service.sync.fold import GroupFold, UserFold
from entraid_service.sync.lists import noting_skipped
from entraid_service.sync.progress import ProgressBoard

MOST_OBJECTS = 20_000
MOST_EDGES = 500_000
"""Larger rounds are read as a whole instead: a round is held in memory until it is applied."""


class FullReadNeeded(Exception):  # noqa: N818 - says what is needed
    """An incremental read would not be right here; the text says why."""


@dataclass(slots=True)
class FoldedRound:
    """What the feeds told, and where each goes on. Of the groups in `begun` everything was told, members too."""

    users: UserFold = field(default_factory=UserFold)
    groups: GroupFold = field(default_factory=GroupFold)
    users_link: str = ""
    group_links: dict[str, str] = field(default_factory=dict)
    begun: set[GroupId] = field(default_factory=set)


class FeedReader:
    """Reads feeds into one folded round."""

    def __init__(self, *, source: TenantSource, board: ProgressBoard) -> None:
        self._source = source
        self._board = board
        self.told = FoldedRound()

    async def follow(self, links: FeedLinks, attributes: Collection[str]) -> None:
        """Reads what changed since these links.

        Raises:
            FullReadNeeded: The links are too old, or more changed than is worth following.
            EntraidError: As `ChangeSource`.
        """
        try:
            self._board.phase = Phase.USERS
            await self._users(links.users, attributes)
            self._board.phase = Phase.GROUPS
            await self._groups(links.groups)
        except ListExpired as error:
            raise FullReadNeeded(f"the links of the last sync have expired: {error}") from error
        except FeedUnsupported as error:
            raise FullReadNeeded(f"this tenant has no delta queries any more: {error}") from error

    async def begin(self, only: Collection[GroupId]) -> None:
        """Reads everything about groups that were not followed before, at most 50.

        Raises:
            FullReadNeeded: As `follow`.
            EntraidError: As `ChangeSource`.
        """
        self.told.begun.update(only)
        try:
            await self._round(",".join(sorted(only)), only=tuple(sorted(only)))
        except (ListExpired, FeedUnsupported) as error:
            raise FullReadNeeded(f"new groups cannot be followed: {error}") from error

    async def _users(self, link: str, attributes: Collection[str]) -> None:
        async for page in noting_skipped(self._source.user_changes(attributes, link=link), self._board):
            self.told.users.take(page.items)
            self.told.users_link = page.next_round or self.told.users_link
            self._board.users = len(self.told.users.changed) + len(self.told.users.removed)
            self._check_size()

    async def _groups(self, links: Mapping[str, str]) -> None:
        for key, link in links.items():
            await self._round(key, link=link, only=tuple(map(GroupId, filter(None, key.split(",")))))

    async def _round(self, key: str, *, link: str = "", only: Collection[GroupId] = ()) -> None:
        async for page in noting_skipped(self._source.group_changes(link=link, only=only), self._board):
            self.told.groups.take(page.items)
            if page.next_round:
                self.told.group_links[key] = page.next_round
            self._board.groups = len(self.told.groups.changed) + len(self.told.groups.removed)
            self._board.memberships = self.told.groups.edges
            self._check_size()

    def _check_size(self) -> None:
        if self._board.users + self._board.groups > MOST_OBJECTS or self._board.memberships > MOST_EDGES:
            raise FullReadNeeded("more changed than is worth following")
