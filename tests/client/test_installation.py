"""The client installs and runs without what the service needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

SERVICE_ONLY = (
    "msal",
    "aiohttp",
    "aiosqlite",
    "structlog",
    "msgspec",
    "cryptography",
    "orjson",
    "requests",
    "prometheus_client",
    "jwt",
    "grpc_health",
    "grpc_reflection",
    "grpc_tools",
    "entraid_service",
    "entraid_emulator",
)
PROGRAM = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ImportError(f"{{name}} belongs to the service")

sys.meta_path.insert(0, Blocked())
import importlib, pkgutil, entraid, entraid_client
for package in (entraid, entraid_client):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(found.name)
assert "entraid_client.cli" in sys.modules and "entraid.v1.access_service_pb2_grpc" in sys.modules
{more}
print("imported")
"""


def run(blocked: tuple[str, ...], more: str = "") -> subprocess.CompletedProcess[str]:
    """Imports every module of the client in a process where some packages cannot be imported."""
    program = PROGRAM.format(blocked=set(blocked), more=more)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=False)


def test_every_module_imports_without_the_services_packages() -> None:
    """Neither the service's dependencies nor its code are touched."""
    ended = run(SERVICE_ONLY)
    assert (ended.stdout, ended.stderr) == ("imported\n", "")


@pytest.mark.parametrize("needed", ["click", "rich", "grpc", "google"])
def test_the_block_does_block(needed: str) -> None:
    """The test above could fail: without what the client does need, it cannot be imported."""
    assert "belongs to the service" in run((needed,)).stderr


def test_importing_starts_nothing() -> None:
    """No thread and no event loop by the mere import."""
    ended = run((), "import threading; assert threading.active_count() == 1, threading.enumerate()")
    assert (ended.stdout, ended.stderr) == ("imported\n", "")
