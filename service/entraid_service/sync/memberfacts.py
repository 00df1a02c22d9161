"""Facts on memberships that no feed tells: the members of a group, the direct groups of a user."""

from entraid_service.errors import GroupGone, PermissionMissing
from entraid_service.model.directory import Member
from entraid_service.model.ids import GroupId, UserId
from entraid_service.ports import TenantSource
from entraid_service.sync.lists import noting_skipped, restarting
from entraid_service.sync.members import HIDDEN_MEMBERSHIP
from entraid_service.sync.progress import ProgressBoard


class MemberFacts:
    """Asks each fact once. Made anew for every read: facts grow old."""

    def __init__(self, *, source: TenantSource, board: ProgressBoard) -> None:
        self._source = source
        self._board = board
        self._members: dict[GroupId, list[Member] | None] = {}

    async def members(self, group_id: GroupId) -> list[Member] | None:
        """The direct members of a group, None if it is gone.

        Raises:
            EntraidError: As `DirectorySource.members`.
        """
        if group_id not in self._members:
            try:
                self._members[group_id] = await restarting(lambda: self._read(group_id))
            except GroupGone:
                self._members[group_id] = None
        return self._members[group_id]

    async def direct_groups(self, user_id: UserId, among: frozenset[GroupId] | None = None) -> list[GroupId]:
        """The groups that a user is in directly, looked for among these only, if given.

        Graph tells the groups of a user with those that nest them; which of them he is in directly only their members
        tell.

        Raises:
            EntraidError: As `DirectorySource.members`.
        """
        found: list[GroupId] = []
        async for page in noting_skipped(self._source.groups_of(user_id), self._board):
            found += [group_id for group_id in page.items if among is None or group_id in among]
        return [group_id for group_id in dict.fromkeys(found) if await self._is_in(user_id, group_id)]

    async def _is_in(self, user_id: UserId, group_id: GroupId) -> bool:
        try:
            members = await self.members(group_id)
        except PermissionMissing as error:
            if HIDDEN_MEMBERSHIP not in error.missing:
                raise
            return False  # nobody can tell who is in it: the group itself is kept as opaque
        return members is not None and any(member.id == user_id for member in members)

    async def _read(self, group_id: GroupId) -> list[Member]:
        members: list[Member] = []
        async for page in noting_skipped(self._source.members(group_id), self._board):
            members.extend(page.items)
        return members
