"""A complete read of a tenant into a staging area: users, groups, memberships. Nothing here serves or deletes anything.

Any error ends the read, and with it everything that was staged: an incomplete read is worth nothing. Two things are no
errors: an odd object is skipped and counted, and a list that Graph forgot in between is read again from its start.
"""

from dataclasses import dataclass

from entraid_service.errors import GraphUnavailable
from entraid_service.model.directory import CORE_ATTRIBUTES, Group
from entraid_service.model.ids import GroupId
from entraid_service.model.scope import GroupResolution, Scope
from entraid_service.model.syncrun import Phase
from entraid_service.ports import DirectorySource, Staging
from entraid_service.sync.batches import in_batches
from entraid_service.sync.lists import noting_skipped, restarting
from entraid_service.sync.members import MemberWalk
from entraid_service.sync.progress import ProgressBoard
from entraid_service.sync.scope import resolve, roots


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """What a full read reads.

    `attributes` are Microsoft Graph names; without `groups_to_sync` it is the whole directory; `former_resolutions`
    are those of the snapshot before; `parallel_groups` is how many groups are read at once.
    """

    attributes: tuple[str, ...]
    groups_to_sync: tuple[str, ...] = ()
    former_resolutions: tuple[GroupResolution, ...] = ()
    parallel_groups: int = 8


class FullRead:
    """One complete read."""

    def __init__(self, plan: ReadPlan, *, source: DirectorySource, staging: Staging, board: ProgressBoard) -> None:
        self._plan = plan
        self._source = source
        self._staging = staging
        self._board = board

    async def run(self) -> Scope:
        """Reads everything and tells what is now known.

        Raises:
            EntraidError: As `DirectorySource`; the staging area is then to be discarded.
        """
        self._board.requests = self._source.requests
        attributes = tuple(dict.fromkeys((*CORE_ATTRIBUTES, *self._plan.attributes)))
        self._board.phase = Phase.USERS
        await restarting(lambda: self._read_users(attributes))
        self._board.phase = Phase.GROUPS
        groups = await restarting(self._read_groups)
        resolutions = resolve(self._plan.groups_to_sync, groups, former=self._plan.former_resolutions)
        is_whole = not self._plan.groups_to_sync
        self._board.phase = Phase.MEMBERSHIPS
        await self._read_members(groups, None if is_whole else roots(resolutions))
        return Scope(
            attributes=frozenset((*attributes, "manager")), is_whole_directory=is_whole, resolutions=resolutions
        )

    async def _read_users(self, attributes: tuple[str, ...]) -> None:
        await self._staging.drop_users()
        self._board.users = 0
        async for page in noting_skipped(self._source.users(attributes), self._board):
            self._board.users += len(page.items)
            await self._staging.put_users(page.items)
        self._refuse_all_odd("users", self._board.users)

    async def _read_groups(self) -> dict[GroupId, Group]:
        groups: dict[GroupId, Group] = {}
        async for page in noting_skipped(self._source.groups(), self._board):
            groups.update((group.id, group) for group in page.items)
            self._board.groups = len(groups)
        self._refuse_all_odd("groups", len(groups))
        return groups

    async def _read_members(self, groups: dict[GroupId, Group], start: tuple[GroupId, ...] | None) -> None:
        """Stages memberships and groups: of the whole directory, or what hangs on the groups to start from."""
        walk = MemberWalk(
            groups,
            source=self._source,
            staging=self._staging,
            board=self._board,
            follows_nesting=start is not None,
            parallel=self._plan.parallel_groups,
        )
        read = await walk.run(tuple(groups) if start is None else start)
        self._board.groups = len(read)
        for batch in in_batches(read):
            await self._staging.put_groups(batch)
        if start is not None:
            await self._staging.keep_members_only()

    def _refuse_all_odd(self, what: str, count: int) -> None:
        if not count and self._board.skipped_objects:
            raise GraphUnavailable(
                f"none of the {what} that Microsoft Graph listed could be read: nothing was changed; "
                "the log names what was odd about them"
            )
