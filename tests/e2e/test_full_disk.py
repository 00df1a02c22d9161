import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from e2e.harness import Service, connect, connect_request, evaluate, list_users, pointed_at, start_sync, sync, watch
from entraid.v1 import access_service_pb2
from entraid.v1.sync_service_pb2 import ListSyncRunsResponse, SyncRun
from entraid_emulator import Emulator, ObjectId, contoso, in_background

NADIA = "nadia.rahman@contoso.example"
ENGINEERING = {"group": {"values": ["Engineering"]}}
NEWCOMERS = 2_000
"""Their records are more than the disk has room for."""


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Emulator]:
    """A Contoso of the test's own, which it may change."""
    with in_background(Emulator([contoso()], ca_file=tmp_path / "ca.pem")) as running:
        yield running


@contextmanager
def file_size_limit(service: Service, limit: int) -> Iterator[None]:
    """No file of the service may grow beyond a size, as on a disk that is full."""
    process = service.process.pid
    former = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (limit, former[1]))
    try:
        yield
    finally:
        resource.prlimit(process, resource.RLIMIT_FSIZE, former)


def largest(service: Service) -> int:
    """The bytes of the largest file."""
    return max(file.stat().st_size for file in service.folder.iterdir())


def join(cloud: Emulator) -> None:
    """Many people come into the tenant."""
    for number in range(NEWCOMERS):
        key = ObjectId(f"00000000-0000-4000-9000-{number:012}")
        name = f"n{number}@contoso.example"
        cloud.tenants[0].directory.add_user({"id": key, "userPrincipalName": name, "displayName": "x" * 250})


def test_row_37_a_sync_that_fills_the_disk_fails_and_decisions_go_on(
    cloud: Emulator, start: Callable[[dict[str, str]], Service]
) -> None:
    """The run says why; what was served is served, and once there is room the next sync succeeds."""
    service = start(pointed_at(cloud))
    name = connect(service, connect_request(cloud, "contoso")).name
    before = sync(service, name)
    join(cloud)
    with file_size_limit(service, largest(service) + 100_000):
        run = watch(service, start_sync(service, name).name)[-1]
        assert run.state == SyncRun.STATE_FAILED
        assert "disk" in run.error.message
        answer = evaluate(service, f"{name}/users/{NADIA}", ENGINEERING)
        assert answer.decision == access_service_pb2.DECISION_ALLOW
        assert answer.snapshot == before.snapshot
        assert len(list_users(service, name, page_size=500).users) == 40
    sync(service, name)
    assert len(list_users(service, name, page_size=500).users) == 500


def test_row_37_a_sync_whose_end_could_not_be_kept_does_not_keep_others_from_coming(
    cloud: Emulator, start: Callable[[dict[str, str]], Service]
) -> None:
    """The disk takes nothing while a run ends: once there is room it is kept as failed, and the schedule goes on."""
    service = start({**pointed_at(cloud), "ENTRAID_SYNC_INTERVAL": "2s"})
    name = connect(service, connect_request(cloud, "contoso")).name
    sync(service, name)
    cloud.latency = timedelta(seconds=1.5)
    run = start_sync(service, name).name
    with file_size_limit(service, 0):
        assert watch(service, run)[-1].state == SyncRun.STATE_FAILED
        cloud.latency = timedelta()
        answer = evaluate(service, f"{name}/users/{NADIA}", ENGINEERING)
        assert answer.decision == access_service_pb2.DECISION_ALLOW
    states = {}
    for _ in range(200):
        runs = service.call("SyncService/ListSyncRuns", {"parent": name}, ListSyncRunsResponse()).sync_runs
        states = {one.name: one.state for one in runs}
        if runs[0].name > run and runs[0].state == SyncRun.STATE_SUCCEEDED:
            break
        time.sleep(0.1)
    else:
        raise AssertionError(f"no sync came after the disk had room again: {states}")
    assert states[run] == SyncRun.STATE_FAILED


def test_row_37_a_disk_that_takes_nothing_is_told_and_decisions_go_on(
    cloud: Emulator, start: Callable[[dict[str, str]], Service]
) -> None:
    """What would have to be written is refused in plain words, though not even the log takes a line."""
    service = start(pointed_at(cloud))
    name = connect(service, connect_request(cloud, "contoso")).name
    before = sync(service, name)
    with file_size_limit(service, 0):
        refusal = service.refused("SyncService/Sync", {"connection": name})
        assert refusal.reason == "SERVICE_UNAVAILABLE"
        assert "disk" in refusal.status.message
        answer = evaluate(service, f"{name}/users/{NADIA}", ENGINEERING)
        assert answer.decision == access_service_pb2.DECISION_ALLOW
        assert answer.snapshot == before.snapshot
    sync(service, name)
