"""What `rpc` calls: the faces of the rooms behind it, and all of them together as one value.

Protocols, so that a service says what it needs of a room and the room does not know who asks.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from entraid_service.connect.connector import ConnectOrder
from entraid_service.connect.consent import ConsentOrder
from entraid_service.connect.route import ConsentLink
from entraid_service.model.connection import Connection
from entraid_service.model.ids import ConnectionId, SyncRunId
from entraid_service.model.syncrun import SyncMode, SyncRun
from entraid_service.observe.audit import DecisionLog, NoAudit
from entraid_service.observe.metrics import Metrics
from entraid_service.ports import Clock, ConnectionStore, DirectoryLists, RunStore
from entraid_service.rpc.decision_ids import DecisionIds
from entraid_service.rpc.signing import Signer
from entraid_service.snapshot.snapshot import Snapshot


class Connecting(Protocol):
    """See `connect.connector.Connector`, which raises what it documents."""

    async def connect(self, order: ConnectOrder) -> Connection:
        """Proves the credentials and saves the connection."""

    async def update(
        self,
        connection_id: ConnectionId,
        *,
        display_name: str | None,
        groups_to_sync: tuple[str, ...] | None,
        expected_version: int | None,
    ) -> Connection:
        """Changes settings; what is None stays."""

    async def disconnect(self, connection_id: ConnectionId, *, expected_version: int | None) -> None:
        """Deletes the connection and its data."""


class Consenting(Protocol):
    """See `connect.consents.ConsentDesk`, which raises what it documents."""

    async def ask(self, order: ConsentOrder) -> tuple[Connection, ConsentLink | None]:
        """A connection that waits for consent, and the link to it."""

    async def complete(self, callback_uri: str) -> Connection:
        """Takes the redirect that a caller's own page received."""


class Syncing(Protocol):
    """See `sync.runner.SyncRunner`, which raises what it documents."""

    async def start(
        self, connection_id: ConnectionId, *, mode: SyncMode | None = None, request_id: str = ""
    ) -> SyncRun:
        """Starts a run and returns at once."""

    async def get(self, connection_id: ConnectionId, run_id: SyncRunId) -> SyncRun:
        """Reads a run with its counters as they are now."""

    def watch(self, connection_id: ConnectionId, run_id: SyncRunId) -> AsyncIterator[SyncRun]:
        """The run as it moves, last in its final state."""

    async def approve(self, connection_id: ConnectionId, run_id: SyncRunId) -> SyncRun:
        """Lets a held run take effect."""

    async def cancel(self, connection_id: ConnectionId, run_id: SyncRunId) -> SyncRun:
        """Asks a run to stop."""

    async def abandon(self, connection_id: ConnectionId) -> None:
        """Stops what runs for a connection that is gone."""


class Forecasting(Protocol):
    """See `sync.due.Forecast`, which raises what it documents."""

    async def next_time(self, connection: Connection) -> datetime | None:
        """When a connection is synced next without being asked."""


class SnapshotSource(Protocol):
    """See `snapshot.snapshots.Snapshots`, which raises what it documents."""

    def peek(self, connection_id: ConnectionId) -> Snapshot | None:
        """What is loaded of a connection, None if nothing is."""

    async def get(self, connection_id: ConnectionId) -> Snapshot:
        """What is served of a connection, loaded if need be."""

    async def refresh(self, connection_id: ConnectionId) -> None:
        """Takes over what was committed meanwhile, by whichever process."""

    def drop(self, connection_id: ConnectionId) -> None:
        """Forgets a connection."""


@dataclass(frozen=True, slots=True)
class Facades:
    """Everything that the services call."""

    connector: Connecting
    consents: Consenting
    runner: Syncing
    connections: ConnectionStore
    runs: RunStore
    lists: DirectoryLists
    forecast: Forecasting
    snapshots: SnapshotSource
    clock: Clock
    signer: Signer
    metrics: Metrics
    attributes: Sequence[str] = ()
    """What is synced of users, by Microsoft Graph's names."""
    audit: DecisionLog = field(default_factory=NoAudit)
    new_decision_id: Callable[[], str] = field(default_factory=lambda: DecisionIds().new)
