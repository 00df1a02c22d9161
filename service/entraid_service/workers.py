"""Several processes on one gRPC port: `entraid serve --workers N`.

1. The parent takes both ports, makes the key file and brings the schema up to date, and spawns the workers.
2. Each worker is the service (`app`) at its `Place`; the kernel spreads connections over them (SO_REUSEPORT). Worker 0
   also has the schedule and the HTTP port.
3. Once all of them take calls the parent says so to each; from then on the service is ready.
4. A worker that dies is started anew, each time a little later if it dies at once; the others go on.
5. At the end all are asked to stop; who does not in time is killed. Workers that lose their parent stop by themselves.

Workers share the database and nothing else: a commit of one is seen by the others when they look. The parent gathers
what they count (`gathering`).
"""

import asyncio
import multiprocessing
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection as Pipe
from multiprocessing.context import SpawnProcess
from typing import Final

import structlog

from entraid_service import app
from entraid_service.config import Settings
from entraid_service.errors import StoreUnavailable
from entraid_service.gathering import Gathering
from entraid_service.observe.logs import set_up_logs
from entraid_service.parts import encryption_keys
from entraid_service.rpc.listener import reserved
from entraid_service.store.migrate import migrate
from entraid_service.web.listener import listening_socket
from entraid_service.worker import FAILED, SERVING, Order, work

_log = structlog.get_logger(__name__)

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 8.0
"""Above the grace of a worker's calls, below the ten seconds after which a container is killed."""
_FIRST_WAIT_SECONDS: Final = 0.1
_LONGEST_WAIT_SECONDS: Final = 10.0
_LONG_LIFE_SECONDS: Final = 30.0
"""A worker that lived so long did not die of what it found at its start."""


@asynccontextmanager
async def supervised(settings: Settings) -> AsyncIterator[app.Endpoints]:
    """The service in `settings.workers` processes, until the block ends.

    Raises:
        EntraidError: The store cannot be used, or a worker cannot start.
        KeyUnusable: The encryption key cannot be used.
        OSError: An address cannot be taken.
    """
    set_up_logs(log_format=settings.log_format, level=settings.log_level)
    with (
        reserved(settings.grpc_address) as grpc_address,
        listening_socket(settings.http_address) as http,
    ):
        encryption_keys(settings)
        await migrate(settings.database_path())
        settings = replace(settings, grpc_address=grpc_address)
        async with asyncio.TaskGroup() as tasks:
            gathering = Gathering(tasks.create_task)
            team = [_Post(settings, number, http=http, gathering=gathering) for number in range(settings.workers)]
            try:
                keepers = [tasks.create_task(post.keep()) for post in team]
                await _all_serving(team)
                http_address = f"{settings.http_address.rpartition(':')[0]}:{http.getsockname()[1]}"
                _log.info("all_serving", workers=len(team), grpc=grpc_address, http=http_address)
                yield app.Endpoints(grpc_address, http_address)
            finally:
                for keeper in keepers:
                    keeper.cancel()
                are_stopped = await asyncio.gather(*(post.stop() for post in team))
        if not all(are_stopped):
            raise SystemExit(1)  # the log tells which one was killed, and calls may have been cut off


async def _all_serving(team: list["_Post"]) -> None:
    """Returns once every worker takes calls, and tells them so.

    Raises:
        StoreUnavailable: One of them cannot start.
    """
    try:
        async with asyncio.timeout(_START_SECONDS):
            await asyncio.gather(*(post.began() for post in team))
    except TimeoutError as error:
        raise StoreUnavailable(f"not all workers took calls within {_START_SECONDS:g} s: see the log") from error
    for post in team:
        post.tell_all_serving()


@dataclass(slots=True)
class _Worker:
    """A process, as its parent sees it."""

    process: SpawnProcess
    pipe: Pipe
    started: float = field(default_factory=time.monotonic)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class _Post:
    """One worker's place, and the process that stands there now."""

    def __init__(self, settings: Settings, number: int, *, http: socket.socket, gathering: Gathering) -> None:
        self._settings = settings
        self._number = number
        self._http = http
        self._gathering = gathering
        gathering.members[number] = self._send
        self._worker: _Worker | None = None
        self._first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._are_all_serving = False

    async def began(self) -> None:
        """Returns once the worker takes calls.

        Raises:
            StoreUnavailable: It cannot start.
        """
        await self._first

    async def keep(self) -> None:
        """Has a process stand here until it is cancelled."""
        wait = _FIRST_WAIT_SECONDS
        while True:
            worker = self._worker = self._spawn()
            await worker.ended.wait()
            code = worker.process.exitcode
            if not self._first.done():
                self._first.set_exception(StoreUnavailable(f"a worker ended with exit code {code}: see its log"))
            if not self._are_all_serving:
                return
            lived = time.monotonic() - worker.started
            wait = _FIRST_WAIT_SECONDS if lived > _LONG_LIFE_SECONDS else min(2 * wait, _LONGEST_WAIT_SECONDS)
            _log.error("worker_died", worker=self._number, exit_code=code, restart_after=wait)
            await asyncio.sleep(wait)

    def tell_all_serving(self) -> None:
        """Lets the worker be ready, and those that come after it."""
        self._are_all_serving = True
        if self._worker is not None:
            with suppress(OSError):  # it has just died, and who follows is told from the start
                self._worker.pipe.send_bytes(SERVING)

    def _send(self, message: bytes) -> None:
        if self._worker is None or self._worker.ended.is_set():
            raise BrokenPipeError(f"worker {self._number} is not there")
        self._worker.pipe.send_bytes(message)

    async def stop(self) -> bool:
        """Asks the worker to stop and waits; kills it if it takes too long. Tells whether it stopped by itself."""
        self._first.cancel()
        worker = self._worker
        if worker is None or worker.ended.is_set():
            return True
        worker.process.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await worker.ended.wait()
        except TimeoutError:
            _log.error("worker_killed", worker=self._number, reason="it did not stop in time")
            worker.process.kill()
            await worker.ended.wait()
            return False
        return True

    def _spawn(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        order = Order(
            settings=self._settings,
            number=self._number,
            http=self._http if self._number == 0 else None,
            http_port=self._http.getsockname()[1],
            are_all_serving=self._are_all_serving,
        )
        process = context.Process(target=work, args=(order, theirs), name=f"entraid-worker-{self._number}")
        process.start()
        theirs.close()  # or its end would not be seen when the worker is gone
        worker = _Worker(process, ours)
        loop = asyncio.get_running_loop()
        loop.add_reader(process.sentinel, self._note_end, worker)
        loop.add_reader(ours.fileno(), self._hear, worker)
        return worker

    def _hear(self, worker: _Worker) -> None:
        try:
            said = worker.pipe.recv_bytes()
        except (EOFError, OSError):
            asyncio.get_running_loop().remove_reader(worker.pipe.fileno())
            return
        if self._gathering.hear(self._number, said) or self._first.done():
            return
        if said == SERVING:
            self._first.set_result(None)
        else:
            self._first.set_exception(StoreUnavailable(said.removeprefix(FAILED).decode()))

    def _note_end(self, worker: _Worker) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(worker.process.sentinel)
        if not self._first.done() and worker.pipe.poll():
            self._hear(worker)  # its last words: the two came at once
        loop.remove_reader(worker.pipe.fileno())
        worker.process.join()
        worker.pipe.close()
        worker.ended.set()
