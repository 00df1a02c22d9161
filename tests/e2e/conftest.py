"""One emulator and one service for all tests that only read, since a process takes a second to start."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from e2e.harness import Service, connect, connect_request, pointed_at, serving, sync
from entraid_emulator import (
    CONTOSO_TENANT_ID,
    AppRegistration,
    ClientId,
    ClientSecret,
    Emulator,
    Secret,
    contoso,
    default_app,
    in_background,
)

CANARY = "canary~7Qd.secret_that-must.not.be.seen"
"""The secret of the app, to be looked for where it must not be."""
POOR_CLIENT_ID = ClientId("0badc0de-0000-4000-8000-00000000beef")
"""An app to which nobody granted GroupMember.Read.All."""


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Contoso, an app that may read it, and one that may not read groups."""
    app = default_app()
    app.secrets = [ClientSecret(Secret(CANARY))]
    app.grants = {CONTOSO_TENANT_ID: frozenset({"User.Read.All", "GroupMember.Read.All"})}
    poor = AppRegistration(
        client_id=POOR_CLIENT_ID,
        secrets=app.secrets,
        grants={CONTOSO_TENANT_ID: frozenset({"User.Read.All"})},
    )
    ca_file = tmp_path_factory.mktemp("emulator") / "ca.pem"
    with in_background(Emulator([contoso()], apps=[app, poor], ca_file=ca_file)) as running:
        yield running


@pytest.fixture
def quick(emulator: Emulator) -> Iterator[Emulator]:
    """The emulator, for tests that slow it down or make it fail: afterwards it is as it was."""
    yield emulator
    emulator.faults.clear()
    emulator.latency = timedelta()


@pytest.fixture(scope="session")
def service(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that knows of the emulator by its settings only."""
    with serving(tmp_path_factory.mktemp("service"), pointed_at(emulator)) as running:
        yield running


@pytest.fixture(scope="session")
def connection(service: Service, emulator: Emulator) -> str:
    """Contoso, connected and synced."""
    name = connect(service, connect_request(emulator, "contoso")).name
    sync(service, name)
    return name


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[dict[str, str]], Service]]:
    """Starts a service of the test's own in the test's folder; called again, it starts on the same data."""
    with ExitStack() as stack:
        yield lambda environment: stack.enter_context(serving(tmp_path, environment))
