"""`make bench-sync`: full sync, incremental sync, memory, the event loop; each as a ratio to something measured here.

Emulator, service and everything that it is held against are processes of their own. The order: a full sync into an
empty store, the same pages by the shortest loop that could be written, a second full sync while decisions are asked
for, a round of 1,000 changes, and the same at 3,000 users; last a part of the users by msgraph-sdk, and
by us.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from bench.sync_cloud import CloudFacts, emulated
from entraid.v1.sync_service_pb2 import SYNC_MODE_FULL, SYNC_MODE_INCREMENTAL, SyncRun
from entraid_client import ClientSecret, EntraidClient, Secret
from entraid_client.conditions import group
from entraid_client.syncs import FINAL_STATES

HERE = Path(__file__).resolve().parent
LONG = timedelta(hours=2)

T = TypeVar("T")


@dataclass(slots=True)
class Served:
    """A running service."""

    process: "subprocess.Popen[str]"
    address: str

    def ask(self) -> dict[str, float]:
        """How long its loop was held since it was last asked."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer: dict[str, float] = json.loads(self.process.stdout.readline())
        return answer

    def peak_mib(self) -> float:
        """The most memory that it ever had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(status.split("VmHWM:")[1].split()[0]) / 1024


@contextmanager
def served(folder: Path, cloud: CloudFacts) -> Iterator[Served]:
    """The service in a process of its own, with no schedule of its own."""
    environment = {
        **os.environ,
        **cloud.settings,
        "ENTRAID_GRPC_ADDRESS": "127.0.0.1:0",
        "ENTRAID_HTTP_ADDRESS": "127.0.0.1:0",
        "ENTRAID_DATABASE_URL": f"sqlite:///{folder / 'entraid.db'}",
        "ENTRAID_SYNC_INTERVAL": "0",
        "ENTRAID_FULL_SYNC_INTERVAL": "0",
    }
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "service.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "sync_service.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
            cwd=folder,
            text=True,
        )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        while first and not first.startswith('{"grpc"'):
            first = process.stdout.readline()
        yield Served(process, json.loads(first)["grpc"])
    finally:
        process.terminate()
        process.wait(20)


async def synced(client: EntraidClient, mode: int) -> SyncRun:
    """A run to its end, which has to be good."""
    run = await client.sync("bench", mode=SYNC_MODE_FULL if mode == SYNC_MODE_FULL else SYNC_MODE_INCREMENTAL)
    async for moved in client.watch_sync_run(run.name, deadline=LONG):
        run = moved
    assert run.state in FINAL_STATES
    if run.state != SyncRun.STATE_SUCCEEDED:
        raise RuntimeError(f"the run ended {SyncRun.State.Name(run.state)}: {run.error.message}")
    return run


def seconds(run: SyncRun) -> float:
    """How long a run took."""
    return (run.end_time.ToDatetime() - run.start_time.ToDatetime()).total_seconds()


async def asking(client: EntraidClient, names: list[str], condition_group: str, took: list[float]) -> None:
    """Asks for a decision every ten milliseconds."""
    condition = group(condition_group)
    while True:
        begun = time.perf_counter()
        await client.evaluate_access(random.choice(names), condition, connection="bench")  # noqa: S311 - no secret
        took.append(time.perf_counter() - begun)
        await asyncio.sleep(0.01)


async def change_thousand(client: EntraidClient, cloud: CloudFacts, turn: int) -> None:
    """A thousand changes: attributes, members who leave, members who come."""
    users = [user.name.rpartition("/")[2] async for user in _first(client.list_users("bench"), 500)]
    groups = [group.name.rpartition("/")[2] async for group in _first(client.list_groups("bench"), 250)]
    async with cloud.session() as session:
        for number, user in enumerate(users):
            await cloud.change(session, "set-attribute", user, "department", f"Moved {turn} {number}")
        for number in range(500):
            change = "add-member" if number % 2 else "remove-member"
            user, into = users[(number // 2) % len(users)], groups[number % len(groups)]
            if change == "remove-member":
                await cloud.change(session, "add-member", into, user)
            await cloud.change(session, change, into, user)


async def _first(rows: AsyncIterator[T], most: int) -> AsyncIterator[T]:
    count = 0
    async for row in rows:
        yield row
        count += 1
        if count >= most:
            return


def others(which: str, cloud: CloudFacts, *more: str) -> dict[str, float]:
    """Runs something to be held against."""
    line = [sys.executable, "-m", "bench.sync_others", which, str(cloud.folder / "ready.json"), *more]
    answer: dict[str, float] = json.loads(
        subprocess.run(line, check=True, capture_output=True, text=True, cwd=HERE.parent).stdout
    )
    return answer


async def connect(client: EntraidClient, cloud: CloudFacts) -> None:
    """Connects the tenant."""
    app = ClientSecret(cloud["client_id"], Secret(cloud["client_secret"]))
    await client.connect(app, tenant=cloud["tenant_id"], connection_id="bench")


async def measure_full(folder: Path, *, users: int, groups: int) -> dict[str, object]:
    """Everything at one size."""
    figures: dict[str, object] = {"users": users, "groups": groups}
    with emulated(folder / "cloud", users=users, groups=groups) as cloud, served(folder / "service", cloud) as service:
        async with EntraidClient(service.address, deadline=LONG) as client:
            await connect(client, cloud)
            service.ask()
            run = await synced(client, SYNC_MODE_FULL)
            figures["memberships"] = run.changes.memberships_added
            figures["full_seconds"] = seconds(run)
            figures["full_loop"] = service.ask()
            figures["bare"] = await asyncio.to_thread(others, "bare", cloud)
            names = [user.user_principal_name async for user in _first(client.list_users("bench"), 500)]
            one = await anext(g.display_name async for g in client.list_groups("bench"))
            service.ask()
            took: list[float] = []
            asker = asyncio.create_task(asking(client, names, one, took))
            again = await synced(client, SYNC_MODE_FULL)
            asker.cancel()
            figures["second_full_seconds"] = seconds(again)
            figures["second_full_loop"] = service.ask()
            figures["decisions_meanwhile"] = {
                "count": len(took),
                "median_ms": statistics.median(took) * 1000,
                "p99_ms": sorted(took)[int(len(took) * 0.99)] * 1000,
                "max_ms": max(took) * 1000,
            }
            figures["delta_seconds"] = await measure_delta(client, cloud)
            figures["delta_loop"] = service.ask()
            figures["peak_mib"] = service.peak_mib()
    return figures


async def measure_delta(client: EntraidClient, cloud: CloudFacts) -> list[float]:
    """Three rounds of a thousand changes; an empty one first, so that nothing else is left to tell."""
    await synced(client, SYNC_MODE_INCREMENTAL)
    took: list[float] = []
    for turn in range(3):
        await change_thousand(client, cloud, turn)
        run = await synced(client, SYNC_MODE_INCREMENTAL)
        assert run.mode == SYNC_MODE_INCREMENTAL, "the round became a full read"
        took.append(seconds(run))
    return took


async def measure_small(folder: Path, *, users: int, groups: int) -> list[float]:
    """The incremental sync of a small tenant."""
    with emulated(folder / "cloud", users=users, groups=groups) as cloud, served(folder / "service", cloud) as service:
        async with EntraidClient(service.address, deadline=LONG) as client:
            await connect(client, cloud)
            await synced(client, SYNC_MODE_FULL)
            return await measure_delta(client, cloud)


async def measure_sdk(folder: Path, *, users: int, part: int) -> dict[str, float]:
    """Users per second of a tenant without groups, by us and by msgraph-sdk."""
    with emulated(folder / "cloud", users=users, groups=0) as cloud, served(folder / "service", cloud) as service:
        async with EntraidClient(service.address, deadline=LONG) as client:
            await connect(client, cloud)
            run = await synced(client, SYNC_MODE_FULL)
            theirs = await asyncio.to_thread(others, "sdk", cloud, str(part))
    return {"ours_per_second": users / seconds(run), "sdk_per_second": theirs["users"] / theirs["seconds"]}


def judged(large: dict[str, object], small: list[float], sdk: dict[str, float]) -> list[tuple[str, float, str, bool]]:
    """The figures that have a limit: what, how much, the limit, whether it is kept."""
    bare = large["bare"]
    deltas = large["delta_seconds"]
    loop = large["second_full_loop"]
    assert isinstance(bare, dict)
    assert isinstance(deltas, list)
    assert isinstance(loop, dict)
    full, peak = float(str(large["full_seconds"])), float(str(large["peak_mib"]))
    ratio, growth = bare["seconds"] / full, statistics.median(deltas) / statistics.median(small)
    faster = sdk["ours_per_second"] / sdk["sdk_per_second"]
    return [
        ("full sync / bare loop (speed)", ratio, ">= 0.5", ratio >= 0.5),
        ("users read / msgraph-sdk (speed)", faster, ">= 50", faster >= 50),
        ("1,000 changes, large / small (time)", growth, "<= 2", growth <= 2),
        ("peak memory, MiB", peak, "<= 512", peak <= 512),
        ("event loop held, ms", loop["late_ms"], "<= 50", loop["late_ms"] <= 50),
    ]


async def main() -> None:
    """Measures, prints a table and the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=30_000)
    parser.add_argument("--groups", type=int, default=5_000)
    parser.add_argument("--sdk-users", type=int, default=400, help="users that msgraph-sdk reads")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-sync-") as name:
        folder = Path(name)
        large = await measure_full(folder / "large", users=chosen.users, groups=chosen.groups)
        small = await measure_small(folder / "small", users=3_000, groups=500)
        sdk = await measure_sdk(folder / "sdk", users=min(chosen.users, 50_000), part=chosen.sdk_users)
    rows = judged(large, small, sdk)
    for what, figure, limit, is_kept in rows:
        print(f"{what:<40} {figure:>10.2f}   {limit:<8} {'kept' if is_kept else 'MISSED'}")  # noqa: T201 - the result
    document = {"large": large, "small_delta_seconds": small, "sdk": sdk, "ratios": {row[0]: row[1] for row in rows}}
    text = json.dumps(document, indent=2)
    print(text)  # noqa: T201 - the result
    if chosen.json:
        chosen.json.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
