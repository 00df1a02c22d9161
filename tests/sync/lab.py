"""A tenant in the emulator, and the service's own parts around it: what is served can be held against what is true."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from entraid_emulator import Behaviour, Emulator, GraphObject, Json, Tenant
from entraid_emulator.truth import Truth
from entraid_service.config import load
from entraid_service.connect.access import TenantAccess
from entraid_service.connect.connector import Connector, ConnectOrder
from entraid_service.connect.proof import Prover
from entraid_service.graph.client import MicrosoftGraph
from entraid_service.graph.limits import Limits
from entraid_service.model.connection import ClientSecret, Connection
from entraid_service.model.ids import ConnectionId, UserId
from entraid_service.model.keys import decode_id, keys_in
from entraid_service.model.secret import Secret
from entraid_service.model.syncrun import Changes, SyncMode, SyncRun
from entraid_service.oauth.keys import EncryptionKey
from entraid_service.oauth.secretbox import AesGcmSecretBox
from entraid_service.oauth.tokens import MsalAuthority
from entraid_service.store.sqlite import SqliteStore
from entraid_service.sync.around import Hooks, Stores
from entraid_service.sync.attempt import ReadSettings
from entraid_service.sync.guard import Guard
from entraid_service.sync.runner import SyncRunner

ATTRIBUTES = load({}).user_attributes
"""What a service with no settings of its own syncs."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A directory as plain values: what is served, or what is true."""

    users: Mapping[str, tuple[Mapping[str, object], str | None]]
    groups: Mapping[str, str]
    edges: frozenset[tuple[str, str]]

    def difference(self, other: "Copy") -> str:
        """What the other one has otherwise, for a test that failed."""
        lines = [
            f"user {key}: {self.users.get(key)} != {other.users.get(key)}"
            for key in sorted(self.users.keys() | other.users.keys())
            if self.users.get(key) != other.users.get(key)
        ]
        lines += [f"group {key}" for key in sorted(set(self.groups.items()) ^ set(other.groups.items()))]
        lines += [f"edge only here {edge}" for edge in sorted(self.edges - other.edges)]
        lines += [f"edge only there {edge}" for edge in sorted(other.edges - self.edges)]
        return "\n".join(lines[:20])


@dataclass(slots=True)
class MovingClock:
    """The time, which a test can move on."""

    ahead: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        """The time by this clock."""
        return datetime.now(UTC) + self.ahead


@dataclass(slots=True)
class StandingClock:
    """A clock that stands until a test moves it."""

    time: datetime

    def now(self) -> datetime:
        """The time by this clock."""
        return self.time


@dataclass(slots=True)
class Lab:
    """Everything that a sync needs, in one process and on one disk."""

    emulator: Emulator
    tenant: Tenant
    store: SqliteStore
    runner: SyncRunner
    connection: Connection
    connector: Connector
    ended: list[SyncRun]
    drift: list[Changes]

    async def sync(self, mode: SyncMode | None = None) -> SyncRun:
        """Runs one sync to its end."""
        started = await self.runner.start(self.connection.id, mode=mode)
        seen = [run async for run in self.runner.watch(self.connection.id, started.id)]
        return seen[-1]

    async def served(self) -> Copy:
        """What lists and decisions read now."""
        return await served(self.store, self.connection.id)

    def truth(self) -> Copy:
        """What is so in the emulator's tenant."""
        return true_copy(self.tenant.directory.truth())

    async def set_groups_to_sync(self, *entries: str) -> None:
        """Changes the connection's setting."""
        self.connection = await self.connector.update(
            self.connection.id, display_name=None, groups_to_sync=entries, expected_version=None
        )


@asynccontextmanager
async def laboratory(
    tenant: Tenant,
    folder: Path,
    *,
    groups_to_sync: tuple[str, ...] = (),
    percent: int = 100,
    behaviour: Behaviour | None = None,
    first_backoff: float = 0.5,
) -> AsyncIterator[Lab]:
    """A connected tenant, not synced yet. The guard lets everything pass unless told otherwise."""
    async with (
        Emulator([tenant], ca_file=folder / "ca.pem", behaviour=behaviour) as emulator,
        service_side(
            emulator, folder, groups_to_sync=groups_to_sync, percent=percent, first_backoff=first_backoff
        ) as lab,
    ):
        yield lab


@asynccontextmanager
async def service_side(
    emulator: Emulator,
    folder: Path,
    *,
    groups_to_sync: tuple[str, ...] = (),
    percent: int = 100,
    attributes: tuple[str, ...] = ATTRIBUTES,
    first_backoff: float = 0.5,
) -> AsyncIterator[Lab]:
    """The service's parts on a folder, by themselves; entered again they are what a restart makes of it."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(SqliteStore.open(folder / "entraid.db"))
        authority = MsalAuthority(authority_url=emulator.authority_url, ca_bundle=emulator.ca_file)
        stack.callback(authority.close)
        limits = Limits(first_backoff=timedelta(seconds=first_backoff))
        graph = MicrosoftGraph(base_url=emulator.graph_url, ca_bundle=emulator.ca_file, limits=limits)
        stack.push_async_callback(graph.close)
        box = AesGcmSecretBox([EncryptionKey(bytes(32))])
        clock = MovingClock()
        connector = Connector(
            connections=store.connections,
            authority=authority,
            prover=Prover(authority=authority, graph=graph),
            box=box,
            clock=clock,
        )
        secret = ClientSecret(Secret(emulator.app.client_secret.reveal()))
        tenant = emulator.tenants[0]
        order = ConnectOrder("lab", "", tenant.tenant_id, emulator.app.client_id, secret, groups_to_sync)
        known = await store.connections.page(after=None, limit=1)
        connection = known[0] if known else await connector.connect(order)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        ended: list[SyncRun] = []
        drift: list[Changes] = []

        async def nobody_decides(_: ConnectionId) -> None:
            """No snapshots are served here."""

        runner = SyncRunner(
            Stores(store.connections, store.directory, store.lists, store.runs),
            tenants=TenantAccess(connections=store.connections, authority=authority, graph=graph, box=box),
            clock=clock,
            settings=ReadSettings(attributes, graph_url=emulator.graph_url, guard=Guard(percent)),
            hooks=Hooks(spawn=tasks.create_task, on_commit=nobody_decides, on_end=ended.append, on_drift=drift.append),
        )
        await runner.recover()
        stack.push_async_callback(runner.close)
        yield Lab(emulator, tenant, store, runner, connection, connector, ended, drift)


async def served(store: SqliteStore, connection_id: ConnectionId) -> Copy:
    """A connection's served data, through the ports that lists and decisions use."""
    users: dict[str, tuple[Mapping[str, object], str | None]] = {}
    after: UserId | None = None
    while page := (await store.lists.users(connection_id, after=after, limit=1000)).items:
        users.update((user.id, (dict(user.attributes), user.manager_id)) for user in page)
        after = page[-1].id
    view = store.views.open()
    try:
        version = view.version(connection_id)
        assert version is not None
        groups: dict[str, str] = {group.id: group.display_name for group in view.groups(version)}
        edges: set[tuple[str, str]] = {(parent, child) for parent, child in view.nesting(version) if child in groups}
        for user_id in users:
            record = view.user(version, UserId(user_id))
            assert record is not None
            edges.update((decode_id(key), user_id) for key in keys_in(record.direct_groups))
    finally:
        view.close()
    # A manager who is not served himself compares by id only; whether Graph still names one who is gone is its affair.
    known = {key: (values, manager if manager in users else None) for key, (values, manager) in users.items()}
    return Copy(known, groups, frozenset(edge for edge in edges if edge[0] in groups))


def true_copy(truth: Truth, *, only: frozenset[str] | None = None) -> Copy:
    """The emulator's truth in the same shape; `only` narrows it to these groups and the users in them."""
    groups: dict[str, str] = {
        key: str(group["displayName"]) for key, group in truth.groups.items() if only is None or key in only
    }
    edges: set[tuple[str, str]] = {
        (group, member)
        for group, members in truth.members.items()
        if group in groups
        for member in members
        if member in groups or member in truth.users
    }
    there = {member for _, member in edges}
    users: dict[str, GraphObject] = {key: user for key, user in truth.users.items() if only is None or key in there}
    managers = {str(key): str(manager) for key, manager in truth.managers.items()}
    return Copy(
        {
            key: (dict(_flat(user)), managers[key] if managers.get(key) in users else None)
            for key, user in users.items()
        },
        groups,
        frozenset((group, member) for group, member in edges if member in groups or member in users),
    )


def _flat(user: Mapping[str, Json]) -> Iterator[tuple[str, object]]:
    """The selected attributes that hold something, complex ones by their parts."""
    for name, value in user.items():
        if name not in ATTRIBUTES or value in (None, [], {}, ""):
            continue
        if isinstance(value, Mapping):
            yield from ((f"{name}.{part}", inner) for part, inner in value.items() if inner not in (None, "", []))
        else:
            yield name, list(value) if isinstance(value, list | tuple) else value


def without_hidden(copy: Copy, hidden: frozenset[str]) -> Copy:
    """A copy without the members of groups that may not be read."""
    return replace(copy, edges=frozenset(edge for edge in copy.edges if edge[0] not in hidden))
