import os
import time
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from e2e.harness import Service, connect, connect_request, entraid, serving
from entraid.v1 import sync_service_pb2 as sync
from entraid_emulator import Emulator
from entraid_emulator.tenants.contoso_groups import contoso_id
from entraid_emulator.tenants.contoso_people import person_id
from workers.harness import (
    CALL_SECONDS,
    WORKERS,
    Line,
    Load,
    eventually,
    is_there,
    kill,
    lines_to,
    processors_of,
    question,
    worker_pids,
)

ENGINEERING = contoso_id("g", 2)
OUTSIDER = person_id(21)


def test_both_workers_answer_and_the_other_goes_on_when_one_is_killed(
    emulator: Emulator, start: Callable[[], Service]
) -> None:
    """Connections to the killed worker break, those to the other do not, and soon there are two again."""
    service = start()
    name = connect(service, connect_request(emulator, "contoso")).name
    with lines_to(service) as lines:
        lines[0].sync(name)
        asked = question(f"{name}/users/{person_id(2)}", "Engineering")
        assert all(line.allows(asked) for line in lines)
        killed, survivor = worker_pids(service)
        with Load(lines, asked) as load:
            eventually(lambda: load.answers > 200)
            kill(killed)
            before = load.answers
            eventually(lambda: load.answers > before + 200)
            eventually(lambda: len(worker_pids(service)) == WORKERS)
        assert {error.code() for _, error in load.errors} == {grpc.StatusCode.UNAVAILABLE}
        assert 0 < len(load.errors) < len(lines), "both workers have to have had calls under way"
        assert survivor in worker_pids(service)
        eventually(lambda: service.log().count('"event": "serving"') == WORKERS + 1)


def test_a_commit_is_seen_by_both_within_a_second(emulator: Emulator, connection: str, lines: list[Line]) -> None:
    """No line answers from the data before for longer, whichever worker ran the sync."""
    directory = emulator.tenants[0].directory
    asked = question(f"{connection}/users/{OUTSIDER}", "Engineering")
    for step in range(4):
        expected = step % 2 == 0
        change = directory.add_member if expected else directory.remove_member
        change(ENGINEERING, OUTSIDER)
        lines[step].sync(connection)
        took = eventually(lambda: all(line.allows(asked) is expected for line in lines))  # noqa: B023 - used at once
        assert took < 1.0


def test_a_run_is_watched_and_cancelled_through_any_worker(
    emulator: Emulator, connection: str, lines: list[Line]
) -> None:
    """Every line sees the run that one worker drives, and a cancellation over any line reaches it."""
    emulator.latency = timedelta(seconds=1)
    try:
        for number in range(4):
            run = lines[number].start_sync(connection, mode=sync.SYNC_MODE_FULL)
            lines[-1 - number].cancel(run)
            assert {line.watch(run).state for line in lines} == {sync.SyncRun.STATE_CANCELLED}
    finally:
        emulator.latency = timedelta()


def test_at_sigterm_no_call_under_way_fails(emulator: Emulator, start: Callable[[], Service]) -> None:
    """Under load every call that was under way is answered, and the service is gone in less than ten seconds.

    A call that sets out while the service stops may cross its goodbye, and is then told so by gRPC.
    """
    service = start()
    name = connect(service, connect_request(emulator, "contoso")).name
    with lines_to(service) as lines:
        lines[0].sync(name)
        asked = question(f"{name}/users/{person_id(2)}", "Engineering")
        pids = worker_pids(service)
        with Load(lines, asked) as load:
            eventually(lambda: load.answers > 200)
            told = time.monotonic()
            assert service.stop() < 10.0
        assert [error for begun, error in load.errors if begun < told] == []
        assert {error.code() for _, error in load.errors} <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
    assert service.process.returncode == 0
    assert not any(is_there(pid) for pid in pids)


def test_workers_do_not_outlive_a_parent_that_is_killed(start: Callable[[], Service]) -> None:
    """Nobody would restart or stop them."""
    service = start()
    pids = worker_pids(service)
    assert len(pids) == WORKERS
    service.kill()
    eventually(lambda: not any(is_there(pid) for pid in pids))


def test_it_is_ready_once_all_serve(service: Service) -> None:
    """The ready file is written, and the HTTP port says so, when both take calls."""
    assert service.log().count('"event": "serving"') == WORKERS
    with urllib.request.urlopen(f"http://{service.http_address}/readyz", timeout=CALL_SECONDS) as answer:
        assert answer.status == 200


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < WORKERS, reason="there are fewer processors than workers")
def test_each_worker_keeps_to_a_processor_of_its_own(tmp_path: Path, environment: dict[str, str]) -> None:
    """With all of its threads; so does who follows one that died, and the parent goes where it likes."""
    with serving(tmp_path, {**environment, "ENTRAID_WORKER_PROCESSORS": "own"}) as service:
        before = {pid: processors_of(pid) for pid in worker_pids(service)}
        assert sorted(map(len, before.values())) == [1] * WORKERS
        assert len(set().union(*before.values())) == WORKERS
        assert processors_of(service.process.pid) == os.sched_getaffinity(0)
        killed, survivor = before
        kill(killed)
        eventually(lambda: service.log().count('"event": "serving"') == WORKERS + 1)
        (successor,) = set(worker_pids(service)) - {survivor}
        assert processors_of(successor) == before[killed]


def test_a_taken_port_is_refused(service: Service, environment: dict[str, str]) -> None:
    """Two services of one user would otherwise take turns at the calls of both."""
    ended = entraid(
        "serve", "--grpc-address", service.target, "--http-address", "127.0.0.1:0", "--database-url",
        "sqlite:///other.db", environment=environment, folder=service.folder,
    )  # fmt: skip
    assert ended.code == 1
    assert f"`{service.target}` cannot be listened on" in ended.err


def test_a_worker_that_cannot_start_is_told(start: Callable[[], Service], environment: dict[str, str]) -> None:
    """The reason is in the error of the command, which ends with 1 and leaves nobody behind."""
    environment = {**environment, "ENTRAID_TLS_CERT_FILE": "no-such.pem", "ENTRAID_TLS_KEY_FILE": "no-such.pem"}
    service = start()
    ended = entraid(
        "serve", "--grpc-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0",
        environment=environment, folder=service.folder,
    )  # fmt: skip
    assert ended.code != 0
    assert "no-such.pem" in ended.err
