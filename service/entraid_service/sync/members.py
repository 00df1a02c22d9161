"""Reading the members of many groups, several at a time, from group to nested group where asked.

A group that vanished since it was listed is left out. A group whose members the app may not see is kept, marked as
opaque: nobody can tell who is in it. Everything else that goes wrong ends the walk.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from entraid_service.errors import GroupGone, PermissionMissing
from entraid_service.model.directory import Group, Member, MemberKind, Membership
from entraid_service.model.ids import GroupId
from entraid_service.ports import DirectorySource, Staging
from entraid_service.sync.batches import in_batches
from entraid_service.sync.lists import noting_skipped, restarting
from entraid_service.sync.progress import ProgressBoard

HIDDEN_MEMBERSHIP = "Member.Read.Hidden"


class MemberWalk:
    """Stages the memberships of groups and tells which groups were read."""

    def __init__(
        self,
        groups: Mapping[GroupId, Group],
        *,
        source: DirectorySource,
        staging: Staging,
        board: ProgressBoard,
        follows_nesting: bool,
        parallel: int,
    ) -> None:
        self._groups = groups
        self._source = source
        self._staging = staging
        self._board = board
        self._follows_nesting = follows_nesting
        self._parallel = parallel
        self._queue: asyncio.Queue[GroupId] = asyncio.Queue()
        self._seen: set[GroupId] = set()
        self._read: list[Group] = []

    async def run(self, start: Sequence[GroupId]) -> list[Group]:
        """Reads these groups, and those nested in them if the walk follows nesting.

        Raises:
            EntraidError: As `DirectorySource.members`.
        """
        self._enqueue(start)
        try:
            async with asyncio.TaskGroup() as workers:
                tasks = [workers.create_task(self._work()) for _ in range(self._parallel)]
                await self._queue.join()
                for task in tasks:
                    task.cancel()
        except BaseExceptionGroup as group:
            # One failure ends the walk; those that it caused beside it say nothing more.
            raise group.exceptions[0] from group
        return self._read

    def _enqueue(self, group_ids: Sequence[GroupId]) -> None:
        for group_id in group_ids:
            # A nested group that is not in the list was made after the list was read: the edge waits for the next sync.
            if group_id in self._groups and group_id not in self._seen:
                self._seen.add(group_id)
                self._queue.put_nowait(group_id)

    async def _work(self) -> None:
        while True:
            group_id = await self._queue.get()
            await self._read_group(self._groups[group_id])
            self._queue.task_done()

    async def _read_group(self, group: Group) -> None:
        try:
            members = await restarting(lambda: self._members(group))
        except GroupGone:
            return
        except PermissionMissing as error:
            if HIDDEN_MEMBERSHIP not in error.missing:
                raise
            self._read.append(replace(group, is_opaque=True))
            return
        edges = [Membership(group.id, m.id, m.kind) for m in members if m.kind is not MemberKind.OTHER]
        for batch in in_batches(edges):
            await self._staging.put_memberships(batch)
        self._read.append(group)
        if self._follows_nesting:
            self._enqueue([GroupId(m.id) for m in members if m.kind is MemberKind.GROUP])

    async def _members(self, group: Group) -> list[Member]:
        # Held until the list is complete, so that a list which is read again leaves nothing of its first reading.
        members: list[Member] = []
        async for page in noting_skipped(self._source.members(group.id), self._board):
            members.extend(page.items)
            others = sum(member.kind is MemberKind.OTHER for member in page.items)
            self._board.other_members += others
            self._board.memberships += len(page.items) - others
        return members
