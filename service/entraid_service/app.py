"""The composition root: builds every room with its settings, starts them, closes them in reverse.

Knows everything, decides nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from entraid_service.config import Settings, unknown_variables
from entraid_service.connect.access import TenantAccess
from entraid_service.connect.connector import Connector
from entraid_service.graph.client import MicrosoftGraph
from entraid_service.graph.limits import Limits
from entraid_service.model.syncrun import SyncRun
from entraid_service.oauth.keys import EncryptionKey, create_key_file, parse_key, read_key_file, signing_key
from entraid_service.oauth.secretbox import AesGcmSecretBox
from entraid_service.oauth.tokens import MsalAuthority
from entraid_service.observe.logs import set_up_logs
from entraid_service.observe.metrics import Metrics
from entraid_service.rpc.facades import Facades
from entraid_service.rpc.server import GrpcServer, ServerSettings
from entraid_service.rpc.signing import Signer
from entraid_service.rpc.tls import TlsFiles
from entraid_service.snapshot.snapshots import Snapshots
from entraid_service.store.sqlite import SqliteStore
from entraid_service.sync.attempt import ReadSettings
from entraid_service.sync.guard import Guard
from entraid_service.sync.runner import Hooks, Stores, SyncRunner
from entraid_service.sync.schedule import Intervals, Schedule
from entraid_service.web.listener import HttpListener

_log = structlog.get_logger(__name__)

_GRACE = timedelta(seconds=5)
"""How long calls under way are given at the end; a container is killed after ten seconds."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the service listens, `host:port` each."""

    grpc_address: str
    http_address: str


class SystemClock:
    """Implements `ports.Clock` by the system's clock."""

    def now(self) -> datetime:
        """See `ports.Clock.now`."""
        return datetime.now(UTC)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Endpoints]:
    """The whole service, for as long as the context lasts.

    Raises:
        EntraidError: A part cannot be built, for example because the database is of a newer version.
        KeyUnusable: The encryption key cannot be used.
        OSError: An address cannot be taken, or a file cannot be read.
    """
    set_up_logs(log_format=settings.log_format, level=settings.log_level)
    for variable in unknown_variables():
        _log.warning("unknown_setting", variable=variable, effect="none")
    async with AsyncExitStack() as stack:
        facades = await _build(settings, stack)
        is_ready = asyncio.Event()
        listener = HttpListener(settings.http_address, metrics=facades.metrics.registry, is_ready=is_ready.is_set)
        stack.push_async_callback(listener.close)
        http_address = await listener.start()
        server = GrpcServer(_server_settings(settings), facades)
        port = await server.start()
        stack.push_async_callback(server.stop, _GRACE)
        is_ready.set()
        stack.callback(is_ready.clear)
        endpoints = Endpoints(f"{settings.grpc_address.rpartition(':')[0]}:{port}", http_address)
        _log.info("serving", grpc=endpoints.grpc_address, http=endpoints.http_address)
        yield endpoints
        _log.info("stopping")


async def _build(settings: Settings, stack: AsyncExitStack) -> Facades:
    """Every room but the listeners, ready for calls; what has to be closed is put on the stack."""
    keys = _keys(settings)
    box = AesGcmSecretBox(keys)
    clock = SystemClock()
    store = await stack.enter_async_context(SqliteStore.open(settings.database_path()))
    authority, graph = await _upstream(settings, stack)
    tasks = await stack.enter_async_context(_background())
    snapshots = Snapshots(store.views)
    stack.push_async_callback(snapshots.close)
    tenants = TenantAccess(connections=store.connections, authority=authority, graph=graph, box=box)
    metrics = Metrics()
    runner = SyncRunner(
        Stores(store.connections, store.directory, store.lists, store.runs),
        tenants=tenants,
        clock=clock,
        settings=ReadSettings(
            settings.user_attributes,
            graph_url=settings.endpoints().graph_url,
            guard=Guard(settings.max_removal_percent),
            parallel_groups=settings.graph_concurrency,
        ),
        hooks=Hooks(spawn=tasks.create_task, on_commit=snapshots.refresh, on_end=_run_counter(metrics)),
    )
    await runner.recover()
    stack.push_async_callback(runner.close)
    schedule = Schedule(
        connections=store.connections,
        runs=store.runs,
        runner=runner,
        clock=clock,
        intervals=Intervals(settings.sync_interval, settings.full_sync_interval),
    )
    for forever in (snapshots.run(), schedule.run()):
        stack.callback(tasks.create_task(forever).cancel)
    return Facades(
        connector=Connector(connections=store.connections, authority=authority, graph=graph, box=box, clock=clock),
        runner=runner,
        connections=store.connections,
        runs=store.runs,
        lists=store.lists,
        snapshots=snapshots,
        clock=clock,
        signer=Signer(signing_key(keys[0])),
        metrics=metrics,
    )


def _run_counter(metrics: Metrics) -> Callable[[SyncRun], None]:
    def count(run: SyncRun) -> None:
        took = run.end_time - run.start_time if run.end_time and run.start_time else None
        metrics.count_run(mode=run.mode.name.lower(), state=run.state.name.lower(), duration=took)
        if run.sync_time is not None:
            metrics.note_snapshot(run.connection_id, sync_time=run.sync_time.timestamp())

    return count


async def _upstream(settings: Settings, stack: AsyncExitStack) -> tuple[MsalAuthority, MicrosoftGraph]:
    """The two sides of Microsoft, both with the same CA bundle and proxy."""
    cloud = settings.endpoints()
    ca_bundle = Path(settings.ca_bundle) if settings.ca_bundle else None
    proxy = settings.proxy or None
    authority = MsalAuthority(
        authority_url=cloud.authority_url, graph_scope=cloud.scope, ca_bundle=ca_bundle, proxy=proxy
    )
    stack.callback(authority.close)
    graph = MicrosoftGraph(
        base_url=cloud.graph_url,
        ca_bundle=ca_bundle,
        proxy=proxy,
        limits=Limits(concurrency=settings.graph_concurrency),
    )
    stack.push_async_callback(graph.close)
    return authority, graph


@asynccontextmanager
async def _background() -> AsyncIterator[asyncio.TaskGroup]:
    """Owner of what runs beside the calls. A task that breaks stops the service: better none than half of one."""
    try:
        async with asyncio.TaskGroup() as tasks:
            yield tasks
    except BaseExceptionGroup as group:
        if len(group.exceptions) > 1:
            raise
        raise group.exceptions[0] from None  # such as an address that is taken: told by itself, not by the group


def _keys(settings: Settings) -> tuple[EncryptionKey, ...]:
    if settings.encryption_key:
        return (parse_key(settings.encryption_key),)
    path = settings.database_path().with_suffix(".key")
    if path.exists():
        return read_key_file(path)
    key = create_key_file(path)
    _log.warning(
        "encryption_key_made",
        file=str(path),
        advice="whoever can copy this folder can read the stored credentials: set ENTRAID_ENCRYPTION_KEY_FILE",
    )
    return (key,)


def _server_settings(settings: Settings) -> ServerSettings:
    tls = None
    if settings.tls_cert_file:
        client_ca = Path(settings.tls_client_ca_file) if settings.tls_client_ca_file else None
        tls = TlsFiles(Path(settings.tls_cert_file), Path(settings.tls_key_file), client_ca)
    return ServerSettings(address=settings.grpc_address, tls=tls)
