"""Row 36: kill -9 at random points of full and incremental syncs leaves what was served before, or what is so now.

`CRASH_KILLS` says how often; `make crash` kills 200 times. Migrations are killed in `tests/store/test_migrations.py`.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from entraid_emulator import Emulator, in_background
from entraid_service.model.syncrun import RunState, SyncMode
from sync.lab import Copy, service_side, true_copy
from sync.scripts import play
from sync.test_random_changes import open_contoso

KILLS = int(os.environ.get("CRASH_KILLS", "12"))

SYNCS = """
import asyncio, os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from entraid_emulator import Emulator, contoso
from entraid_service.model.syncrun import SyncMode
from sync.lab import service_side

async def sync_once(mode):
    folder, port = Path(sys.argv[2]), int(sys.argv[3])
    # Never started: it only says where the one of the test is.
    async with service_side(Emulator([contoso()], port=port, ca_file=folder / "ca.pem"), folder) as lab:
        run = await lab.runner.start(lab.connection.id, mode=mode)
        print("begun", os.getpid(), flush=True)
        async for _ in lab.runner.watch(lab.connection.id, run.id):
            pass
        await asyncio.sleep(60)

# A process that has read all its code already and divides for every sync: each then begins at once.
for line in sys.stdin:
    child = os.fork()
    if not child:
        asyncio.run(sync_once(SyncMode[line.strip()]))
        os._exit(1)
    print("died", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Syncer:
    """Runs syncs in processes that are killed."""

    def __init__(self, folder: Path, cloud: Emulator) -> None:
        port = str(urlsplit(cloud.url).port)
        line = [sys.executable, "-c", SYNCS, str(Path(__file__).parents[1]), str(folder), port]
        self._parent = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def sync_and_kill(self, mode: SyncMode, *, seconds: float) -> None:
        """Begins a sync and kills it so many seconds later."""
        assert self._parent.stdin is not None
        print(mode.name, file=self._parent.stdin, flush=True)
        process = int(self._told("begun"))
        time.sleep(seconds)
        os.kill(process, signal.SIGKILL)
        assert int(self._told("died")) == -signal.SIGKILL

    def _told(self, what: str) -> str:
        assert self._parent.stdout is not None
        for line in self._parent.stdout:
            if line.startswith(what):
                return line.split()[1]
        raise AssertionError("the process that makes syncs ended")

    def close(self) -> None:
        """Ends it."""
        self._parent.communicate(timeout=10)


@pytest.mark.timeout(3600)
async def test_row_36_a_sync_killed_at_any_point_leaves_old_or_new(tmp_path: Path) -> None:
    """Wholly one or the other; the run is told as failed, and the next one is right."""
    chance = random.Random(2511)  # noqa: S311 - moments, not secrets
    interrupted = 0
    with (
        in_background(Emulator([open_contoso()], ca_file=tmp_path / "ca.pem")) as cloud,
        closing(Syncer(tmp_path, cloud)) as syncer,
    ):
        async with service_side(cloud, tmp_path) as lab:
            begun = time.monotonic()
            await lab.sync()
            longest = (time.monotonic() - begun) * 2
            before = await lab.served()
        for kill in range(KILLS):
            script = play(cloud.tenants[0].directory, kill)
            mode = SyncMode.FULL if kill % 2 else SyncMode.INCREMENTAL
            seconds = 0.0 if kill < 2 else chance.uniform(0, longest)
            await asyncio.to_thread(syncer.sync_and_kill, mode, seconds=seconds)
            before, was_interrupted = await _check(tmp_path, cloud, before, f"kill {kill} {mode.name} {script}")
            interrupted += was_interrupted
    assert interrupted, "no kill came before the end of a run, so nothing was tried"


async def _check(folder: Path, cloud: Emulator, before: Copy, what: str) -> tuple[Copy, bool]:
    true = true_copy(cloud.tenants[0].directory.truth())
    async with service_side(cloud, folder) as lab:
        found = await lab.served()
        assert found in (before, true), f"{what}\n{found.difference(before)}\n--\n{found.difference(true)}"
        (newest,) = await lab.store.runs.page(lab.connection.id, after=None, limit=1)
        assert newest.state in {RunState.FAILED, RunState.SUCCEEDED}, what
        assert newest.state is RunState.FAILED or found == true, what
        run = await lab.sync()
        assert run.state is RunState.SUCCEEDED, what
        after = await lab.served()
        assert after == true, f"{what}\n{after.difference(true)}"
        return after, newest.state is RunState.FAILED
