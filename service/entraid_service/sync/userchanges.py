"""What a folded round means for users, over what is served.

A user whom the feed tells and whom we do not serve is new, or was deleted and restored, or (with Groups to Sync) is
none of ours. The memberships of a restored one come back without a word
(https://learn.microsoft.com/graph/delta-query-groups), so Graph is asked for his groups; his edges are then those of
the answer and no others.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from entraid_service.model.changes import KEPT, UserChange
from entraid_service.model.directory import MemberKind, Membership, User
from entraid_service.model.ids import GroupId, UserId
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.ports import DirectoryStore, TenantSource
from entraid_service.sync.feeds import FullReadNeeded
from entraid_service.sync.fold import UserFold, patched
from entraid_service.sync.memberfacts import MemberFacts
from entraid_service.sync.parallel import answers
from entraid_service.turns import in_turns

_NEW_FOR = timedelta(minutes=15)
"""Who was made no longer than this before the last sync is new, not restored."""

_WITNESSES = 3
"""Users with a manager who are asked for before somebody is believed to have none; one may just have lost his."""

_CANDIDATES = 30
"""Users among whom they are looked for."""

_MOST_ASKED_ABOUT = 1_000
"""Users whose groups are asked for one by one; where there are more, a full read costs less."""


@dataclass(slots=True)
class UserOutcome:
    """Users to put and to remove; `asked` holds the direct groups of those that Graph was asked about."""

    put: dict[UserId, User] = field(default_factory=dict)
    removed: set[UserId] = field(default_factory=set)
    asked: dict[UserId, list[GroupId]] = field(default_factory=dict)

    def edges(self) -> list[Membership]:
        """The edges of those who were asked about."""
        return [
            Membership(group_id, user_id, MemberKind.USER) for user_id, ids in self.asked.items() for group_id in ids
        ]


@dataclass(frozen=True, slots=True)
class UserQuestions:
    """What is asked to tell new users from restored ones, and those of a synced group from others."""

    base: SnapshotVersion
    selected: tuple[str, ...]
    source: TenantSource
    facts: MemberFacts
    store: DirectoryStore

    async def outcome(
        self, told: UserFold, *, added: Collection[UserId], synced: frozenset[GroupId] | None
    ) -> UserOutcome:
        """Turns what was told of users into changes.

        Args:
            told: The folded feed.
            added: Users who came into a group.
            synced: The groups that make a user one of ours; None where everybody is.

        Raises:
            FullReadNeeded: Too many users would have to be asked about.
            EntraidError: As `TenantSource`.
        """
        found = UserOutcome(removed=told.removed - told.changed.keys())
        looked_up = {*told.changed, *(added if synced is not None else ())}
        served = {user.id: user for user in await self.store.users(self.base, sorted(looked_up))}
        strangers: list[UserChange] = []
        async for user_id, change in in_turns(told.changed.items()):
            former = None if user_id in told.removed else served.get(user_id)
            if former is None:
                strangers.append(change)
            elif (user := patched(former, change)) != former:
                found.put[user_id] = user
        doubtful = [change.id for change in strangers if change.id in told.removed or self._may_be_restored(change)]
        await self._ask_about(doubtful, found, synced=synced)
        if synced is None:
            new = [change for change in strangers if change.id not in doubtful and self._is_whole(change)]
            found.put.update((change.id, patched(None, change)) for change in new)
            ours = {change.id for change in strangers}
        else:
            # Whom the feed tells may have been there for long, of no interest until now: it tells what changed of him,
            # and not his manager, say, who stayed the same.
            ours = set(added) - served.keys() | found.asked.keys()
        read = await self._read(ours - found.removed - found.put.keys())
        if any(user.manager_id is None for user in read.values()):
            await self._check_managers_are_told(told)
        found.put.update(read)
        return found

    async def _ask_about(
        self, doubtful: Sequence[UserId], found: UserOutcome, *, synced: frozenset[GroupId] | None
    ) -> None:
        """Notes the direct groups of strangers who may have been restored; of others' groups only if they have any."""
        if len(doubtful) > _MOST_ASKED_ABOUT:
            raise FullReadNeeded(f"{len(doubtful)} users may have been restored")

        async def ask(user_id: UserId) -> list[GroupId]:
            return await self.facts.direct_groups(user_id, among=synced)

        groups = await answers(ask, doubtful)
        found.asked.update((user_id, ids) for user_id, ids in groups.items() if ids or synced is None)

    def _may_be_restored(self, change: UserChange) -> bool:
        created = change.attributes.get("createdDateTime")
        try:
            made = datetime.fromisoformat(str(created)).astimezone(UTC)
        except ValueError:
            return True
        return made < self.base.sync_time - _NEW_FOR

    def _is_whole(self, change: UserChange) -> bool:
        """Whether the feed told enough of a new user to know a person.

        A manager who is not told may be none, or one whom a Graph keeps silent about.
        """
        is_manager_told = change.manager_id is not KEPT or "manager" not in self.base.scope.attributes
        return is_manager_told and "userPrincipalName" in change.attributes

    async def _read(self, ids: Collection[UserId]) -> dict[UserId, User]:
        """These users as Graph tells them now, without those who are gone again."""
        if len(ids) > _MOST_ASKED_ABOUT:
            raise FullReadNeeded(f"{len(ids)} users would have to be read one by one")

        async def ask(user_id: UserId) -> User | None:
            return await self.source.user(user_id, self.selected)

        read = await answers(ask, sorted(ids))
        return {user_id: user for user_id, user in read.items() if user is not None}

    async def _check_managers_are_told(self, told: UserFold) -> None:
        """Looks whether Graph tells the manager of a single user at all: one that does not says that there is none.

        Raises:
            FullReadNeeded: It tells none of those who have one.
        """
        witnesses = await self._witnesses(told) if "manager" in self.base.scope.attributes else []
        for witness in witnesses[:_WITNESSES]:
            found = await self.source.user(witness.id, ())
            if found is not None and found.manager_id is not None:
                return
        if witnesses:
            raise FullReadNeeded("Microsoft Graph tells no manager of a single user, not even where there is one")

    async def _witnesses(self, told: UserFold) -> list[User]:
        """Users who have a manager for all that is known: neither he nor they were told of in this round."""
        users = await self.store.some_with_managers(self.base, limit=_CANDIDATES)
        managers = {user.manager_id for user in users if user.manager_id is not None}
        if self.base.scope.is_whole_directory:
            managers = {user.id for user in await self.store.users(self.base, sorted(managers))}
        moved = told.changed.keys() | told.removed
        return [user for user in users if user.id not in moved and user.manager_id in managers - told.removed]
