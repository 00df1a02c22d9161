"""A long time of calls, many of them broken off, and of syncs: what the workers take stays what it is.

Two minutes with the slow tests, `SOAK_MINUTES` otherwise (`make soak` takes 30).
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import grpc
import pytest

from e2e.harness import Service, connect, connect_request, serving
from entraid.v1 import access_service_pb2 as access
from entraid.v1 import directory_service_pb2 as directory
from entraid.v1 import sync_service_pb2 as sync
from entraid.v1.access_service_pb2_grpc import AccessServiceStub
from entraid.v1.directory_service_pb2_grpc import DirectoryServiceStub
from entraid.v1.sync_service_pb2_grpc import SyncServiceStub
from entraid_emulator import Emulator
from entraid_emulator.tenants.contoso_groups import contoso_id
from entraid_emulator.tenants.contoso_people import person_id
from workers.harness import question, worker_pids

MINUTES = float(os.environ.get("SOAK_MINUTES", "2"))
SAMPLE_SECONDS = 1.0
HANG_UP_SECONDS = 0.2
"""Between two calls that a caller breaks off. Of each stream that is broken off gRPC 1.85 itself keeps some 200 bytes,
in a server of a few lines too: without a pause nothing else would be measured.
"""
MIB = 1024 * 1024
ENGINEERING = contoso_id("g", 2)
MEMBER, COMER_AND_GOER = person_id(2), person_id(21)
CALL_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Usage:
    """What the workers took at a moment, all of them together; bytes."""

    memory: int
    descriptors: int
    threads: int
    log: int


class Callers:
    """Whoever calls, well-behaved or not; each method is one go of one kind of caller."""

    def __init__(self, target: str, connection: str) -> None:
        self._target = target
        self._connection = connection
        self._draw = random.Random(1)  # noqa: S311 - a load, no secret
        self.goes = 0
        self.wrong = 0

    async def ask(self, channel: grpc.aio.Channel) -> None:
        """Asks properly; somebody who stays a member is allowed whatever else goes on."""
        answer = await AccessServiceStub(channel).EvaluateAccess(self._question(MEMBER), timeout=CALL_SECONDS)
        self.wrong += answer.decision != access.DECISION_ALLOW

    async def think_better_of_it(self, channel: grpc.aio.Channel) -> None:
        """Asks, and hangs up a moment later."""
        call = AccessServiceStub(channel).EvaluateAccess(self._question(COMER_AND_GOER))
        await asyncio.sleep(self._draw.random() * 0.002)
        call.cancel()
        await call.code()
        await asyncio.sleep(HANG_UP_SECONDS)

    async def have_no_time(self, channel: grpc.aio.Channel) -> None:
        """Asks with a deadline that is over as soon as it is set."""
        await AccessServiceStub(channel).EvaluateAccess(
            self._question(COMER_AND_GOER), timeout=self._draw.random() * 0.003
        )

    async def break_off_a_stream(self, channel: grpc.aio.Channel) -> None:
        """Reads half of the answers that were asked for."""
        call = AccessServiceStub(channel).StreamEvaluateAccess()
        for number in range(20):
            request = access.StreamEvaluateAccessRequest(
                correlation_id=str(number), request=self._question(COMER_AND_GOER)
            )
            await call.write(request)
        for _ in range(10):
            await call.read()
        call.cancel()
        await asyncio.sleep(HANG_UP_SECONDS)

    async def ask_for_many(self, channel: grpc.aio.Channel) -> None:
        """A batch, every third of which is broken off."""
        call = AccessServiceStub(channel).BatchEvaluateAccess(
            access.BatchEvaluateAccessRequest(requests=[self._question(MEMBER)] * 100)
        )
        if self._draw.randrange(3):
            await call
        else:
            call.cancel()
            await asyncio.sleep(HANG_UP_SECONDS)

    async def turn_pages(self, channel: grpc.aio.Channel) -> None:
        """Two pages of the list."""
        stub = DirectoryServiceStub(channel)
        request = directory.ListUsersRequest(parent=self._connection, page_size=5, filter="account_enabled = true")
        page = await stub.ListUsers(request, timeout=CALL_SECONDS)
        request.page_token = page.next_page_token
        await stub.ListUsers(request, timeout=CALL_SECONDS)

    async def watch_for_a_moment(self, channel: grpc.aio.Channel) -> None:
        """Starts a sync, or finds the one under way, and goes before it ends."""
        stub = SyncServiceStub(channel)
        runs = await stub.ListSyncRuns(
            sync.ListSyncRunsRequest(parent=self._connection, page_size=1), timeout=CALL_SECONDS
        )
        call = stub.WatchSyncRun(sync.WatchSyncRunRequest(name=runs.sync_runs[0].name))
        await call.read()
        call.cancel()
        await asyncio.sleep(HANG_UP_SECONDS)

    async def come_anew(self, _: grpc.aio.Channel) -> None:
        """A connection for one call."""
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.insecure_channel(self._target, options=options) as channel:
            await self.ask(channel)

    async def go_on(self, go: Callable[[grpc.aio.Channel], Awaitable[None]]) -> None:
        """One kind of caller, on a connection of its own, until it is cancelled."""
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.insecure_channel(self._target, options=options) as channel:
            while True:
                try:
                    await go(channel)
                except grpc.aio.AioRpcError as error:
                    if error.code() not in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED):
                        raise
                self.goes += 1

    def kinds(self) -> Sequence[Callable[[grpc.aio.Channel], Awaitable[None]]]:
        """One caller of each kind."""
        return (
            self.ask,
            self.think_better_of_it,
            self.have_no_time,
            self.break_off_a_stream,
            self.ask_for_many,
            self.turn_pages,
            self.watch_for_a_moment,
            self.come_anew,
        )

    def _question(self, person: str) -> access.EvaluateAccessRequest:
        return question(f"{self._connection}/users/{person}", "Engineering")


@pytest.mark.slow
@pytest.mark.timeout(int(MINUTES * 60) + 120)
async def test_memory_descriptors_and_the_log_stay_flat(
    emulator: Emulator, environment: dict[str, str], tmp_path: Path
) -> None:
    """The last third of the time takes no more than the second one."""
    settings = {"ENTRAID_SYNC_INTERVAL": "1s", "ENTRAID_FULL_SYNC_INTERVAL": "20s", "ENTRAID_AUDIT_LOG": "audit.log"}
    with serving(tmp_path, {**environment, **settings}) as service:
        name = connect(service, connect_request(emulator, "contoso")).name
        async with grpc.aio.insecure_channel(service.target) as channel:
            run = await SyncServiceStub(channel).Sync(sync.SyncRequest(connection=name))
            watched = SyncServiceStub(channel).WatchSyncRun(sync.WatchSyncRunRequest(name=run.sync_run.name))
            assert [told.sync_run.state async for told in watched][-1] == sync.SyncRun.STATE_SUCCEEDED
        callers = Callers(service.target, name)
        tasks = [asyncio.create_task(callers.go_on(kind)) for kind in callers.kinds()]
        tasks.append(asyncio.create_task(_changes(emulator)))
        try:
            usages = [usage async for usage in _usages(service, tasks)]
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert [error for error in ended if not isinstance(error, asyncio.CancelledError)] == []
        _, before, after = (_typical(usages[len(usages) * third // 3 :][: len(usages) // 3]) for third in range(3))
        print(f"{callers.goes} goes; {before}; {after}")  # noqa: T201 - what a long run is looked at for
        assert callers.wrong == 0
        assert after.memory < before.memory * 1.02 + 4 * MIB
        assert after.descriptors < before.descriptors + 16
        assert after.threads < before.threads + 4
        assert after.log < before.log + 4 * MIB


async def _changes(emulator: Emulator) -> None:
    tenant = emulator.tenants[0].directory
    while True:
        tenant.add_member(ENGINEERING, COMER_AND_GOER)
        await asyncio.sleep(1.5)
        tenant.remove_member(ENGINEERING, COMER_AND_GOER)
        await asyncio.sleep(1.5)


async def _usages(service: Service, tasks: Sequence[asyncio.Task[None]]) -> AsyncIterator[Usage]:
    """Looks again and again, until the time is over or a caller has failed."""
    pids = worker_pids(service)
    for _ in range(int(MINUTES * 60 / SAMPLE_SECONDS)):
        if any(task.done() for task in tasks):
            return
        yield Usage(
            memory=sum(_resident(pid) for pid in pids),
            descriptors=sum(_count(f"/proc/{pid}/fd") for pid in pids),
            threads=sum(_count(f"/proc/{pid}/task") for pid in pids),
            log=sum(path.stat().st_size for path in service.folder.glob("*.db-wal")),
        )
        await asyncio.sleep(SAMPLE_SECONDS)


def _count(folder: str) -> int:
    return sum(1 for _ in Path(folder).iterdir())


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _typical(usages: Sequence[Usage]) -> Usage:
    return Usage(
        memory=int(median(usage.memory for usage in usages)),
        descriptors=int(median(usage.descriptors for usage in usages)),
        threads=int(median(usage.threads for usage in usages)),
        log=int(median(usage.log for usage in usages)),
    )
