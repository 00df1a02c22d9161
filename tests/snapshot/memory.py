"""Directories in memory behind the ports that decisions read; the real store has a contract suite of its own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from entraid_service.errors import StoreUnavailable
from entraid_service.model.directory import CORE_ATTRIBUTES, Group, User
from entraid_service.model.ids import ConnectionId, GroupId, TenantId, UserId, fold_name
from entraid_service.model.keys import encode_id, key_row
from entraid_service.model.scope import Scope
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.ports import UserRecord
from entraid_service.snapshot.catalog import GroupCatalog
from entraid_service.snapshot.people import People
from entraid_service.snapshot.snapshot import Snapshot

CONTOSO = ConnectionId("contoso")
SYNC_TIME = datetime(2026, 3, 1, 12, tzinfo=UTC)
DEFAULT_ATTRIBUTES = frozenset((*CORE_ATTRIBUTES, "otherMails", "proxyAddresses", "manager", "department"))


@dataclass(frozen=True, slots=True)
class Directory:
    """One revision: objects, (group, user) and (group, group in it) edges, and what is known."""

    users: tuple[User, ...] = ()
    groups: tuple[Group, ...] = ()
    members: frozenset[tuple[GroupId, UserId]] = frozenset()
    nesting: frozenset[tuple[GroupId, GroupId]] = frozenset()
    scope: Scope = field(default_factory=lambda: Scope(DEFAULT_ATTRIBUTES))
    revision: int = 1
    sync_time: datetime = SYNC_TIME

    def version(self, connection_id: ConnectionId = CONTOSO) -> SnapshotVersion:
        """What this revision is called."""
        tenant = TenantId(f"tenant-of-{connection_id}")
        return SnapshotVersion(connection_id, tenant, self.revision, self.revision, self.sync_time, self.scope)

    def snapshot(self) -> Snapshot:
        """What decisions see of it, made without going through `Snapshots`."""
        view = MemoryView({CONTOSO: self}, shelf=None)
        version = self.version()
        groups = GroupCatalog(view.groups(version), nesting=view.nesting(version), scope=self.scope)
        return Snapshot(version, view=view, groups=groups, people=People(500_000))


class MemoryView:
    """A `DirectoryView` of the directories as they were when it was opened."""

    def __init__(self, directories: Mapping[ConnectionId, Directory], *, shelf: "MemoryViews | None") -> None:
        self._directories = dict(directories)
        self._shelf = shelf
        self.is_closed = False

    def version(self, connection_id: ConnectionId) -> SnapshotVersion | None:
        """See the port."""
        directory = self._directories.get(connection_id)
        return None if directory is None else directory.version(connection_id)

    def user(self, version: SnapshotVersion, user_id: UserId) -> UserRecord | None:
        """See the port."""
        directory = self._read(version)
        direct = key_row([encode_id(group) for group, member in directory.members if member == user_id])
        return next((UserRecord(user, direct) for user in directory.users if user.id == user_id), None)

    def users(self, version: SnapshotVersion, user_ids: Sequence[UserId]) -> Iterator[UserRecord]:
        """See the port."""
        yield from filter(None, (self.user(version, user_id) for user_id in dict.fromkeys(user_ids)))

    def users_named(self, version: SnapshotVersion, folded: str) -> list[UserId]:
        """See the port."""
        return [u.id for u in self._read(version).users if fold_name(u.user_principal_name) == folded]

    def users_mailed(self, version: SnapshotVersion, folded: str) -> list[UserId]:
        """See the port."""
        return [u.id for u in self._read(version).users if folded in map(fold_name, u.mail_addresses())]

    def groups(self, version: SnapshotVersion) -> Iterator[Group]:
        """See the port."""
        yield from self._read(version).groups

    def nesting(self, version: SnapshotVersion) -> Iterator[tuple[GroupId, GroupId]]:
        """See the port."""
        yield from self._read(version).nesting

    def close(self) -> None:
        """See the port; closing twice is an error here, so that tests see it."""
        assert not self.is_closed, "a view was closed twice"
        self.is_closed = True
        if self._shelf is not None:
            self._shelf.open_views.remove(self)

    def _read(self, version: SnapshotVersion) -> Directory:
        assert not self.is_closed, "a closed view was read"
        if self._shelf is not None:
            self._shelf.reads += 1
            if self._shelf.is_broken:
                raise StoreUnavailable("the database cannot be read: the disk is gone; put it back")
        directory = self._directories[version.connection_id]
        assert directory.revision == version.revision, "a revision was read through the view of another"
        return directory


class MemoryViews:
    """A `DirectoryViews` whose directories a test changes as a sync would: in one step."""

    def __init__(self, directories: Mapping[ConnectionId, Directory]) -> None:
        self.directories = dict(directories)
        self.open_views: list[MemoryView] = []
        self.opened = 0
        self.reads = 0
        self.is_broken = False

    def open(self) -> MemoryView:
        """See the port."""
        if self.is_broken:
            raise StoreUnavailable("the database cannot be read: the disk is gone; put it back")
        view = MemoryView(self.directories, shelf=self)
        self.open_views.append(view)
        self.opened += 1
        return view
