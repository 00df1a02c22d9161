"""A service of several workers, called over several connections, since the kernel spreads connections and not calls."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import grpc

from e2e.harness import Service
from entraid.v1 import access_service_pb2 as access
from entraid.v1 import snapshot_pb2, sync_service_pb2

WORKERS = 2
LINES = 12
"""Connections: that all of them end at one of two workers happens once in 2,000 times."""
CALL_SECONDS = 20.0


class Line:
    """One connection, with the calls that the tests make; the generated stubs are typed for asyncio only."""

    def __init__(self, target: str) -> None:
        # Without a pool of its own each channel would share the one connection.
        self._channel = grpc.insecure_channel(target, [("grpc.use_local_subchannel_pool", 1)])
        self.evaluate = self._channel.unary_unary(
            "/entraid.v1.AccessService/EvaluateAccess",
            request_serializer=access.EvaluateAccessRequest.SerializeToString,
            response_deserializer=access.EvaluateAccessResponse.FromString,
        )
        self._sync = self._channel.unary_unary(
            "/entraid.v1.SyncService/Sync",
            request_serializer=sync_service_pb2.SyncRequest.SerializeToString,
            response_deserializer=sync_service_pb2.SyncResponse.FromString,
        )
        self._cancel = self._channel.unary_unary(
            "/entraid.v1.SyncService/CancelSyncRun",
            request_serializer=sync_service_pb2.CancelSyncRunRequest.SerializeToString,
            response_deserializer=sync_service_pb2.CancelSyncRunResponse.FromString,
        )
        self._watch = self._channel.unary_stream(
            "/entraid.v1.SyncService/WatchSyncRun",
            request_serializer=sync_service_pb2.WatchSyncRunRequest.SerializeToString,
            response_deserializer=sync_service_pb2.WatchSyncRunResponse.FromString,
        )

    def start_sync(
        self, connection: str, *, mode: sync_service_pb2.SyncMode.ValueType = sync_service_pb2.SYNC_MODE_UNSPECIFIED
    ) -> str:
        """Starts a run and returns its name."""
        request = sync_service_pb2.SyncRequest(connection=connection, mode=mode)
        return self._sync(request, timeout=CALL_SECONDS).sync_run.name

    def watch(self, run: str) -> sync_service_pb2.SyncRun:
        """Follows a run to its end."""
        request = sync_service_pb2.WatchSyncRunRequest(name=run)
        return list(self._watch(request, timeout=CALL_SECONDS))[-1].sync_run

    def cancel(self, run: str) -> None:
        """Asks a run to stop."""
        self._cancel(sync_service_pb2.CancelSyncRunRequest(name=run), timeout=CALL_SECONDS)

    def sync(self, connection: str) -> str:
        """Syncs to the end and returns the token of what is served then."""
        run = self.watch(self.start_sync(connection))
        assert run.state == sync_service_pb2.SyncRun.STATE_SUCCEEDED, run.error.message
        return run.snapshot.token

    def allows(self, request: access.EvaluateAccessRequest) -> bool:
        """Asks, and waits for a worker if need be."""
        return self.evaluate(request, timeout=CALL_SECONDS, wait_for_ready=True).decision == access.DECISION_ALLOW

    def close(self) -> None:
        """Hangs up."""
        self._channel.close()


@contextmanager
def lines_to(service: Service, *, count: int = LINES) -> Iterator[list[Line]]:
    """Connections until the block ends."""
    lines = [Line(service.target) for _ in range(count)]
    try:
        yield lines
    finally:
        for line in lines:
            line.close()


def question(user: str, group: str, *, token: str = "") -> access.EvaluateAccessRequest:
    """Whether somebody is in a group, by data that is as fresh as a token, if there is one."""
    return access.EvaluateAccessRequest(
        user=user,
        condition=access.Condition(group=access.GroupCondition(values=[group])),
        consistency=snapshot_pb2.Consistency(at_least_as_fresh=token) if token else None,
    )


def worker_pids(service: Service) -> list[int]:
    """The processes that take calls, in no order."""
    parent = service.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(pid) for pid in children if b"spawn_main" in _command(pid)]


def processors_of(pid: int) -> set[int]:
    """Those on which any thread of a process may run."""
    threads = [int(thread.name) for thread in Path(f"/proc/{pid}/task").iterdir()]
    return set().union(*map(os.sched_getaffinity, threads))


def is_there(pid: int) -> bool:
    """Whether a process runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return b") Z " not in Path(f"/proc/{pid}/stat").read_bytes()


def kill(pid: int) -> None:
    """As the kernel does when memory is out."""
    os.kill(pid, signal.SIGKILL)


def eventually(what: Callable[[], bool], *, seconds: float = CALL_SECONDS) -> float:
    """Waits until something holds and tells how long that took."""
    begun = time.monotonic()
    while not what():
        assert time.monotonic() - begun < seconds, "it did not come about in time"
        time.sleep(0.01)
    return time.monotonic() - begun


class Load:
    """Threads that ask one question again and again, each on its own line; errors are kept, with when was asked."""

    def __init__(self, lines: Sequence[Line], request: access.EvaluateAccessRequest) -> None:
        self.answers = 0
        self.errors: list[tuple[float, grpc.RpcError]] = []
        self._is_over = threading.Event()
        self._calls: set[grpc.Future[access.EvaluateAccessResponse]] = set()
        self._threads = [threading.Thread(target=self._ask, args=(line, request)) for line in lines]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for call in tuple(self._calls):
            call.cancel()  # who waits for a service that is gone
        for thread in self._threads:
            thread.join()

    def _ask(self, line: Line, request: access.EvaluateAccessRequest) -> None:
        while not self._is_over.is_set():
            begun = time.monotonic()
            call = line.evaluate.future(request, wait_for_ready=True)
            self._calls.add(call)
            if self._is_over.is_set():  # which `__exit__` may have said before it could see this call
                call.cancel()
            try:
                call.result()
                self.answers += 1
            except grpc.FutureCancelledError:
                return
            except grpc.RpcError as error:
                self.errors.append((begun, error))
            finally:
                self._calls.discard(call)


def _command(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
