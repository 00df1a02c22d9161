"""What a folded round means for groups and edges, over what is served."""

from dataclasses import dataclass, field

from entraid_service.model.changes import MemberChange
from entraid_service.model.directory import Group, MemberKind, Membership
from entraid_service.model.ids import GroupId, UserId
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.ports import DirectoryStore, TenantSource
from entraid_service.sync.feeds import FoldedRound, FullReadNeeded
from entraid_service.sync.memberfacts import MemberFacts
from entraid_service.turns import in_turns


@dataclass(slots=True)
class GroupOutcome:
    """Groups to put and to remove, edges to add and to take."""

    put: dict[GroupId, Group] = field(default_factory=dict)
    removed: set[GroupId] = field(default_factory=set)
    added: list[Membership] = field(default_factory=list)
    taken: list[tuple[GroupId, str]] = field(default_factory=list)

    def added_users(self) -> set[UserId]:
        """Users who came into a group."""
        return {UserId(edge.member_id) for edge in self.added if edge.kind is MemberKind.USER}


async def group_outcome(
    told: FoldedRound,
    *,
    synced: frozenset[GroupId] | None,
    source: TenantSource,
    facts: MemberFacts,
    store: DirectoryStore,
    base: SnapshotVersion,
) -> GroupOutcome:
    """Turns what was told of groups into changes; `synced` are those that count, None for all.

    Raises:
        FullReadNeeded: A membership became hidden or readable.
        EntraidError: As `TenantSource`.
    """
    outcome = GroupOutcome(removed=set(told.groups.removed))
    served = {group.id: group for group in await store.groups(base, list(told.groups.changed))}
    async for group_id, newest in in_turns(list(told.groups.changed.items())):
        if synced is not None and group_id not in synced:
            continue
        former = None if group_id in told.groups.removed else served.get(group_id)
        group = newest or former or await source.group(group_id)
        if group is None:
            outcome.removed.add(group_id)
            continue
        if former is not None and former.is_opaque is not group.is_opaque:
            raise FullReadNeeded(f"who is in group `{group_id}` became hidden, or readable")
        if former is None and not group.is_opaque and group_id not in told.begun:
            # The feed may tell a restored group without its members, as it tells a restored user without his groups.
            await _read_members(group_id, told, facts, outcome)
            if group_id in outcome.removed and group_id not in told.groups.removed:
                continue
        if group != former:
            outcome.put[group_id] = group
        if not group.is_opaque:
            await _take_edges(group_id, told.groups.members.get(group_id, {}), outcome)
    await _drop_dangling(outcome, told)
    return outcome


async def _read_members(group_id: GroupId, told: FoldedRound, facts: MemberFacts, outcome: GroupOutcome) -> None:
    members = await facts.members(group_id)
    if members is None:
        outcome.removed.add(group_id)
        return
    told.groups.members[group_id] = {m.id: MemberChange(m.id, m.kind, is_removed=False) for m in members}


async def _take_edges(group_id: GroupId, members: dict[str, MemberChange], outcome: GroupOutcome) -> None:
    async for member in in_turns(members.values()):
        if member.is_removed:
            outcome.taken.append((group_id, member.id))
        elif member.kind in (MemberKind.USER, MemberKind.GROUP):
            outcome.added.append(Membership(group_id, member.id, member.kind))


async def _drop_dangling(outcome: GroupOutcome, told: FoldedRound) -> None:
    """Drops edges to groups that are gone; a group that came back stands in `put`, or was told of again."""
    gone = outcome.removed - told.groups.changed.keys()
    if gone:
        outcome.added = [
            edge
            async for edge in in_turns(outcome.added)
            if edge.kind is not MemberKind.GROUP or GroupId(edge.member_id) not in gone
        ]
