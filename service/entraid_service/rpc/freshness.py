"""Which snapshot answers: the newest one, if it meets the caller's bound.

`ServedSnapshots` finds the snapshot of a connection, gives it the label under which answers name it, and checks
`Consistency`. A bound that is not met is an error, never an answer from older data.
"""

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from entraid.v1 import access_service_pb2, snapshot_pb2
from entraid_service.errors import DirectoryNotSynced, DirectoryStale, InvalidField
from entraid_service.model.ids import ConnectionId, UserId
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.observe.audit_line import Source
from entraid_service.ports import Clock, ConnectionStore
from entraid_service.rpc.facades import SnapshotSource
from entraid_service.rpc.names import connection_name, user_name
from entraid_service.rpc.snapshot_tokens import SnapshotTokens
from entraid_service.rpc.validate import staleness
from entraid_service.snapshot.snapshot import Snapshot

GUID_LENGTH = 36
"""Bytes of an object id, nearly always."""
_MOST_LABELS = 4096
"""Connections whose label is kept; a dropped one costs a read of the connection, nothing else."""


@dataclass(frozen=True, slots=True)
class Label:
    """How answers name a snapshot, and whatever else of them is the same for all that are taken from it.

    Attributes:
        version: Of the snapshot.
        source: How the audit log names it.
        uid: Of the connection.
        message: What answers carry.
        piece: The same as a serialized part of `EvaluateAccessResponse`.
        users: What the names of the connection's users begin with, in UTF-8.
        user_start: What precedes the id in a serialized `user` of `EvaluateAccessResponse`, of ids as Entra gives them.
    """

    version: SnapshotVersion
    source: Source
    uid: str
    message: snapshot_pb2.Snapshot
    piece: bytes
    users: bytes
    user_start: bytes

    @classmethod
    def of(cls, uid: str, version: SnapshotVersion, message: snapshot_pb2.Snapshot) -> "Label":
        """The label of a snapshot."""
        piece = access_service_pb2.EvaluateAccessResponse(snapshot=message).SerializeToString()
        users = user_name(version.connection_id, UserId(""))
        user = access_service_pb2.EvaluateAccessResponse(user=users + "x" * GUID_LENGTH).SerializeToString()
        source = Source(version, message.token)
        return cls(version, source, uid, message, piece, users.encode(), user[:-GUID_LENGTH])


class Served(NamedTuple):
    """A snapshot and its label; a named tuple, because one is made for every answer.

    Good until the next await: then the snapshot may be replaced.
    """

    snapshot: Snapshot
    label: Label


class ServedSnapshots:
    """Snapshots as answers are taken from them."""

    def __init__(
        self, snapshots: SnapshotSource, *, connections: ConnectionStore, tokens: SnapshotTokens, clock: Clock
    ) -> None:
        self._snapshots = snapshots
        self._connections = connections
        self._tokens = tokens
        self._clock = clock
        self._labels: OrderedDict[ConnectionId, Label] = OrderedDict()

    def peek(self, connection_id: ConnectionId) -> Served | None:
        """What is at hand without waiting: the way of nearly every decision."""
        snapshot = self._snapshots.peek(connection_id)
        label = self._labels.get(connection_id)
        if snapshot is None or label is None or label.version is not snapshot.version:
            return None
        return Served(snapshot, label)

    def snapshot_of(self, label: Label) -> Snapshot | None:
        """The snapshot of this label, if that is what is served now."""
        snapshot = self._snapshots.peek(label.version.connection_id)
        return snapshot if snapshot is not None and snapshot.version is label.version else None

    async def get(self, connection_id: ConnectionId, bounds: Collection[snapshot_pb2.Consistency] = ()) -> Served:
        """The newest snapshot; where a bound asks for newer data, after one look whether there is any.

        The bounds may still be unmet: `check` tells for each.

        Raises:
            ResourceNotFound: There is no such connection.
            DirectoryNotSynced: Nothing was ever synced.
            StoreUnavailable: The database cannot be read.
        """
        served = self.peek(connection_id) or await self._load(connection_id)
        if any(self._could_be_newer(served, bound) for bound in bounds):
            await self._snapshots.refresh(connection_id)
            served = self.peek(connection_id) or await self._load(connection_id)
        return served

    def check(self, served: Served, bound: snapshot_pb2.Consistency) -> None:
        """Returns if the snapshot meets the bound.

        Raises:
            DirectoryStale: It is too old.
            InvalidField: The bound is malformed, or its token is not this connection's.
        """
        version = served.snapshot.version
        match bound.WhichOneof("requirement"):
            case "max_staleness":
                longest = staleness(bound.max_staleness, "consistency.max_staleness")
                age = self._clock.now() - version.sync_time
                if age.total_seconds() > longest:
                    raise _stale(version, f"is {_rounded(age)} old, which is older than was asked for")
            case "at_least_as_fresh":
                token = bound.at_least_as_fresh
                asked = self._tokens.revision(served.label.uid, token, field="consistency.at_least_as_fresh")
                if asked > version.revision:
                    raise _stale(version, "is older than the snapshot that was asked for")
            case _:
                return

    async def refresh(self, connection_id: ConnectionId) -> None:
        """Takes over what was committed before the call.

        Raises:
            StoreUnavailable: The database cannot be read.
        """
        await self._snapshots.refresh(connection_id)

    def forget(self, connection_id: ConnectionId) -> None:
        """Drops what is kept of a connection that is gone."""
        self._snapshots.drop(connection_id)
        self._labels.pop(connection_id, None)

    def _could_be_newer(self, served: Served, bound: snapshot_pb2.Consistency) -> bool:
        try:
            self.check(served, bound)
        except DirectoryStale:
            return True
        except InvalidField:
            return False
        return False

    async def _load(self, connection_id: ConnectionId) -> Served:
        # The connection first: a name that nobody has is NOT_FOUND, not "never synced".
        connection = await self._connections.get(connection_id)
        snapshot = await self._snapshots.get(connection_id)
        version = snapshot.version
        if version.sync_time < connection.create_time:
            # A former connection of this name left it behind; its data is no answer for this one.
            self.forget(connection_id)
            raise DirectoryNotSynced(
                f"`{connection_name(connection_id)}` was made anew and has not been synced since: call Sync first"
            )
        label = Label.of(connection.uid, version, self._tokens.label(connection.uid, version))
        self._labels[connection_id] = label
        self._labels.move_to_end(connection_id)
        while len(self._labels) > _MOST_LABELS:
            self._labels.popitem(last=False)
        return Served(snapshot, label)


def _stale(version: SnapshotVersion, problem: str) -> DirectoryStale:
    name = connection_name(version.connection_id)
    return DirectoryStale(
        f"the directory of `{name}` {problem}: call Sync and try again, or accept older data",
        sync_time=version.sync_time,
    )


def _rounded(age: timedelta) -> timedelta:
    return timedelta(seconds=round(age.total_seconds()))
