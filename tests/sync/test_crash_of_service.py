"""Row 36 for the process that operators run: `entraid serve` is killed -9 while it syncs in either way, or migrates.

`CRASH_KILLS` says how often in all; `make crash` kills 200 times. Kills of a sync alone and of the store's own steps,
which come far denser, are in `test_crash` and `tests/store/test_crash.py`.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from e2e.harness import (
    Service,
    clean_environment,
    connect,
    connect_request,
    list_users,
    pointed_at,
    serving,
    sync,
)
from entraid.v1.connection_service_pb2 import ListConnectionsResponse
from entraid.v1.sync_service_pb2 import ListSyncRunsResponse, SyncResponse, SyncRun
from entraid_emulator import Emulator, in_background
from entraid_service.model.ids import ConnectionId
from entraid_service.store import SqliteStore, current_version
from store.test_crash import MIGRATIONS, check_sound, make_first_version
from sync.lab import Copy, served, true_copy
from sync.scripts import play
from sync.test_random_changes import open_contoso

KILLS = int(os.environ.get("CRASH_KILLS", "6"))
LAB = ConnectionId("lab")
QUIET = {"ENTRAID_SYNC_INTERVAL": "0", "ENTRAID_FULL_SYNC_INTERVAL": "0"}
"""No syncs but those that the test asks for."""

SLOW = timedelta(milliseconds=40)
"""What each request to Graph takes, so that there is something to interrupt."""
_OPENED_SECONDS = 50.0


@pytest.mark.timeout(3600)
async def test_row_36_a_service_killed_in_any_sync_leaves_old_or_new(tmp_path: Path) -> None:
    """What is served is wholly one or the other, the run is told as failed or done, and the next sync is right."""
    chance = random.Random(36)  # noqa: S311 - moments, not secrets
    with in_background(Emulator([open_contoso()], ca_file=tmp_path / "ca.pem")) as cloud:
        environment = {**pointed_at(cloud), **QUIET}
        with serving(tmp_path, environment) as service:
            name = connect(service, connect_request(cloud, LAB)).name
            cloud.latency = SLOW
            run = sync(service, name)
            longest = (run.end_time.ToDatetime() - run.start_time.ToDatetime()).total_seconds() * 1.2
        interrupted = 0
        for kill in range(KILLS * 2 // 3):
            mode = "SYNC_MODE_FULL" if kill % 2 else "SYNC_MODE_INCREMENTAL"
            with serving(tmp_path, environment) as service:
                before = await copied(tmp_path)
                script = play(cloud.tenants[0].directory, kill + 50_000)
                service.call("SyncService/Sync", {"connection": name, "mode": mode}, SyncResponse())
                await asyncio.sleep(chance.uniform(0, longest) if kill else 0)
                service.kill()
            what = f"kill {kill} {mode} {script}"
            true = true_copy(cloud.tenants[0].directory.truth())
            check_sound(tmp_path / "entraid.db")
            found = await copied(tmp_path)
            assert found in (before, true), f"{what}\n{found.difference(before)}\n--\n{found.difference(true)}"
            with serving(tmp_path, environment) as service:
                interrupted += check_told(service, name, is_new=found == true, what=what)
                sync(service, name)
            after = await copied(tmp_path)
            assert after == true, f"{what}\n{after.difference(true)}"
    assert interrupted, "no kill came before the end of a run, so nothing was tried"


def check_told(service: Service, connection: str, *, is_new: bool, what: str) -> bool:
    """Whether the newest run was interrupted; then it has to say so, and to have changed nothing."""
    runs = service.call("SyncService/ListSyncRuns", {"parent": connection}, ListSyncRunsResponse()).sync_runs
    assert runs[0].state in {SyncRun.STATE_FAILED, SyncRun.STATE_SUCCEEDED}, what
    if runs[0].state == SyncRun.STATE_SUCCEEDED:
        assert is_new, what
        return False
    assert "sync again" in runs[0].error.message
    return True


async def copied(folder: Path) -> Copy:
    """What is served from a folder."""
    async with SqliteStore.open(folder / "entraid.db") as store:
        return await served(store, LAB)


@pytest.mark.timeout(3600)
def test_row_36_a_service_killed_while_it_migrates_leaves_old_or_new(tmp_path: Path) -> None:
    """A start over a store of the first release: the schema is of one version, and the next start serves all of it."""
    chance = random.Random(63)  # noqa: S311 - moments, not secrets
    path, newest = tmp_path / "entraid.db", len(list(MIGRATIONS.glob("*.sql")))
    seen = set()
    for _ in range(max(KILLS // 3, 3)):
        make_first_version(path)
        start_and_kill(tmp_path, seconds=chance.uniform(0, 0.03))
        seen.add(current_version(path))
        check_sound(path)
        with serving(tmp_path, QUIET) as service:
            assert current_version(path) == newest
            (known,) = service.call("ConnectionService/ListConnections", {}, ListConnectionsResponse()).connections
            assert known.snapshot.token
            assert len(list_users(service, known.name).users) == 2
    assert seen <= set(range(1, newest + 1))


def start_and_kill(folder: Path, *, seconds: float) -> None:
    """Starts the service and kills it so many seconds after it opened the database, which is when it migrates."""
    line = [sys.executable, "-m", "entraid_service", "serve"]
    line += ["--grpc-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0"]
    environment = {**clean_environment(), **QUIET}
    with (folder / "service.log").open("ab") as log:
        process = subprocess.Popen(line, stdout=log, stderr=log, cwd=folder, env=environment)
    try:
        await_opened(process, folder)
        time.sleep(seconds)
    finally:
        process.kill()
        ended = process.wait()
    assert ended == -signal.SIGKILL


def await_opened(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Returns as soon as the service has opened its database."""
    deadline = time.monotonic() + _OPENED_SECONDS
    while not (folder / "entraid.db-wal").exists():
        assert process.poll() is None, (folder / "service.log").read_text(encoding="utf-8")
        assert time.monotonic() < deadline, "the service never opened its database"
        time.sleep(0.0005)
