"""Too many calls: who is turned away, with which words, and when that ends."""

import asyncio
import time
from collections import Counter
from datetime import timedelta

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2
from structlog.testing import capture_logs

from entraid.v1 import connection_service_pb2
from entraid_service.rpc.facades import Facades
from entraid_service.rpc.overload import CALM_SECONDS, Admission, calls_under_way, can_have_queue
from entraid_service.rpc.server import GrpcServer, ServerSettings
from rpc.rooms import Server, health_check, health_watch
from rpc.told import detail_of, reason_of

BURST = 3000
"""More than gRPC's own bound on calls that nobody has begun, beyond which it would cancel some."""


class Queue:
    """As many calls as the test says; a look takes so many seconds."""

    def __init__(self, seconds: float = 0) -> None:
        self.calls = 0
        self.looks = 0
        self.seconds = seconds

    def count(self) -> int:
        """As `calls_under_way`."""
        self.looks += 1
        time.sleep(self.seconds)
        return self.calls


def admitted(admission: Admission, calls: int) -> int:
    """How many of so many calls may go on."""
    return sum(admission.admits() for _ in range(calls))


def test_a_burst_within_the_bound_is_served() -> None:
    """However sudden it is."""
    queue = Queue()
    admission = Admission(1000, under_way=queue.count)
    queue.calls = 1000
    admission.look(0)
    assert admitted(admission, 1000) == 1000
    assert not admission.is_overloaded


def test_the_excess_is_refused_down_to_a_tenth_of_the_bound() -> None:
    """Those who are served must not wait behind a long queue."""
    queue = Queue()
    admission = Admission(1000, under_way=queue.count)
    queue.calls = 1500
    admission.look(0)
    assert admission.is_overloaded
    assert admitted(admission, 2 * 1400) == 1400
    assert admitted(admission, 200) == 200
    queue.calls = 300
    admission.look(0.05)
    assert admitted(admission, 600) == 400


def test_callers_who_come_back_at_once_do_not_keep_anybody_from_being_served() -> None:
    """However long they go on, every other call is answered."""
    queue = Queue()
    admission = Admission(1000, under_way=queue.count)
    queue.calls = 4000
    for moment in range(100):
        admission.look(moment / 20)
        assert admitted(admission, 200) == 100


def test_an_overload_ends_after_a_calm_second() -> None:
    """A queue that is short for a moment is no reason to let a new burst in."""
    queue = Queue()
    admission = Admission(1000, under_way=queue.count)
    with capture_logs() as log:
        _look_through(admission, queue)
    assert admitted(admission, 1000) == 1000
    assert [entry["event"] for entry in log] == ["overload_began", "overload_ended"]


def _look_through(admission: Admission, queue: Queue) -> None:
    """From the beginning of an overload to a burst after its end."""
    for now, calls, is_overloaded in (
        (0.0, 1001, True),
        (0.5, 100, True),
        (0.9, 101, True),
        (1.0, 100, True),
        (1.0 + CALM_SECONDS / 2, 50, True),
        (1.0 + CALM_SECONDS, 50, False),
        (9.0, 1000, False),
    ):
        queue.calls = calls
        admission.look(now)
        assert admission.is_overloaded is is_overloaded, now


def test_streams_are_not_taken_for_calls_that_wait() -> None:
    """A thousand callers who watch something do not make an overload."""
    queue = Queue()
    admission = Admission(100, under_way=queue.count)
    for _ in range(1000):
        admission.stream_began()
    queue.calls = 1000
    admission.look(0)
    assert not admission.is_overloaded
    for _ in range(1000):
        admission.stream_ended()
    admission.look(0)
    assert admission.is_overloaded


@pytest.mark.parametrize(
    ("passed", "worked", "expected"),
    [(0.05, 0.005, False), (0.051, 0.009, False), (0.05, 0.02, True), (0.2, 0.01, True)],
)
def test_a_loop_that_rests_is_not_held_up_by_looking_for_a_queue(passed: float, worked: float, expected: bool) -> None:
    """With a thousand connections one look takes twenty milliseconds: only who is busy, or late, can have a queue."""
    assert can_have_queue(paused=0.05, passed=passed, worked=worked) is expected


async def test_looking_for_a_queue_takes_a_small_part_of_the_time() -> None:
    """However long one look takes; and a queue is found all the same."""
    queue = Queue(seconds=0.02)
    queue.calls = 1001
    admission = Admission(1000, under_way=queue.count)
    took = await _watched(admission, calls_per_second=1000, work=0.0009)
    assert admission.is_overloaded
    assert queue.looks * queue.seconds <= 0.05 * took + queue.seconds


async def _watched(admission: Admission, *, calls_per_second: int, work: float) -> float:
    """Watches for a second and a half while calls come, each of which takes so long; how long it was indeed."""
    watching = asyncio.create_task(admission.watch())
    began = time.monotonic()
    while time.monotonic() < began + 1.5:
        admission.admits()
        end = time.thread_time() + work
        while time.thread_time() < end:
            pass
        await asyncio.sleep(1 / calls_per_second - work)
    watching.cancel()
    return time.monotonic() - began


async def test_calls_under_way_are_counted_until_they_end(server: Server) -> None:
    """An open watch is one; once it has ended it is none."""
    before = calls_under_way()
    watch = health_watch(server.channel)(health_pb2.HealthCheckRequest())
    await anext(aiter(watch))
    assert calls_under_way() == before + 1
    watch.cancel()
    async with asyncio.timeout(10):
        while calls_under_way() != before:  # noqa: ASYNC110 - gRPC tells nobody
            await asyncio.sleep(0.01)


async def test_a_great_burst_is_served_or_refused_and_never_cancelled(server: Server) -> None:
    """GRPC itself would cancel some of the calls by chance."""
    await server.add_connection()
    assert set(await _burst(server.channel)) <= {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}


async def test_refused_calls_say_when_to_come_back_and_health_is_answered(facades: Facades) -> None:
    """The excess gets RESOURCE_EXHAUSTED with reason and RetryInfo; some are served all the same."""
    grpc_server = GrpcServer(ServerSettings(address="127.0.0.1:0", most_calls=100), facades)
    port = await grpc_server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        refusals: list[grpc.aio.AioRpcError] = []
        burst = asyncio.create_task(_burst(channel, refusals))
        answer = await health_check(channel)(health_pb2.HealthCheckRequest())
        codes = await burst
    await grpc_server.stop(timedelta())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    assert set(codes) == {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert {reason_of(error) for error in refusals} == {"OVERLOADED"}
    wait = detail_of(refusals[0], error_details_pb2.RetryInfo()).retry_delay
    assert wait.ToTimedelta() == timedelta(seconds=1)


async def _burst(
    channel: grpc.aio.Channel, refusals: list[grpc.aio.AioRpcError] | None = None
) -> Counter[grpc.StatusCode]:
    """How many calls at once ended in which way."""
    request = connection_service_pb2.ListConnectionsRequest()
    list_connections = channel.unary_unary(
        "/entraid.v1.ConnectionService/ListConnections",
        request_serializer=connection_service_pb2.ListConnectionsRequest.SerializeToString,
        response_deserializer=connection_service_pb2.ListConnectionsResponse.FromString,
    )
    ends = await asyncio.gather(*(list_connections(request) for _ in range(BURST)), return_exceptions=True)
    codes: Counter[grpc.StatusCode] = Counter()
    for end in ends:
        if isinstance(end, grpc.aio.AioRpcError):
            codes[end.code()] += 1
            if refusals is not None:
                refusals.append(end)
        else:
            assert isinstance(end, connection_service_pb2.ListConnectionsResponse)
            codes[grpc.StatusCode.OK] += 1
    return codes


@pytest.mark.parametrize("most", [100, 101, 5000])
def test_the_bound_of_an_overload_is_never_nobody(most: int) -> None:
    """Somebody is always served."""
    queue = Queue()
    admission = Admission(most, under_way=queue.count)
    queue.calls = 10 * most
    admission.look(0)
    assert admitted(admission, 20 * most) == 10 * most + most // 10
