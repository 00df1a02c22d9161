"""Cerbos as a process: at its default, with policies from a folder, and nothing sent to its makers."""

import http.client
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from bench import tenant
from bench.cerbos import policies
from bench.servers import BUILD, Server, free_port, process

_START_SECONDS = 60.0
_HERE = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Cerbos:
    """A running one; `server` has the port of its gRPC API."""

    server: Server
    http_port: int


@contextmanager
def cerbos(folder: Path, *, level: str = "info") -> Iterator[Cerbos]:
    """Cerbos with a policy for each access flow of the tenant. At `info`, its default, it logs every call."""
    home = folder / f"cerbos-{level}"
    (home / "policies").mkdir(parents=True)
    policies.write(home / "policies", tenant.conditions())
    with free_port() as grpc_port, free_port() as http_port:
        pass  # Cerbos shares its ports with nobody, so they have to be let go
    config = home / "config.yaml"
    config.write_text(yaml.safe_dump(_config(home, grpc_port, http_port)), encoding="utf-8")
    line = [str(_program()), "server", f"--config={config}", f"--log-level={level}"]
    with process(line, {}, output=home / "log") as pid:
        _await(http_port, home / "log")
        yield Cerbos(Server(grpc_port, [pid]), http_port)


def _config(home: Path, grpc_port: int, http_port: int) -> dict[str, object]:
    return {
        "server": {"grpcListenAddr": f"{_HERE}:{grpc_port}", "httpListenAddr": f"{_HERE}:{http_port}"},
        "storage": {"driver": "disk", "disk": {"directory": str(home / "policies"), "watchForChanges": False}},
        "telemetry": {"disabled": True},
        "audit": {"enabled": False},
        "schema": {"enforcement": "none"},
    }


def _program() -> Path:
    packages = BUILD / "cerbos" / "node_modules" / "@cerbos"
    for found in packages.glob("cerbos-linux-*/cerbos-linux-*"):
        return found
    raise FileNotFoundError(f"no server in `{packages}`: `make bench-cerbos` installs it")


def _await(http_port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not _is_healthy(http_port):
        if time.monotonic() > deadline:
            raise TimeoutError(f"Cerbos did not start in time: {log.read_text(encoding='utf-8')[-2000:]}")
        time.sleep(0.05)


def _is_healthy(http_port: int) -> bool:
    connection = http.client.HTTPConnection(_HERE, http_port, timeout=5)
    try:
        connection.request("GET", "/_cerbos/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()
