"""Where a server listens: on an address that is its own, or not at all."""

import socket
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2

from entraid_service.rpc.facades import Facades
from entraid_service.rpc.listener import reserved
from entraid_service.rpc.server import GrpcServer, ServerSettings
from rpc.rooms import Server, health_check

SERVING = health_pb2.HealthCheckResponse.SERVING


async def test_a_port_of_another_service_is_taken(facades: Facades, server: Server) -> None:
    """One that shares it with nobody."""
    with pytest.raises(OSError, match="cannot be listened on"):
        await GrpcServer(ServerSettings(address=f"127.0.0.1:{server.port}"), facades).start()


async def test_a_name_whose_place_is_taken_is_refused(facades: Facades, server: Server) -> None:
    """Though gRPC would listen at the other place of `localhost`, where few would look for it."""
    with pytest.raises(OSError, match="cannot be listened on"):
        await GrpcServer(ServerSettings(address=f"localhost:{server.port}"), facades).start()


def test_a_name_may_stand_for_a_place_that_the_machine_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `localhost` does for one of IPv6 where there is none; one that is in use is never passed over."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        kind = socket.AF_INET, socket.SOCK_STREAM, 0, ""
        found = [(*kind, ("192.0.2.1", 0)), (*kind, ("127.0.0.1", 0))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        with reserved("localhost:0") as address:
            assert address.startswith("localhost:")
        free, in_use = (*kind, ("127.0.0.2", port)), (*kind, ("127.0.0.1", port))
        for found[:] in ([in_use, free], [free, in_use]):
            with pytest.raises(OSError, match="cannot be listened on"), reserved(f"localhost:{port}"):
                pass
        found[:] = [(*kind, ("192.0.2.1", 0))]
        with pytest.raises(OSError, match="no local address"), reserved("elsewhere:0"):
            pass


async def test_it_serves_on_a_path_too(facades: Facades, tmp_path: Path) -> None:
    """For callers on the same machine."""
    address = f"unix:{tmp_path / 'entraid.sock'}"
    grpc_server = GrpcServer(ServerSettings(address=address), facades)
    await grpc_server.start()
    try:
        async with grpc.aio.insecure_channel(address) as channel:
            answer = await health_check(channel)(health_pb2.HealthCheckRequest())
            assert answer.status == SERVING
    finally:
        await grpc_server.stop(timedelta(0))
