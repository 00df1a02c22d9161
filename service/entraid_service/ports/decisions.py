"""What a decision reads."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

from entraid_service.model.directory import Group, User
from entraid_service.model.ids import ConnectionId, GroupId, UserId
from entraid_service.model.keys import KeyRow
from entraid_service.model.snapshot import SnapshotVersion

T = TypeVar("T")


class UserRecord(NamedTuple):
    """A user as a decision reads him, with the groups that he is in directly (known to the snapshot or not)."""

    user: User
    direct_groups: KeyRow = b""


class DirectoryView(Protocol):
    """All data as it was at one moment, however long the view is held.

    Reads take microseconds and run on the event loop.

    Raises `StoreUnavailable` where the database cannot be read; a decision then fails, it never guesses.
    """

    def version(self, connection_id: ConnectionId) -> SnapshotVersion | None:
        """What is served of a connection, None if nothing is."""

    def user(self, version: SnapshotVersion, user_id: UserId) -> UserRecord | None:
        """One user by object id."""

    def users(self, version: SnapshotVersion, user_ids: Sequence[UserId]) -> Iterator[UserRecord]:
        """Those of these users that there are, in any order; quicker than one by one."""

    def users_named(self, version: SnapshotVersion, folded: str) -> list[UserId]:
        """The users whose user principal name this is, in the form of `model.ids.fold_name`; two are enough."""

    def users_mailed(self, version: SnapshotVersion, folded: str) -> list[UserId]:
        """The users one of whose mail addresses this is, in the form of `model.ids.fold_name`; two are enough."""

    def groups(self, version: SnapshotVersion) -> Iterator[Group]:
        """Every group, for the look-ups that are kept in memory; may be called in a thread."""

    def nesting(self, version: SnapshotVersion) -> Iterator[tuple[GroupId, GroupId]]:
        """Every (group, group that is its direct member), known to the snapshot or not; may be called in a thread."""

    def close(self) -> None:
        """Ends the view."""


class DirectoryViews(Protocol):
    """Where views come from."""

    def open(self) -> DirectoryView:
        """A view of this moment. May be opened in one thread and used in another, by one at a time.

        Raises:
            StoreUnavailable: the database cannot be read.
        """
