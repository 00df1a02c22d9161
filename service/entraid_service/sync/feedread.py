"""The first round of the groups' feed: every group with its members, straight into the staging area.

One round tells the whole directory. With Groups to Sync it takes a round for every 50 groups, the most that a filter
may name (https://learn.microsoft.com/graph/api/group-delta), and another one for the groups that are found nested in
them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from entraid_service.model.changes import GroupChange, Removal
from entraid_service.model.directory import Group, MemberKind, Membership
from entraid_service.model.ids import GroupId
from entraid_service.ports import FeedPage, Staging, TenantSource
from entraid_service.sync.lists import noting_skipped
from entraid_service.sync.progress import ProgressBoard
from entraid_service.turns import in_turns

MOST_IDS = 50
"""Object ids that the filter of one feed may name."""


@dataclass(frozen=True, slots=True)
class GroupsRead:
    """The groups that were staged, and for each round's ids (joined by commas, empty for all) its link."""

    groups: set[GroupId]
    links: dict[str, str]


class GroupFeedRead:
    """Reads first rounds until nothing new is nested in what was read."""

    def __init__(self, *, source: TenantSource, staging: Staging, board: ProgressBoard) -> None:
        self._source = source
        self._staging = staging
        self._board = board
        self._staged: set[GroupId] = set()
        self._unread: set[GroupId] = set()
        self._opaque: set[GroupId] = set()
        self._gone: set[GroupId] = set()
        self._taken_back: set[tuple[GroupId, str]] = set()
        self._nested: set[GroupId] = set()
        self._links: dict[str, str] = {}

    async def everything(self) -> GroupsRead:
        """The whole directory. What an earlier attempt left is dropped first.

        Raises:
            EntraidError: As `ChangeSource.group_changes`.
        """
        await self._drop()
        await self._round(())
        return await self._finish()

    async def below(self, roots: Sequence[GroupId]) -> GroupsRead:
        """These groups and all that are nested in them; roots that are gone are left out.

        Raises:
            EntraidError: As `ChangeSource.group_changes`.
        """
        await self._drop()
        seen: set[GroupId] = set()
        wave = list(dict.fromkeys(roots))
        while wave:
            seen.update(wave)
            for ids in chunks(wave):
                await self._round(ids)
            wave = sorted(self._nested - seen)
        return await self._finish()

    async def _drop(self) -> None:
        self._board.other_members = 0
        await self._staging.drop_groups()
        await self._staging.drop_memberships()

    async def _round(self, only: Sequence[GroupId]) -> None:
        async for page in noting_skipped(self._source.group_changes(only=only), self._board):
            await self._take(page)
            if page.next_round:
                self._links[",".join(only)] = page.next_round

    async def _take(self, page: FeedPage[GroupChange | Removal]) -> None:
        groups: dict[GroupId, Group] = {}
        edges: list[Membership] = []
        async for item in in_turns(page.items):
            if isinstance(item, Removal):
                groups.pop(GroupId(item.id), None)
                self._forget(GroupId(item.id))
                continue
            edges += self._edges(item)
            self._gone.discard(item.id)
            if item.group is not None:
                groups[item.id] = item.group
            elif item.id not in self._staged and item.id not in groups:
                self._unread.add(item.id)
        await self._put(groups.values())
        self._board.groups = len(self._staged) + len(self._unread)
        self._board.memberships += len(edges)
        await self._staging.put_memberships(edges)

    async def _put(self, groups: Collection[Group]) -> None:
        for group in groups:
            self._staged.add(group.id)
            self._unread.discard(group.id)
            # Members that were told of a group whose membership may not be read are not all: they are not believed.
            (self._opaque.add if group.is_opaque else self._opaque.discard)(group.id)
        await self._staging.put_groups(tuple(groups))

    def _forget(self, group_id: GroupId) -> None:
        self._gone.add(group_id)
        for known in (self._staged, self._unread, self._opaque):
            known.discard(group_id)

    def _edges(self, change: GroupChange) -> list[Membership]:
        """The edges that a change adds; those that it removes are noted, a first round may tell old removals too."""
        edges: list[Membership] = []
        for member in change.members:
            if member.is_removed:
                self._taken_back.add((change.id, member.id))
            elif member.kind in (MemberKind.USER, MemberKind.GROUP):
                self._taken_back.discard((change.id, member.id))
                edges.append(Membership(change.id, member.id, member.kind))
                if member.kind is MemberKind.GROUP:
                    self._nested.add(GroupId(member.id))
            else:
                self._board.other_members += 1
        return edges

    async def _finish(self) -> GroupsRead:
        # Told without their properties, in whatever page: read one by one, as few as they are.
        for group_id in sorted(self._unread):
            group = await self._source.group(group_id)
            if group is None:
                self._forget(group_id)
            else:
                await self._put((group,))
        await self._staging.take_back(edges=self._taken_back, groups=self._gone, members_of=self._opaque)
        self._board.groups = len(self._staged)
        return GroupsRead(self._staged, self._links)


def chunks(ids: Sequence[GroupId]) -> list[tuple[GroupId, ...]]:
    """Ids in portions that one feed's filter can name."""
    return [tuple(ids[start : start + MOST_IDS]) for start in range(0, len(ids), MOST_IDS)]
