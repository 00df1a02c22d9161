"""An emulator of a tenant that tests change, and a service of two workers."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from e2e.harness import Service, connect, connect_request, pointed_at, serving
from entraid_emulator import Emulator, contoso, in_background
from workers.harness import WORKERS, Line, lines_to


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Contoso, with Microsoft's latency set to none."""
    with in_background(Emulator([contoso()], ca_file=tmp_path_factory.mktemp("emulator") / "ca.pem")) as running:
        yield running


@pytest.fixture(scope="module")
def environment(emulator: Emulator) -> dict[str, str]:
    """Two workers that sync only when they are asked."""
    return {
        **pointed_at(emulator),
        "ENTRAID_WORKERS": str(WORKERS),
        "ENTRAID_SYNC_INTERVAL": "0",
        "ENTRAID_FULL_SYNC_INTERVAL": "0",
    }


@pytest.fixture(scope="module")
def service(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service for the tests that leave it as it is."""
    with serving(tmp_path_factory.mktemp("service"), environment) as running:
        yield running


@pytest.fixture(scope="module")
def connection(service: Service, emulator: Emulator) -> str:
    """Contoso, connected and synced."""
    name = connect(service, connect_request(emulator, "contoso")).name
    with lines_to(service) as lines:
        lines[0].sync(name)
    return name


@pytest.fixture
def lines(service: Service) -> Iterator[list[Line]]:
    """Connections to that service."""
    with lines_to(service) as opened:
        yield opened


@pytest.fixture
def start(tmp_path: Path, environment: dict[str, str]) -> Iterator[Callable[[], Service]]:
    """Starts a service of the test's own; called again, it starts on the same data."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(serving(tmp_path, environment))
