"""A real server on a free port, over a real store on disk."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from entraid_service.model.secret import Secret
from entraid_service.observe.metrics import Metrics
from entraid_service.rpc.facades import Facades
from entraid_service.rpc.server import GrpcServer, ServerSettings
from entraid_service.rpc.signing import Signer
from entraid_service.snapshot.snapshots import Snapshots
from entraid_service.store.sqlite import SqliteStore
from entraid_service.sync.due import Forecast, Intervals
from rpc.rooms import Connector, Consents, Runner, Server, StandingClock

INTERVALS = Intervals(incremental=timedelta(minutes=2), full=timedelta(hours=6))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """An empty store."""
    async with SqliteStore.open(tmp_path / "entraid.db") as store:
        yield store


@pytest.fixture
def metrics() -> Metrics:
    """What the server counts."""
    return Metrics()


@pytest.fixture
async def facades(store: SqliteStore, metrics: Metrics) -> AsyncIterator[Facades]:
    """The rooms behind the server."""
    clock = StandingClock()
    snapshots = Snapshots(store.views)
    yield Facades(
        connector=Connector(store, clock),
        consents=Consents(store, clock),
        runner=Runner(store, clock),
        connections=store.connections,
        runs=store.runs,
        lists=store.lists,
        forecast=Forecast(runs=store.runs, clock=clock, intervals=INTERVALS),
        snapshots=snapshots,
        clock=clock,
        signer=Signer(Secret("k" * 32)),
        metrics=metrics,
    )
    await snapshots.close()


@pytest.fixture
async def grpc_server(facades: Facades) -> AsyncIterator[GrpcServer]:
    """The server, not started yet."""
    server = GrpcServer(ServerSettings(address="127.0.0.1:0", min_ping_interval=timedelta(milliseconds=100)), facades)
    yield server
    await server.stop(timedelta())


@pytest.fixture
async def server(grpc_server: GrpcServer, facades: Facades, store: SqliteStore) -> AsyncIterator[Server]:
    """The server, started, with a channel to it."""
    port = await grpc_server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        assert isinstance(facades.clock, StandingClock)
        assert isinstance(facades.connector, Connector)
        assert isinstance(facades.consents, Consents)
        assert isinstance(facades.runner, Runner)
        assert isinstance(facades.snapshots, Snapshots)
        yield Server(
            port,
            store,
            clock=facades.clock,
            connector=facades.connector,
            consents=facades.consents,
            runner=facades.runner,
            snapshots=facades.snapshots,
            channel=channel,
        )
