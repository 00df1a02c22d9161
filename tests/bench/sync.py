"""`make bench-sync`: full sync, incremental sync, memory, the event loop; each as a ratio to something measured here.

Emulator, service and everything that it is held against are processes of their own. The order: a full sync into an
empty store, the same pages by the shortest loop that could be written, a second full sync while decisions are asked
for; rounds of 1,000 changes, in turns there and in a small tenant; last users alone, by us and a part of them by
msgraph-sdk. The table goes to `docs/benchmarks.md` with `--write`.
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
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from bench import page
from bench.page import Figure, at_least, at_most
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


async def synced(client: EntraidClient, mode: int) -> tuple[SyncRun, float]:
    """A run to its end, which has to be good, and the seconds from the call until decisions are made from it."""
    begun = time.perf_counter()
    run = await client.sync("bench", mode=SYNC_MODE_FULL if mode == SYNC_MODE_FULL else SYNC_MODE_INCREMENTAL)
    async for moved in client.watch_sync_run(run.name, deadline=LONG):
        run = moved
    assert run.state in FINAL_STATES
    if run.state != SyncRun.STATE_SUCCEEDED:
        raise RuntimeError(f"the run ended {SyncRun.State.Name(run.state)}: {run.error.message}")
    return run, time.perf_counter() - begun


async def asking(client: EntraidClient, names: list[str], condition_group: str, took: list[float]) -> None:
    """Asks for a decision every ten milliseconds."""
    condition = group(condition_group)
    while True:
        begun = time.perf_counter()
        await client.evaluate_access(random.choice(names), condition, connection="bench")  # noqa: S311 - no secret
        took.append(time.perf_counter() - begun)
        await asyncio.sleep(0.01)


@dataclass(frozen=True, slots=True)
class Bench:
    """A tenant, the service that syncs it, and a client of that."""

    cloud: CloudFacts
    service: Served
    client: EntraidClient

    async def change_thousand(self, turn: int) -> None:
        """A thousand changes: attributes, members who leave, members who come."""
        users = [user.name.rpartition("/")[2] async for user in _first(self.client.list_users("bench"), 500)]
        groups = [group.name.rpartition("/")[2] async for group in _first(self.client.list_groups("bench"), 250)]
        async with self.cloud.session() as session:
            for number, user in enumerate(users):
                await self.cloud.change(session, "set-attribute", user, "department", f"Moved {turn} {number}")
            for number in range(500):
                change = "add-member" if number % 2 else "remove-member"
                user, into = users[(number // 2) % len(users)], groups[number % len(groups)]
                if change == "remove-member":
                    await self.cloud.change(session, "add-member", into, user)
                await self.cloud.change(session, change, into, user)

    async def delta_seconds(self, turn: int) -> float:
        """How long a round of a thousand changes takes, from the call until decisions are made from it."""
        await self.change_thousand(turn)
        run, took = await synced(self.client, SYNC_MODE_INCREMENTAL)
        assert run.mode == SYNC_MODE_INCREMENTAL, "the round became a full read"
        return took

    async def decide(self) -> None:
        """Has the snapshot loaded: from then on each sync ends when decisions are made from what it read."""
        user = await anext(user.user_principal_name async for user in self.client.list_users("bench"))
        await self.client.evaluate_access(user, group("nothing of the kind"), connection="bench")


@asynccontextmanager
async def bench(folder: Path, *, users: int, groups: int) -> AsyncIterator[Bench]:
    """A connected tenant of that size, not synced yet."""
    with emulated(folder / "cloud", users=users, groups=groups) as cloud, served(folder / "service", cloud) as service:
        async with EntraidClient(service.address, deadline=LONG) as client:
            app = ClientSecret(cloud["client_id"], Secret(cloud["client_secret"]))
            await client.connect(app, tenant=cloud["tenant_id"], connection_id="bench")
            yield Bench(cloud, service, client)


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


async def measure_full(one: Bench) -> dict[str, object]:
    """Two full syncs, the second while decisions are asked for; between them the bare loop over the same pages."""
    one.service.ask()
    run, took_full = await synced(one.client, SYNC_MODE_FULL)
    figures: dict[str, object] = {"memberships": run.changes.memberships_added, "full_seconds": took_full}
    figures["full_loop"] = one.service.ask()
    figures["bare"] = await asyncio.to_thread(others, "bare", one.cloud)
    names = [user.user_principal_name async for user in _first(one.client.list_users("bench"), 500)]
    into = await anext(g.display_name async for g in one.client.list_groups("bench"))
    await one.decide()
    one.service.ask()
    took: list[float] = []
    asker = asyncio.create_task(asking(one.client, names, into, took))
    _, figures["second_full_seconds"] = await synced(one.client, SYNC_MODE_FULL)
    asker.cancel()
    figures["second_full_loop"] = one.service.ask()
    figures["decisions_meanwhile"] = {
        "count": len(took),
        "median_ms": statistics.median(took) * 1000,
        "p99_ms": sorted(took)[int(len(took) * 0.99)] * 1000,
        "max_ms": max(took) * 1000,
    }
    return figures


async def measure_rounds(large: Bench, small: Bench, *, rounds: int) -> dict[str, list[float]]:
    """Rounds of a thousand changes in both, in turns, so that a busy moment of the machine meets both.

    The first of each is not counted: it is a full sync's first one, and tells more than the changes.
    """
    took: dict[str, list[float]] = {"large": [], "small": []}
    for one in (large, small):
        await one.decide()
        await synced(one.client, SYNC_MODE_INCREMENTAL)
        await one.delta_seconds(0)
    for turn in range(1, rounds + 1):
        took["large"].append(await large.delta_seconds(turn))
        took["small"].append(await small.delta_seconds(turn))
    return took


async def measure_sdk(folder: Path, *, users: int, part: int) -> dict[str, float]:
    """Users per second of a tenant without groups, by us and by msgraph-sdk."""
    async with bench(folder, users=users, groups=0) as one:
        _, ours = await synced(one.client, SYNC_MODE_FULL)
        theirs = await asyncio.to_thread(others, "sdk", one.cloud, str(part))
    return {"ours_per_second": users / ours, "sdk_per_second": theirs["users"] / theirs["seconds"]}


async def measure(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Everything that the table is made of."""
    figures: dict[str, Any] = {"users": chosen.users, "groups": chosen.groups}
    async with bench(folder / "large", users=chosen.users, groups=chosen.groups) as large:
        figures |= await measure_full(large)
        async with bench(folder / "small", users=3_000, groups=500) as small:
            await synced(small.client, SYNC_MODE_FULL)
            large.service.ask()
            figures["rounds"] = await measure_rounds(large, small, rounds=chosen.rounds)
        figures["rounds_loop"] = large.service.ask()
        figures["peak_mib"] = large.service.peak_mib()
    figures["sdk"] = await measure_sdk(folder / "sdk", users=min(chosen.users, 50_000), part=chosen.sdk_users)
    return figures


def judged(found: dict[str, Any]) -> list[Figure]:
    """The lines of the table."""
    meanwhile, loop, sdk = found["decisions_meanwhile"], found["second_full_loop"], found["sdk"]
    large, small = (statistics.median(found["rounds"][size]) for size in ("large", "small"))
    held = max(loop["held_ms"], found["rounds_loop"]["held_ms"])
    return [
        Figure("full sync into an empty store", found["full_seconds"], "s"),
        Figure("the shortest loop of aiohttp, orjson and sqlite3 over the same pages", found["bare"]["seconds"], "s"),
        at_least("full sync against that loop, speed", found["bare"]["seconds"] / found["full_seconds"], 0.5),
        at_least("users read, against msgraph-sdk's paging, speed", sdk["ours_per_second"] / sdk["sdk_per_second"], 50),
        Figure("a round of 1,000 changes", large, "s"),
        at_most("the same against a tenant of 3,000 users, time", large / small, 2),
        at_most("peak memory of the service", found["peak_mib"], 512, unit="MiB"),
        at_most("longest time that the event loop was held, by the service", held, 50, unit="ms"),
        Figure("longest time that it was late, other processes included", loop["late_ms"], "ms"),
        Figure("decisions during a full sync", meanwhile["count"], ""),
        Figure("their median, through gRPC", meanwhile["median_ms"], "ms"),
        Figure("their 99th percentile", meanwhile["p99_ms"], "ms"),
    ]


async def main() -> None:
    """Measures, prints the table and the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=30_000)
    parser.add_argument("--groups", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=9, help="rounds of 1,000 changes in each tenant")
    parser.add_argument("--sdk-users", type=int, default=400, help="users that msgraph-sdk reads")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--write", action="store_true", help="write the table to docs/benchmarks.md")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-sync-") as name:
        figures = await measure(chosen, Path(name))
    text, lines = json.dumps(figures, indent=2), page.table(judged(figures))
    print(text, lines, sep="\n")  # noqa: T201 - the result
    if chosen.json:
        chosen.json.write_text(text, encoding="utf-8")
    if chosen.write:
        size = f"{chosen.users:,} users, {chosen.groups:,} groups, {figures['memberships']:,} memberships"
        page.write("sync", f"{page.machine()}\n\n{size}:\n\n{lines}")


if __name__ == "__main__":
    asyncio.run(main())
