"""The processes that the benchmarks ask: our service as operators start it, and the peer that does nothing."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from grpc import insecure_channel

from bench import tenant
from entraid.v1 import access_service_pb2 as pb
from entraid_service.rpc import engine

TESTS = Path(__file__).resolve().parent.parent
BUILD = TESTS.parent / "build" / "bench"
_START_SECONDS = 120.0
_STOP_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running one: its port, its processes, and how long it took to its first answer."""

    port: int
    pids: list[int]
    first_answer_seconds: float = 0.0

    def cpu_seconds(self) -> float:
        """What its processes have used of processors so far."""
        return sum(_cpu_seconds(pid) for pid in self.pids)

    def resident_mib(self) -> list[float]:
        """The memory of each process now."""
        return [_status(pid, "VmRSS:") / 1024 for pid in self.pids]


@contextmanager
def ours(database: Path, folder: Path, *, workers: int, processors: str = "shared") -> Iterator[Server]:
    """Our service on a database, everything on, the audit log too; it asks Microsoft nothing."""
    ready = folder / f"ready-{workers}-{processors}.json"
    environment = {
        "ENTRAID_DATABASE_URL": f"sqlite:///{database}",
        "ENTRAID_WORKERS": str(workers),
        "ENTRAID_WORKER_PROCESSORS": processors,
        "ENTRAID_SYNC_INTERVAL": "0",
        "ENTRAID_FULL_SYNC_INTERVAL": "0",
        "ENTRAID_AUDIT_LOG": str(folder / f"audit-{workers}-{processors}.log"),
        "ENTRAID_LOG_LEVEL": "warning",
        "ENTRAID_GRPC_ADDRESS": "127.0.0.1:0",
        "ENTRAID_HTTP_ADDRESS": "127.0.0.1:0",
    }
    started = time.monotonic()
    with process([sys.executable, "-m", "entraid_service", "serve", "--ready-file", str(ready)], environment) as pid:
        facts = json.loads(_await(ready))
        port = int(facts["grpc_address"].rpartition(":")[2])
        _ask(port)
        spawned = _workers(pid) if workers > 1 else []
        yield Server(port, [pid, *spawned], time.monotonic() - started)


@contextmanager
def nothing(
    folder: Path, *, processes: int = 1, processors: str = "shared", is_like_ours: bool = False
) -> Iterator[Server]:
    """The do-nothing peer, in several processes on one port if need be, on processors as ours are.

    It is gRPC as it comes; or it takes calls as our server does, if it `is_like_ours`.
    """
    with ExitStack() as stack:
        port = stack.enter_context(free_port()) if processes > 1 else 0
        pids = []
        for number in range(processes):
            ready = folder / f"nothing-{number}.port"
            ready.unlink(missing_ok=True)
            line = [sys.executable, "-m", "bench.nothing", str(ready), f"--port={port}"]
            line += ["--like-ours"] * is_like_ours + [f"--worker={number}"] * (processors == "own")
            listener = engine.FORMER_LISTENER if is_like_ours else ""
            pids.append(stack.enter_context(process(line, {engine.EXPERIMENTS: listener})))
        ports = {int(_await(folder / f"nothing-{number}.port")) for number in range(processes)}
        yield Server(ports.pop(), pids)


@contextmanager
def free_port() -> Iterator[int]:
    """A port that nobody else gets while the block runs, unless he shares it too (SO_REUSEPORT)."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@contextmanager
def process(line: list[str], environment: dict[str, str], *, output: Path | None = None) -> Iterator[int]:
    """A process until the block ends, by its id; what it prints goes to a file if one is named."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ENTRAID")}
    # As an installed package has them; without, each start would compile every module.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    with output.open("wb") if output else nullcontext() as printed:
        started = subprocess.Popen(line, cwd=TESTS, env={**kept, **environment}, stdout=printed, stderr=printed)
    try:
        yield started.pid
    finally:
        started.terminate()
        try:
            started.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def _await(ready: Path) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while not ready.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"`{ready.name}` was not written in time: see what the process printed above")
        time.sleep(0.01)
    return ready.read_text(encoding="utf-8")


def _ask(port: int) -> None:
    (request,) = tenant.requests(1, seed=0)
    with insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary(
            "/entraid.v1.AccessService/EvaluateAccess",
            request_serializer=pb.EvaluateAccessRequest.SerializeToString,
            response_deserializer=pb.EvaluateAccessResponse.FromString,
        )
        call(request, timeout=_START_SECONDS)


def _workers(parent: int) -> list[int]:
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="utf-8").split()
    return [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def _cpu_seconds(pid: int) -> float:
    # https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: user and system time are fields 14 and 15.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _status(pid: int, name: str) -> int:
    return int(Path(f"/proc/{pid}/status").read_text(encoding="utf-8").split(name)[1].split()[0])
