import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import grpc
from grpc_health.v1 import health_pb2

from e2e.harness import Service, connect, connect_request, entraid, evaluate, list_users, pointed_at, start_sync, sync
from entraid.v1 import access_service_pb2
from entraid.v1.sync_service_pb2 import GetSyncRunResponse, ListSyncRunsResponse, SyncRun
from entraid_emulator import Emulator

NADIA = "nadia.rahman@contoso.example"
ENGINEERING = {"group": {"values": ["Engineering"]}}


def test_killed_in_the_middle_of_a_sync_it_answers_from_the_data_before(
    quick: Emulator, start: Callable[[dict[str, str]], Service]
) -> None:
    """A kill -9 while the second run reads: the first run's data answers, the second run is told as failed."""
    service = start(pointed_at(quick))
    name = connect(service, connect_request(quick, "contoso")).name
    before = sync(service, name)
    quick.latency = timedelta(milliseconds=300)
    run = start_sync(service, name)
    await_moving(service, run.name)
    service.kill()
    quick.latency = timedelta()

    again = start(pointed_at(quick))

    runs = again.call("SyncService/ListSyncRuns", {"parent": name}, ListSyncRunsResponse()).sync_runs
    assert [(one.name, one.state) for one in runs] == [
        (run.name, SyncRun.STATE_FAILED),
        (before.name, SyncRun.STATE_SUCCEEDED),
    ]
    assert "sync again" in runs[0].error.message
    page = list_users(again, name)
    assert len(page.users) == 40
    answer = evaluate(again, f"{name}/users/{NADIA}", ENGINEERING)
    assert answer.decision == access_service_pb2.DECISION_ALLOW
    assert answer.snapshot == before.snapshot == page.snapshot


def test_after_a_kill_the_next_sync_succeeds(quick: Emulator, start: Callable[[dict[str, str]], Service]) -> None:
    """What the killed run had read stands in nobody's way, nor does its claim on the connection."""
    service = start(pointed_at(quick))
    name = connect(service, connect_request(quick, "contoso")).name
    quick.latency = timedelta(milliseconds=300)
    run = start_sync(service, name)
    await_moving(service, run.name)
    service.kill()
    quick.latency = timedelta()

    again = start(pointed_at(quick))

    refusal = again.refused("AccessService/EvaluateAccess", {"user": f"{name}/users/x", "condition": ENGINEERING})
    assert refusal.reason == "DIRECTORY_NOT_SYNCED"
    assert sync(again, name).changes.users_upserted == 40


def test_sigterm_under_calls_ends_in_time_with_no_failed_call(
    emulator: Emulator, start: Callable[[dict[str, str]], Service]
) -> None:
    """Health says NOT_SERVING, calls under way are answered, late ones are told UNAVAILABLE, and it exits with 0."""
    service = start(pointed_at(emulator))
    name = connect(service, connect_request(emulator, "contoso")).name
    sync(service, name)
    codes: list[grpc.StatusCode] = []
    caller = threading.Thread(target=call_until_gone, args=(service.target, f"{name}/users/{NADIA}", codes))
    with grpc.insecure_channel(service.target) as channel:
        told = watch_health(channel)
        assert next(told) == health_pb2.HealthCheckResponse.SERVING
        caller.start()
        await_calls(codes)
        seconds = service.stop()
        assert next(told) == health_pb2.HealthCheckResponse.NOT_SERVING
    caller.join(10)
    assert service.process.returncode == 0
    assert seconds < 10
    assert set(codes[:-1]) == {grpc.StatusCode.OK}
    assert codes[-1] in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.OK}
    assert not (service.folder / "ready.json").exists()
    asked = entraid("health", "--http-address", service.http_address, environment={}, folder=service.folder)
    assert asked.code == 1
    assert service.http_address in asked.err


def test_sigterm_in_the_middle_of_a_sync_cancels_the_run(
    quick: Emulator, start: Callable[[dict[str, str]], Service]
) -> None:
    """A clean stop does not wait for Graph: the run is over and says so after the restart."""
    service = start(pointed_at(quick))
    name = connect(service, connect_request(quick, "contoso")).name
    quick.latency = timedelta(milliseconds=500)
    run = start_sync(service, name)
    await_moving(service, run.name)
    assert service.stop() < 10
    assert service.process.returncode == 0
    quick.latency = timedelta()

    again = start(pointed_at(quick))

    ended = again.call("SyncService/GetSyncRun", {"name": run.name}, GetSyncRunResponse()).sync_run
    assert ended.state == SyncRun.STATE_CANCELLED
    assert "shut down" in ended.error.message


def await_moving(service: Service, run: str) -> None:
    """Waits until the run has read something and has not ended."""
    deadline = time.monotonic() + 10
    while True:
        now = service.call("SyncService/GetSyncRun", {"name": run}, GetSyncRunResponse()).sync_run
        assert now.state in {SyncRun.STATE_PENDING, SyncRun.STATE_RUNNING}, "the run has ended already"
        if now.progress.graph_requests:
            return
        assert time.monotonic() < deadline, "the run does not move"


def await_calls(codes: list[grpc.StatusCode]) -> None:
    """Waits until calls are being answered."""
    deadline = time.monotonic() + 10
    while len(codes) < 20:
        assert time.monotonic() < deadline, "no call is answered"
        time.sleep(0.01)


def call_until_gone(target: str, user: str, codes: list[grpc.StatusCode]) -> None:
    """Evaluates again and again until a call fails."""
    condition = access_service_pb2.Condition(group=access_service_pb2.GroupCondition(values=["Engineering"]))
    request = access_service_pb2.EvaluateAccessRequest(user=user, condition=condition)
    with grpc.insecure_channel(target) as channel:
        evaluates = channel.unary_unary(
            "/entraid.v1.AccessService/EvaluateAccess",
            request_serializer=access_service_pb2.EvaluateAccessRequest.SerializeToString,
            response_deserializer=access_service_pb2.EvaluateAccessResponse.FromString,
        )
        while not codes or codes[-1] is grpc.StatusCode.OK:
            codes.append(evaluates.future(request, timeout=10).code())


def watch_health(channel: grpc.Channel) -> Iterator[int]:
    """The overall status, now and whenever it changes."""
    watches = channel.unary_stream(
        "/grpc.health.v1.Health/Watch",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    for answer in watches(health_pb2.HealthCheckRequest(), timeout=30):
        yield answer.status
