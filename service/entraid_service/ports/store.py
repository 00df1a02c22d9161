"""What lasts: connections, directory data, runs."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from entraid_service.model.candidates import Candidates
from entraid_service.model.changes import ChangeSet, FeedLinks, Removals
from entraid_service.model.connection import Connection, ConnectionState
from entraid_service.model.directory import Group, Membership, User
from entraid_service.model.filters import Filter
from entraid_service.model.ids import ConnectionId, GroupId, SyncRunId, UserId
from entraid_service.model.report import ErrorReport
from entraid_service.model.scope import Scope
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.model.syncrun import Changes, SyncRun
from entraid_service.ports.decisions import UserRecord

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SealedCredential:
    """A credential as it is kept.

    `kind` is `client_secret`, `certificate`, `federated` or `service_app`; `sealed` is empty for the last two.
    """

    kind: str
    sealed: bytes = b""


class ConnectionStore(Protocol):
    """Connections and their sealed credentials."""

    async def create(self, connection: Connection, credential: SealedCredential | None) -> None:
        """Adds a connection.

        Raises:
            ConnectionExists: the id is taken.
        """

    async def replace(
        self, connection: Connection, credential: SealedCredential | None, *, expected_version: int
    ) -> None:
        """Replaces a connection's settings in one step, its credential too unless that is None.

        Raises:
            ResourceNotFound: there is none of this id, or it is another one by now (`uid`).
            EtagMismatch: its version is not the expected one.
        """

    async def set_health(
        self,
        connection_id: ConnectionId,
        *,
        state: ConnectionState,
        last_error: ErrorReport | None,
        granted_permissions: tuple[str, ...] | None = None,
        missing_permissions: tuple[str, ...] | None = None,
    ) -> None:
        """Notes how the connection stands; what is None stays.

        No change by a caller: neither version nor update time move.

        A connection that is gone is left gone.
        """

    async def get(self, connection_id: ConnectionId) -> Connection:
        """Reads one.

        Raises:
            ResourceNotFound: there is none of this id.
        """

    async def credential(self, connection_id: ConnectionId) -> SealedCredential | None:
        """Reads the credential of one, None where it has none.

        Raises:
            ResourceNotFound: there is none of this id.
        """

    async def page(self, *, after: ConnectionId | None, limit: int) -> list[Connection]:
        """At most `limit` connections behind `after`, ordered by id."""

    async def delete(self, connection_id: ConnectionId, *, expected_version: int | None = None) -> None:
        """Deletes a connection and everything that is kept of it: credential, directory, runs.

        In one transaction as seen by readers.

        Raises:
            ResourceNotFound: there is none of this id.
            EtagMismatch: its version is not the expected one.
        """


class Staging(Protocol):
    """A complete read in the making.

    Nothing of it is served before `commit`; it is written as it comes, in bounded memory.

    Rows may be put again (the last wins), and a list can be dropped to start anew.
    """

    async def put_users(self, users: Sequence[User]) -> None:
        """Adds users."""

    async def put_groups(self, groups: Sequence[Group]) -> None:
        """Adds groups."""

    async def put_memberships(self, memberships: Sequence[Membership]) -> None:
        """Adds edges; an edge may come before its user or group, or without it for good."""

    async def drop_users(self) -> None:
        """Drops the users put so far."""

    async def drop_groups(self) -> None:
        """Drops the groups put so far."""

    async def drop_memberships(self) -> None:
        """Drops the edges put so far."""

    async def take_back(
        self,
        *,
        edges: Collection[tuple[GroupId, str]] = (),
        groups: Collection[GroupId] = (),
        members_of: Collection[GroupId] = (),
    ) -> None:
        """Drops these edges (group, member), these groups with all edges from and to them, all members of these."""

    async def keep_members_only(self) -> None:
        """Drops users who are in none of the staged groups (Groups to Sync: the members are the synced users)."""

    async def changes(self) -> Changes:
        """The difference to what is served now; everything, if nothing is."""

    async def removals(self) -> Removals:
        """How much of what is served now this read would remove, and how much there is."""

    async def prepare(self) -> None:
        """Does what takes long of a commit, so that this is short afterwards. Left out, the commit does it."""

    async def commit(
        self, run: SyncRun, *, sync_time: datetime, scope: Scope, links: FeedLinks | None = None
    ) -> SnapshotVersion:
        """Serves this read from now on, and saves `run` and the links for the next round, in one transaction.

        `run` is saved with the revision in it.

        Raises:
            RunSuperseded: The run has lost its lease.
            ResourceNotFound: the connection was deleted, or another one took its name, since `begin`.
        """

    async def discard(self) -> None:
        """Drops everything. Harmless after `commit` and when repeated."""


class DirectoryStore(Protocol):
    """The write side of directory data."""

    async def begin(self, connection: Connection) -> Staging:
        """Starts a complete read."""

    async def links(self, connection: Connection) -> FeedLinks | None:
        """Where the next incremental read of what is served goes on; None if it cannot."""

    async def users(self, version: SnapshotVersion, ids: Sequence[UserId]) -> list[User]:
        """Those of these users that are served, in no particular order.

        Raises:
            RunSuperseded: The version is not served any more.
        """

    async def groups(self, version: SnapshotVersion, ids: Sequence[GroupId]) -> list[Group]:
        """Those of these groups that are served, as `users`."""

    async def some_with_managers(self, version: SnapshotVersion, *, limit: int) -> list[User]:
        """At most so many served users who have a manager, each another one, as `users`.

        Only the first few hundred users are looked at.
        """

    async def nesting(self, version: SnapshotVersion) -> list[tuple[GroupId, GroupId]]:
        """Every (group, group that is its direct member) that is served, as `users`."""

    async def removals(self, version: SnapshotVersion, changes: ChangeSet) -> Removals:
        """How much of what is served these changes would remove, and how much there is; as `users`."""

    async def apply(
        self,
        base: SnapshotVersion,
        changes: ChangeSet,
        *,
        run: SyncRun,
        sync_time: datetime,
        scope: Scope,
        links: FeedLinks,
    ) -> SnapshotVersion:
        """Changes what is served, in one transaction with the links, the scope and `run` (its changes counted here).

        Where nothing differs the revision stays and only `sync_time` moves. With a scope of Groups to Sync, users who
        are in no group any more are dropped and counted.

        Raises:
            RunSuperseded: Another version than `base` is served by now, or the run has lost its lease.
            ResourceNotFound: The connection was deleted, or another one took its name.
        """

    async def hold(
        self, staging: Staging, run: SyncRun, *, sync_time: datetime, scope: Scope, links: FeedLinks | None
    ) -> None:
        """Keeps a complete read aside, and saves `run` as held, until `release`, or until a later run takes effect.

        There is one such read at most: a newer one takes the place of the former. The run of one that is dropped ends
        as cancelled.

        Raises:
            RunSuperseded: The run has lost its lease.
            ResourceNotFound: The connection was deleted, or another one took its name.
        """

    async def release(self, run: SyncRun) -> SnapshotVersion:
        """Serves what was held for this run, as `Staging.commit`.

        Raises:
            RunSuperseded: Nothing is held for it (any more).
        """

    async def clean_up(self) -> None:
        """Drops what crashed, superseded and discarded reads left behind, in small steps.

        Called at the start and after each commit.
        """


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """A page of rows and the version they were read from, both in one read transaction.

    `reached` is set where the reading stopped before the page was full, because it took long enough: the id of the row
    behind which it goes on.
    """

    items: list[T]
    version: SnapshotVersion
    reached: str | None = None


@dataclass(frozen=True, slots=True)
class ListedGroup:
    """A group and how many users are in it, nested groups included; only users that are synced count."""

    group: Group
    member_count: int


class DirectoryLists(Protocol):
    """The read side for people and lists: may take long, never blocks the event loop.

    Every method raises `ResourceNotFound` if there is no such connection, `DirectoryNotSynced` if it has no snapshot.
    Users come with a manager only if he is synced too; `records` are as decisions read them, with any manager's id.
    """

    async def users(
        self, connection_id: ConnectionId, *, after: UserId | None, limit: int, where: Filter | None = None
    ) -> Listing[User]:
        """At most `limit` users behind `after`, ordered by object id; with a filter those whom it holds of.

        Raises:
            InvalidFilter: It names a group that is not synced.
        """

    async def records(
        self, connection_id: ConnectionId, *, after: UserId | None, limit: int, among: Candidates | None = None
    ) -> Listing[UserRecord]:
        """At most `limit` users as decisions read them, ordered by object id, all of them or all candidates."""

    async def user(self, connection_id: ConnectionId, name: str) -> Listing[User]:
        """The users that an object id or else a user principal name finds: none, one, or (for a name) several."""

    async def groups(
        self, connection_id: ConnectionId, *, after: GroupId | None, limit: int, where: Filter | None = None
    ) -> Listing[ListedGroup]:
        """At most `limit` groups behind `after`, ordered by object id; with a filter those that it holds of.

        Raises:
            InvalidFilter: It names a user who is not synced, or several.
        """

    async def group(self, connection_id: ConnectionId, group_id: GroupId) -> Listing[ListedGroup]:
        """One group or none."""

    async def version(self, connection_id: ConnectionId) -> SnapshotVersion:
        """The version that is served now."""


class RunStore(Protocol):
    """Sync runs and their history, of which the newest thousands are kept.

    A run's row is its lease: the process that started it has to save it now and then.

    A run whose lease has expired, or whose process is gone, may be ended by any other process. Who loses his run like
    that finds out by `RunSuperseded`, from `save` or from what would make the run take effect.
    """

    async def start(self, run: SyncRun) -> SyncRun:
        """Saves a new run and takes its lease.

        Unless its `request_id` was used for this connection before: then that run is returned. A run that has lost its
        process ends as failed.

        Raises:
            ResourceNotFound: there is no such connection.
            SyncInProgress: another run of the connection has not ended, and its process is alive.
        """

    async def save(self, run: SyncRun) -> None:
        """Saves where a run stands; while it runs its lease is extended.

        A run of a deleted connection is left deleted, and progress that is told after the run's own end is left out. A
        run that was held may end in another way later, no other one may.

        Raises:
            RunSuperseded: The run has ended in another way, or is another process's.
        """

    async def get(self, connection_id: ConnectionId, run_id: SyncRunId) -> SyncRun:
        """Reads one.

        Raises:
            ResourceNotFound: there is none of this name.
        """

    async def page(self, connection_id: ConnectionId, *, after: SyncRunId | None, limit: int) -> list[SyncRun]:
        """At most `limit` runs behind `after`, newest first.

        Raises:
            ResourceNotFound: there is no such connection.
        """

    async def last_full(self, connection_id: ConnectionId) -> datetime | None:
        """When the newest full run that succeeded ended, None if none did. It is kept, however many runs follow it."""

    async def ask_to_cancel(self, connection_id: ConnectionId, run_id: SyncRunId) -> None:
        """Leaves word for the process that drives a run. Does nothing for one that has ended or is not there."""

    async def is_wanted(self, connection_id: ConnectionId, run_id: SyncRunId) -> bool:
        """Whether a run is to go on: not if somebody asked to cancel it, nor once its connection is gone."""

    async def fail_interrupted(self, error: ErrorReport, *, end_time: datetime) -> int:
        """Ends as failed every run whose process is gone or whose lease has expired, and tells how many.

        A restarted process ends what it left running at once; runs of other living processes go on.
        """
