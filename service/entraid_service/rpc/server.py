"""The gRPC server: its port, its limits, its services, and how it starts and stops.

Start: services, health and reflection are added, the port is bound, calls are taken, health says SERVING. Stop: health
says NOT_SERVING and watches end first, then calls in flight get their grace.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, cast

from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from entraid.v1 import (
    access_service_pb2,
    access_service_pb2_grpc,
    connection_service_pb2,
    connection_service_pb2_grpc,
    directory_service_pb2,
    directory_service_pb2_grpc,
    errors_pb2,
    sync_service_pb2,
    sync_service_pb2_grpc,
)
from entraid_service.rpc import health
from entraid_service.rpc.access_service import AccessService
from entraid_service.rpc.connection_service import ConnectionService
from entraid_service.rpc.directory_service import DirectoryService
from entraid_service.rpc.facades import Facades
from entraid_service.rpc.freshness import ServedSnapshots
from entraid_service.rpc.gate import Gate
from entraid_service.rpc.guard import Guard
from entraid_service.rpc.listener import Listener
from entraid_service.rpc.overload import Admission
from entraid_service.rpc.reflection import add_reflection
from entraid_service.rpc.registrar import Registrar
from entraid_service.rpc.snapshot_tokens import SnapshotTokens
from entraid_service.rpc.sync_service import SyncService
from entraid_service.rpc.tls import TlsFiles, server_credentials

if TYPE_CHECKING:
    import grpc
    from google.protobuf.descriptor import FileDescriptor

_NO_BOUND = 2**31 - 1
_FILES = (
    access_service_pb2.DESCRIPTOR,
    connection_service_pb2.DESCRIPTOR,
    directory_service_pb2.DESCRIPTOR,
    sync_service_pb2.DESCRIPTOR,
    errors_pb2.DESCRIPTOR,
    error_details_pb2.DESCRIPTOR,  # so that clients without it can show what an error says
    cast("FileDescriptor", health_pb2.DESCRIPTOR),  # the stubs name its C base class
)
SERVICES = (
    "entraid.v1.AccessService",
    "entraid.v1.ConnectionService",
    "entraid.v1.DirectoryService",
    "entraid.v1.SyncService",
)
"""Full names of what is served, each with a health status of its own."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How the server listens.

    Attributes:
        address: `host:port`; port 0 takes a free one. `unix:PATH` works as well.
        tls: Files of the certificate; without them calls are in clear text.
        largest_request: Bytes of a request. A full batch is well below the default.
        largest_response: Bytes of an answer.
        min_ping_interval: Clients that ping more often are cut off. gRPC's own bound of 5 minutes cuts off clients
            that keep their connection alive as they should.
        shares_port: Several processes listen on the same port, the kernel spreads connections.
        most_calls: Calls under way; with more there is an overload, see `overload`.
    """

    address: str = "127.0.0.1:50051"
    tls: TlsFiles | None = None
    largest_request: int = 4 * 1024 * 1024
    largest_response: int = 16 * 1024 * 1024
    min_ping_interval: timedelta = timedelta(seconds=5)
    shares_port: bool = False
    most_calls: int = 2000

    def options(self) -> list[tuple[str, int]]:
        """As channel arguments, see https://grpc.github.io/grpc/core/group__grpc__arg__keys.html."""
        ping_ms = int(self.min_ping_interval.total_seconds() * 1000)
        return [
            ("grpc.max_receive_message_length", self.largest_request),
            ("grpc.max_send_message_length", self.largest_response),
            # The key that bounds a client's pings; the one with `recv` in its name has no effect.
            ("grpc.http2.min_ping_interval_without_data_ms", ping_ms),
            ("grpc.keepalive_permit_without_calls", 1),
            # `overload` bounds the queue instead, and counts by channelz. With gRPC's bound of a thousand calls, those
            # beyond it are cancelled by chance and without a reason.
            ("grpc.server.max_pending_requests", _NO_BOUND),
            ("grpc.server.max_pending_requests_hard_limit", _NO_BOUND),
            ("grpc.enable_channelz", 1),
        ]


class GrpcServer:
    """The server with all of its services. Built and used in one event loop."""

    def __init__(self, settings: ServerSettings, facades: Facades) -> None:
        self._settings = settings
        self._listener = Listener(settings.address, settings.options(), is_shared=settings.shares_port)
        self._health = health.HealthService(SERVICES)
        self._admission = Admission(settings.most_calls)
        self._gate = Gate(self._admission)
        self._watching: asyncio.Task[None] | None = None
        self._sync_service = SyncService(facades)
        self._add_services(facades)

    async def start(self) -> int:
        """Binds the port and takes calls.

        Returns:
            The port; of no meaning for a Unix socket.

        Raises:
            OSError: The address cannot be bound, or a TLS file cannot be read.
        """
        port = self._bind()
        await self._listener.start()
        self._watching = asyncio.create_task(self._admission.watch())
        self._health.start()
        return port

    async def stop(
        self, grace: timedelta, *, drain: timedelta = timedelta(0), longest_drain: timedelta = timedelta(0)
    ) -> None:
        """Says so, takes no more calls, and cancels those that have not ended after `grace`. May be repeated.

        Calls are still taken until none has arrived for `drain`, at the latest until `longest_drain`.
        """
        self._health.stop()
        self._sync_service.stop_watches()
        self._access_service.stop_streams()
        # gRPC cancels calls that arrive while it stops. So for a while they are still taken, from those who have not
        # heard yet, then refused in words, and only then gRPC stops.
        await self._gate.quiet(drain.total_seconds(), longest_drain.total_seconds())
        self._gate.is_closed = True
        await asyncio.sleep(drain.total_seconds() / 2)
        await self._admission.emptied(longest_drain.total_seconds() / 4)
        await self._listener.stop(grace.total_seconds())
        if self._watching is not None:
            self._watching.cancel()

    def set_serving(self, service: str, *, is_serving: bool) -> None:
        """Changes what health says of one service (a full name, or `health.OVERALL`)."""
        self._health.set(service, is_serving=is_serving)

    def _add_services(self, facades: Facades) -> None:
        served = ServedSnapshots(
            facades.snapshots,
            connections=facades.connections,
            tokens=SnapshotTokens(facades.signer),
            clock=facades.clock,
        )
        tls = self._settings.tls
        self._access_service = AccessService(
            facades, served=served, knows_callers=tls is not None and tls.client_ca is not None
        )
        connections = ConnectionService(facades, served=served)
        # It takes services as a server does, which is all that the generated code needs of one.
        guard = Guard(self._gate, facades.metrics)
        access = self._access_service
        registrar = Registrar(self._listener, guard, access.shortcuts, access.pipes)
        server = cast("grpc.aio.Server", registrar)
        access_service_pb2_grpc.add_AccessServiceServicer_to_server(self._access_service, server)
        connection_service_pb2_grpc.add_ConnectionServiceServicer_to_server(connections, server)
        directory_service_pb2_grpc.add_DirectoryServiceServicer_to_server(DirectoryService(facades), server)
        sync_service_pb2_grpc.add_SyncServiceServicer_to_server(self._sync_service, server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        add_reflection(server, files=_FILES, services=(*SERVICES, health.SERVICE_NAME))

    def _bind(self) -> int:
        tls = self._settings.tls
        credentials = None if tls is None else partial(server_credentials, tls)
        return self._listener.bind(credentials)
