"""An incremental read: a round of all feeds, turned into one set of changes. Nothing here serves anything.

1. The feeds are followed from the links of the last sync, and folded (`feeds`, `fold`).
2. With Groups to Sync, groups that are nested in a synced one by now are read from their start, and those that are
not any
   more leave.
3. The fold becomes changes over what is served (`groupchanges`, `userchanges`).

What cannot be followed this way is a reason to read everything instead (`FullReadNeeded`), which is always right.
"""

from dataclasses import dataclass, replace

from entraid_service.errors import NotOffered
from entraid_service.model.changes import ChangeSet, FeedLinks
from entraid_service.model.directory import MemberKind
from entraid_service.model.ids import GroupId, fold
from entraid_service.model.scope import GroupResolution, ResolutionState, Scope
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.model.syncrun import Phase
from entraid_service.ports import DirectoryStore, TenantSource
from entraid_service.sync.feedread import chunks
from entraid_service.sync.feeds import FeedReader, FullReadNeeded
from entraid_service.sync.groupchanges import GroupOutcome, group_outcome
from entraid_service.sync.memberfacts import MemberFacts
from entraid_service.sync.progress import ProgressBoard
from entraid_service.sync.reach import Nesting
from entraid_service.sync.scope import roots
from entraid_service.sync.userchanges import UserOutcome, UserQuestions
from entraid_service.turns import in_turns


@dataclass(frozen=True, slots=True)
class RoundPlan:
    """What an incremental read goes on from: the served version, its links, and the attributes that they select."""

    base: SnapshotVersion
    links: FeedLinks
    selected: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RoundResult:
    """What changed, what is known afterwards, and where the next round goes on."""

    changes: ChangeSet
    scope: Scope
    links: FeedLinks


class IncrementalRead:
    """One round of all feeds."""

    def __init__(self, plan: RoundPlan, *, source: TenantSource, store: DirectoryStore, board: ProgressBoard) -> None:
        self._plan = plan
        self._source = source
        self._store = store
        self._board = board
        self._feeds = FeedReader(source=source, board=board)

    async def run(self) -> RoundResult:
        """Reads what changed.

        Raises:
            FullReadNeeded: It cannot be followed.
            EntraidError: As `ChangeSource`.
        """
        self._board.requests = self._source.requests
        try:
            return await self._round()
        except NotOffered as error:
            raise FullReadNeeded(f"what belongs to a change cannot be read by itself: {error}") from error

    async def _round(self) -> RoundResult:
        await self._feeds.follow(self._plan.links, self._plan.selected)
        self._board.phase = Phase.MEMBERSHIPS
        scope = self._plan.base.scope
        synced: frozenset[GroupId] | None = None
        left: frozenset[GroupId] = frozenset()
        if not scope.is_whole_directory:
            scope = replace(scope, resolutions=await self._resolutions(scope))
            synced, left = await self._follow_nesting(before=self._plan.base.scope, now=scope)
        changes = await self._changes(synced, left)
        told = self._feeds.told
        return RoundResult(changes, scope, FeedLinks(self._plan.links.binding, told.users_link, told.group_links))

    async def _resolutions(self, scope: Scope) -> tuple[GroupResolution, ...]:
        """The entries of Groups to Sync after this round; one that names a group only now asks for a full read."""
        gone = self._feeds.told.groups.removed - self._feeds.told.groups.changed.keys()
        found: list[GroupResolution] = []
        for resolution in scope.resolutions:
            if resolution.state is ResolutionState.RESOLVED:
                is_gone = resolution.groups[0] in gone
                state = ResolutionState.NOT_FOUND if is_gone else ResolutionState.RESOLVED
                found.append(replace(resolution, state=state))
            elif await self._names_a_group_now(resolution):
                raise FullReadNeeded(f"`{resolution.entry}` of Groups to Sync names a group now")
            else:
                found.append(resolution)
        return tuple(found)

    async def _names_a_group_now(self, resolution: GroupResolution) -> bool:
        if resolution.state is ResolutionState.NOT_FOUND and resolution.groups:
            return await self._source.group(resolution.groups[0]) is not None
        named = await self._source.groups_named(resolution.entry)
        return sum(fold(group.display_name) == fold(resolution.entry) for group in named) == 1

    async def _follow_nesting(self, *, before: Scope, now: Scope) -> tuple[frozenset[GroupId], frozenset[GroupId]]:
        """The groups that are synced from now on, and those that are not any more."""
        nesting = Nesting()
        nesting.add(await self._store.nesting(self._plan.base))
        known = nesting.reached(roots(before.resolutions))
        served = frozenset(known)
        while True:
            self._apply_nesting(nesting)
            reached = nesting.reached(roots(now.resolutions))
            new = sorted(reached - known)
            if not new:
                return frozenset(reached), served - reached
            known.update(new)
            for ids in chunks(new):
                await self._feeds.begin(ids)

    def _apply_nesting(self, nesting: Nesting) -> None:
        groups = self._feeds.told.groups
        for group_id in groups.removed - groups.changed.keys():
            nesting.drop(group_id)
        for group_id, members in groups.members.items():
            for member in members.values():
                if member.is_removed:
                    nesting.remove(group_id, member.id)
                elif member.kind is MemberKind.GROUP:
                    nesting.add([(group_id, GroupId(member.id))])

    async def _changes(self, synced: frozenset[GroupId] | None, left: frozenset[GroupId]) -> ChangeSet:
        facts = MemberFacts(source=self._source, board=self._board)
        groups = await group_outcome(
            self._feeds.told, synced=synced, source=self._source, facts=facts, store=self._store, base=self._plan.base
        )
        questions = UserQuestions(self._plan.base, self._plan.selected, self._source, facts, self._store)
        users = await questions.outcome(self._feeds.told.users, added=groups.added_users(), synced=synced)
        return await _change_set(groups, users, left)


async def _change_set(groups: GroupOutcome, users: UserOutcome, left: frozenset[GroupId]) -> ChangeSet:
    # Of a user who was asked about, the answer counts and not what the feed told of him.
    added = [
        edge
        async for edge in in_turns(groups.added)
        if edge.kind is not MemberKind.USER
        or (edge.member_id not in users.removed and edge.member_id not in users.asked)
    ]
    return ChangeSet(
        users=list(users.put.values()),
        removed_users=sorted(users.removed | users.asked.keys()),
        groups=list(groups.put.values()),
        removed_groups=sorted(groups.removed | left),
        added=[*added, *users.edges()],
        removed=groups.taken,
    )
