"""What stands behind the server in these tests: a real store and real snapshots, a made-up Entra, a scripted runner."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import grpc
from grpc_health.v1 import health_pb2

from entraid.v1.access_service_pb2_grpc import AccessServiceStub
from entraid.v1.connection_service_pb2_grpc import ConnectionServiceStub
from entraid.v1.directory_service_pb2_grpc import DirectoryServiceStub
from entraid.v1.sync_service_pb2_grpc import SyncServiceStub
from entraid_service.connect.connector import ConnectOrder
from entraid_service.connect.consent import ConsentOrder
from entraid_service.connect.route import ConsentLink
from entraid_service.model.connection import Connection, ConnectionState
from entraid_service.model.directory import CORE_ATTRIBUTES, AttributeValue, Group, MemberKind, Membership, User
from entraid_service.model.ids import ConnectionId, GroupId, SyncRunId, TenantId, UserId
from entraid_service.model.scope import Scope
from entraid_service.model.syncrun import Progress, RunState, SyncMode, SyncRun
from entraid_service.snapshot.snapshots import Snapshots
from entraid_service.store.sqlite import SqliteStore

RawCall: TypeAlias = "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]"
HealthCheck: TypeAlias = (
    "grpc.aio.UnaryUnaryMultiCallable[health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse]"
)
HealthWatch: TypeAlias = (
    "grpc.aio.UnaryStreamMultiCallable[health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse]"
)

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
TENANT = "11111111-2222-4333-8444-555555555555"
CLIENT = "99999999-2222-4333-8444-555555555555"
ADELE = UserId("aaaaaaaa-0000-4000-8000-000000000001")
BRUNO = UserId("aaaaaaaa-0000-4000-8000-000000000002")
CLARA = UserId("aaaaaaaa-0000-4000-8000-000000000003")
SALES = GroupId("bbbbbbbb-0000-4000-8000-000000000001")
EMEA = GroupId("bbbbbbbb-0000-4000-8000-000000000002")


@dataclass(slots=True)
class StandingClock:
    """A clock that stands until it is moved."""

    time: datetime = START

    def now(self) -> datetime:
        """The time."""
        return self.time


@dataclass(slots=True)
class Connector:
    """Connects without asking Entra; writes to the real store as the real one does."""

    store: SqliteStore
    clock: StandingClock
    orders: list[ConnectOrder] = field(default_factory=list)
    failure: Exception | None = None

    async def connect(self, order: ConnectOrder) -> Connection:
        """Saves what was ordered, or fails as told."""
        if self.failure is not None:
            raise self.failure
        self.orders.append(order)
        connection = Connection(
            id=ConnectionId(order.connection_id or "c-generated"),
            uid=f"uid-{len(self.orders)}",
            display_name=order.display_name,
            tenant_id=TenantId(TENANT),
            client_id=order.client_id,
            state=ConnectionState.ACTIVE,
            create_time=self.clock.now(),
            update_time=self.clock.now(),
            groups_to_sync=order.groups_to_sync,
        )
        await self.store.connections.create(connection, None)
        return connection

    async def update(
        self,
        connection_id: ConnectionId,
        *,
        display_name: str | None,
        groups_to_sync: tuple[str, ...] | None,
        expected_version: int | None,
    ) -> Connection:
        """Changes what is not None."""
        former = await self.store.connections.get(connection_id)
        changed = replace(
            former,
            display_name=former.display_name if display_name is None else display_name,
            groups_to_sync=former.groups_to_sync if groups_to_sync is None else groups_to_sync,
            version=former.version + 1,
        )
        expected = former.version if expected_version is None else expected_version
        await self.store.connections.replace(changed, None, expected_version=expected)
        return changed

    async def disconnect(self, connection_id: ConnectionId, *, expected_version: int | None) -> None:
        """Deletes it."""
        await self.store.connections.delete(connection_id, expected_version=expected_version)


@dataclass(slots=True)
class Consents:
    """Hands out links without an app of its own; takes back what a test says."""

    store: SqliteStore
    clock: StandingClock
    orders: list[ConsentOrder] = field(default_factory=list)
    callbacks: list[str] = field(default_factory=list)
    failure: Exception | None = None

    async def ask(self, order: ConsentOrder) -> tuple[Connection, ConsentLink | None]:
        """A connection that waits, saved unless it is only to be looked at."""
        if self.failure is not None:
            raise self.failure
        self.orders.append(order)
        now = self.clock.now()
        connection = Connection(
            id=ConnectionId(order.connection_id or "c-generated"),
            uid=f"uid-of-consent-{len(self.orders)}",
            display_name=order.display_name,
            tenant_id=TenantId(""),
            client_id=CLIENT,
            state=ConnectionState.PENDING_CONSENT,
            create_time=now,
            update_time=now,
            groups_to_sync=order.groups_to_sync,
        )
        if order.validate_only:
            return connection, None
        await self.store.connections.create(connection, None)
        return connection, ConsentLink("https://entraid.example/connect/x", now + timedelta(minutes=10))

    async def complete(self, callback_uri: str) -> Connection:
        """The connection `main`, or fails as told."""
        self.callbacks.append(callback_uri)
        if self.failure is not None:
            raise self.failure
        return await self.store.connections.get(ConnectionId("main"))


@dataclass(slots=True)
class Runner:
    """Runs that move when a test says so."""

    store: SqliteStore
    clock: StandingClock
    started: list[tuple[ConnectionId, SyncMode | None, str]] = field(default_factory=list)
    abandoned: list[ConnectionId] = field(default_factory=list)
    moves: asyncio.Queue[SyncRun] = field(default_factory=asyncio.Queue)

    async def start(
        self, connection_id: ConnectionId, *, mode: SyncMode | None = None, request_id: str = ""
    ) -> SyncRun:
        """Saves a pending run."""
        self.started.append((connection_id, mode, request_id))
        run = SyncRun(
            id=SyncRunId(f"run-{len(self.started):03d}"),
            connection_id=connection_id,
            mode=mode or SyncMode.FULL,
            state=RunState.PENDING,
            create_time=self.clock.now(),
            request_id=request_id,
        )
        self.clock.time += timedelta(seconds=1)
        return await self.store.runs.start(run)

    async def get(self, connection_id: ConnectionId, run_id: SyncRunId) -> SyncRun:
        """Reads one."""
        return await self.store.runs.get(connection_id, run_id)

    async def watch(self, connection_id: ConnectionId, run_id: SyncRunId) -> AsyncIterator[SyncRun]:
        """As the test moves it."""
        run = await self.get(connection_id, run_id)
        yield run
        while not run.state.is_final:
            run = await self.moves.get()
            yield run

    async def approve(self, connection_id: ConnectionId, run_id: SyncRunId) -> SyncRun:
        """Ends one well."""
        return await self.end(await self.get(connection_id, run_id), RunState.SUCCEEDED)

    async def cancel(self, connection_id: ConnectionId, run_id: SyncRunId) -> SyncRun:
        """Ends one."""
        run = await self.end(await self.get(connection_id, run_id), RunState.CANCELLED)
        await self.moves.put(run)
        return run

    async def abandon(self, connection_id: ConnectionId) -> None:
        """Notes it."""
        self.abandoned.append(connection_id)

    async def end(self, run: SyncRun, state: RunState) -> SyncRun:
        """Saves a run's end."""
        ended = replace(run, state=state, end_time=self.clock.now(), progress=Progress(users=3))
        await self.store.runs.save(ended)
        return ended


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, the rooms behind it, and stubs to call it."""

    port: int
    store: SqliteStore
    clock: StandingClock
    connector: Connector
    consents: Consents
    runner: Runner
    snapshots: Snapshots
    channel: grpc.aio.Channel

    @property
    def access(self) -> AccessServiceStub:
        """AccessService."""
        return AccessServiceStub(self.channel)

    @property
    def connections(self) -> ConnectionServiceStub:
        """ConnectionService."""
        return ConnectionServiceStub(self.channel)

    @property
    def directory(self) -> DirectoryServiceStub:
        """DirectoryService."""
        return DirectoryServiceStub(self.channel)

    @property
    def sync(self) -> SyncServiceStub:
        """SyncService."""
        return SyncServiceStub(self.channel)

    async def add_connection(self, connection_id: str = "main", *, uid: str = "") -> Connection:
        """A connection that has never been synced."""
        connection = Connection(
            id=ConnectionId(connection_id),
            uid=uid or f"uid-of-{connection_id}",
            display_name="Contoso",
            tenant_id=TenantId(TENANT),
            client_id=CLIENT,
            state=ConnectionState.ACTIVE,
            create_time=self.clock.now(),
            update_time=self.clock.now(),
        )
        await self.store.connections.create(connection, None)
        return connection

    async def commit(
        self,
        connection: Connection,
        *,
        users: list[User] | None = None,
        groups: list[Group] | None = None,
        edges: list[tuple[GroupId, str, MemberKind]] | None = None,
        scope: Scope | None = None,
    ) -> int:
        """Serves a directory, by default three people in two groups, and returns its revision."""
        run = await self.store.runs.start(
            SyncRun(
                id=SyncRunId(f"commit-{self.clock.now():%H%M%S%f}"),
                connection_id=connection.id,
                mode=SyncMode.FULL,
                state=RunState.RUNNING,
                create_time=self.clock.now(),
            )
        )
        staging = await self.store.directory.begin(connection)
        await staging.put_users(people() if users is None else users)
        await staging.put_groups([Group(SALES, "Sales"), Group(EMEA, "EMEA")] if groups is None else groups)
        chosen = [(SALES, ADELE, MemberKind.USER), (EMEA, SALES, MemberKind.GROUP)] if edges is None else edges
        await staging.put_memberships([Membership(*edge) for edge in chosen])
        version = await staging.commit(
            replace(run, state=RunState.SUCCEEDED, end_time=self.clock.now()),
            sync_time=self.clock.now(),
            scope=scope or Scope(frozenset((*CORE_ATTRIBUTES, "department", "manager"))),
        )
        self.clock.time += timedelta(seconds=1)
        return version.revision


def health_check(channel: grpc.aio.Channel) -> HealthCheck:
    """`grpc.health.v1.Health/Check`; the published stubs of that package leave its methods out."""
    return channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )


def health_watch(channel: grpc.aio.Channel) -> HealthWatch:
    """`grpc.health.v1.Health/Watch`."""
    return channel.unary_stream(
        "/grpc.health.v1.Health/Watch",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )


def raw_call(server: Server, method: str) -> RawCall:
    """A method called with bytes and answered in bytes."""
    return server.channel.unary_unary(method)


def people() -> list[User]:
    """Adele in Sales, Bruno with Adele as his manager, and Clara, whose account is disabled."""
    return [
        User(ADELE, _attributes("Adele", department="Sales", scores=[1, 2.5, True, "x"])),
        User(BRUNO, _attributes("Bruno", department="R&D"), manager_id=ADELE),
        User(CLARA, _attributes("Clara") | {"accountEnabled": False}),
    ]


def _attributes(name: str, **more: AttributeValue) -> dict[str, AttributeValue]:
    mail = f"{name.lower()}@contoso.example"
    return {"displayName": name, "userPrincipalName": mail, "mail": mail, "accountEnabled": True, **more}
