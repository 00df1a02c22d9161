"""The composition root: builds every room with its settings, starts them, closes them in reverse.

Knows everything, decides nothing.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from entraid_service.config import Settings, unknown_variables
from entraid_service.connect.access import TenantAccess
from entraid_service.connect.activation import Activation
from entraid_service.connect.ages import SnapshotAges
from entraid_service.connect.connector import Connector
from entraid_service.connect.consents import ConsentDesk
from entraid_service.connect.expiry import ExpiryWatch
from entraid_service.connect.proof import Prover
from entraid_service.connect.route import ConsentSite
from entraid_service.errors import ResourceNotFound, SyncInProgress
from entraid_service.model.ids import ConnectionId
from entraid_service.model.syncrun import Changes, SyncRun
from entraid_service.oauth.keys import signing_key
from entraid_service.oauth.secretbox import AesGcmSecretBox
from entraid_service.oauth.tokens import MsalAuthority
from entraid_service.observe.audit import AuditLog, DecisionLog, NoAudit, Sink, StandardOutput
from entraid_service.observe.audit_file import RotatedFile
from entraid_service.observe.logs import set_up_logs
from entraid_service.observe.metrics import Metrics
from entraid_service.parts import consent_site, encryption_keys, upstream
from entraid_service.place import ALONE, Place, keep_to_a_processor
from entraid_service.rpc.facades import Facades
from entraid_service.rpc.server import GrpcServer, ServerSettings
from entraid_service.rpc.signing import Signer
from entraid_service.rpc.tls import TlsFiles
from entraid_service.snapshot.snapshots import Snapshots
from entraid_service.store.sqlite import SqliteStore
from entraid_service.sync.around import Hooks, Stores
from entraid_service.sync.attempt import ReadSettings
from entraid_service.sync.due import Forecast, Intervals
from entraid_service.sync.guard import Guard
from entraid_service.sync.runner import SyncRunner
from entraid_service.sync.schedule import Schedule
from entraid_service.web.connect_pages import ConnectPages
from entraid_service.web.listener import HttpListener, listening_socket
from entraid_service.web.metrics_page import MetricsPage
from entraid_service.web.runs import FirstSyncs

_log = structlog.get_logger(__name__)

_DRAIN = timedelta(milliseconds=200)
"""After health said NOT_SERVING, calls are still taken until none came for so long: not everybody watches health."""

_LONGEST_DRAIN = timedelta(seconds=2)

_GRACE = timedelta(seconds=5)
"""How long calls under way are given at the end; a container is killed after ten seconds."""
_NEW_OBJECTS = 10_000
"""After so many, garbage collection looks at the new ones: thousands belong to calls under way, and are no garbage."""


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
async def running(settings: Settings, place: Place = ALONE) -> AsyncIterator[Endpoints]:
    """The whole service, or one worker's part of it, for as long as the context lasts.

    Raises:
        EntraidError: A part cannot be built, for example because the database is of a newer version.
        KeyUnusable: The encryption key cannot be used.
        OSError: An address cannot be taken, or a file cannot be read.
    """
    set_up_logs(log_format=settings.log_format, level=settings.log_level)
    if settings.worker_processors == "own":  # before there are other threads
        _log.info("processor_kept_to", processor=keep_to_a_processor(place.number))
    if place.is_first:
        for variable in unknown_variables():
            _log.warning("unknown_setting", variable=variable, effect="none")
    async with AsyncExitStack() as stack:
        listening, http_port = None, place.http_port
        if place.is_first:
            listening = stack.enter_context(place.http or listening_socket(settings.http_address))
            http_port = listening.getsockname()[1]
        facades, desk = await _build(settings, stack, http_port=http_port, place=place)
        if place.team is not None:
            place.team.tells_of(facades.metrics.registry)
        is_ready = asyncio.Event()
        if listening is not None:
            pages = ConnectPages(
                desk,
                syncs=FirstSyncs(runs=facades.runs, runner=facades.runner),
                attributes=settings.user_attributes,
            )
            listener = HttpListener(
                listening,
                is_ready=lambda: is_ready.is_set() and place.are_all_serving(),
                more=(*pages.routes(), *_metrics_page(facades, place).routes()),
            )
            stack.push_async_callback(listener.close)
            await listener.start()
        server = GrpcServer(_server_settings(settings, place), facades)
        port = await server.start()
        stack.push_async_callback(server.stop, _GRACE, drain=_DRAIN, longest_drain=_LONGEST_DRAIN)
        is_ready.set()
        stack.callback(is_ready.clear)
        endpoints = Endpoints(_with_port(settings.grpc_address, port), _with_port(settings.http_address, http_port))
        # What was built to stay is taken out of garbage collection: going through it again and again holds the loop
        # for tens of milliseconds, and finds nothing.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_NEW_OBJECTS)
        _log.info("serving", grpc=endpoints.grpc_address, http=endpoints.http_address)
        yield endpoints
        _log.info("stopping")


def _metrics_page(facades: Facades, place: Place) -> MetricsPage:
    ages = SnapshotAges(facades.connections, lists=facades.lists, note=facades.metrics.note_snapshots)
    others = None if place.team is None else place.team.metrics
    return MetricsPage(facades.metrics.registry, others=others, before=ages.note)


async def _build(
    settings: Settings, stack: AsyncExitStack, *, http_port: int, place: Place
) -> tuple[Facades, ConsentDesk]:
    """Every room but the listeners, ready for calls; what has to be closed is put on the stack."""
    keys = encryption_keys(settings)
    box = AesGcmSecretBox(keys, reread=lambda: encryption_keys(settings))
    clock = SystemClock()
    store = await stack.enter_async_context(SqliteStore.open(settings.database_path()))
    metrics = Metrics()
    authority, graph = upstream(settings, stack, on_request=metrics.count_graph_request)
    tasks = await stack.enter_async_context(_background())
    snapshots = Snapshots(store.views, interval=place.look_interval)
    stack.push_async_callback(snapshots.close)
    prover = Prover(authority=authority, graph=graph, attributes=settings.user_attributes)
    tenants = TenantAccess(
        connections=store.connections, authority=authority, graph=graph, box=box, attributes=settings.user_attributes
    )
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
        hooks=Hooks(
            spawn=tasks.create_task,
            on_commit=snapshots.refresh,
            on_end=_run_counter(metrics),
            on_drift=_drift_counter(metrics),
        ),
    )
    await runner.recover()
    stack.push_async_callback(runner.close)
    intervals = Intervals(settings.sync_interval, settings.full_sync_interval)
    forecast = Forecast(runs=store.runs, clock=clock, intervals=intervals)
    schedule = Schedule(connections=store.connections, runner=runner, forecast=forecast)
    desk = _consent_desk(
        settings,
        _ConsentParts(store=store, authority=authority, prover=prover, box=box, clock=clock),
        http_port=http_port,
        on_active=_first_sync(runner),
    )
    expiry = ExpiryWatch(
        connections=store.connections, clock=clock, note=metrics.note_expiry, forget=metrics.forget_expiry
    )
    audit = _audit(settings, stack, spawn=tasks.create_task)
    of_one = (schedule.run(), expiry.run()) if place.is_first else ()
    for forever in (snapshots.run(), store.tend(place.look_interval), *of_one):
        stack.callback(tasks.create_task(forever).cancel)
    facades = Facades(
        connector=Connector(connections=store.connections, authority=authority, prover=prover, box=box, clock=clock),
        consents=desk,
        runner=runner,
        connections=store.connections,
        runs=store.runs,
        lists=store.lists,
        forecast=forecast,
        snapshots=snapshots,
        clock=clock,
        attributes=settings.user_attributes,
        signer=Signer(signing_key(keys[0])),
        metrics=metrics,
        audit=audit,
    )
    return facades, desk


def _audit(
    settings: Settings, stack: AsyncExitStack, *, spawn: Callable[[Coroutine[None, None, None]], asyncio.Task[None]]
) -> DecisionLog:
    """The audit log, written from now on; at the end, when the last call is answered, the rest is written."""
    if not settings.audit_log:
        return NoAudit()
    sink: Sink = StandardOutput()
    if settings.audit_log != "-":
        file = RotatedFile(Path(settings.audit_log))
        stack.callback(file.close)
        sink = file
    log = AuditLog(sink, sample_allows=settings.audit_sample_allows)
    stack.push_async_callback(log.close)
    stack.callback(spawn(log.run()).cancel)
    return log


@dataclass(frozen=True, slots=True, kw_only=True)
class _ConsentParts:
    """What a consent desk is made of."""

    store: SqliteStore
    authority: MsalAuthority
    prover: Prover
    box: AesGcmSecretBox
    clock: SystemClock


def _consent_desk(
    settings: Settings,
    parts: _ConsentParts,
    *,
    http_port: int,
    on_active: Callable[[ConnectionId], Awaitable[None]],
) -> ConsentDesk:
    site = consent_site(settings, port=http_port)
    return ConsentDesk(
        sign_in=parts.authority.sign_in() if site is not None else None,
        site=site or ConsentSite(""),
        consents=parts.store.consents,
        activation=Activation(
            connections=parts.store.connections,
            authority=parts.authority,
            prover=parts.prover,
            box=parts.box,
            clock=parts.clock,
        ),
        box=parts.box,
        clock=parts.clock,
        on_active=on_active,
    )


def _first_sync(runner: SyncRunner) -> Callable[[ConnectionId], Awaitable[None]]:
    async def begin(connection_id: ConnectionId) -> None:
        with suppress(SyncInProgress, ResourceNotFound):
            await runner.start(connection_id)

    return begin


def _with_port(address: str, port: int) -> str:
    return f"{address.rpartition(':')[0]}:{port}"


def _run_counter(metrics: Metrics) -> Callable[[SyncRun], None]:
    def count(run: SyncRun) -> None:
        took = run.end_time - run.start_time if run.end_time and run.start_time else None
        metrics.count_run(mode=run.mode.name.lower(), state=run.state.name.lower(), duration=took)

    return count


def _drift_counter(metrics: Metrics) -> Callable[[Changes], None]:
    def count(changes: Changes) -> None:
        metrics.count_drift(
            users=changes.users_upserted + changes.users_deleted,
            groups=changes.groups_upserted + changes.groups_deleted,
            memberships=changes.memberships_added + changes.memberships_removed,
        )

    return count


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


def _server_settings(settings: Settings, place: Place) -> ServerSettings:
    tls = None
    if settings.tls_cert_file:
        client_ca = Path(settings.tls_client_ca_file) if settings.tls_client_ca_file else None
        tls = TlsFiles(Path(settings.tls_cert_file), Path(settings.tls_key_file), client_ca)
    return ServerSettings(
        address=settings.grpc_address, tls=tls, shares_port=place.shares_port, most_calls=settings.max_calls
    )
