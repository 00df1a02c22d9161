"""Fixtures of the emulator's tests: one emulator for all that only read, a new one for each test that changes it."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests

from emulator.wire import Wire
from entraid_emulator import Emulator, contoso, in_background

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # msgraph-sdk warns of its own classes when they are imported
    import msgraph.generated.groups.delta.delta_request_builder
    import msgraph.generated.users.delta.delta_request_builder
    import msgraph.generated.users.users_request_builder  # noqa: F401 - so that later imports of it stay silent


@pytest.fixture(scope="session")
def contoso_wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """A caller of an emulator that serves Contoso and that nobody changes."""
    with _wire(Emulator([contoso()], ca_file=tmp_path_factory.mktemp("tls") / "ca.pem")) as wire:
        yield wire


@pytest.fixture
def start() -> Iterator[Callable[[Emulator], Wire]]:
    """Starts an emulator of the test's own and returns a caller of it."""
    with ExitStack() as stack:
        yield lambda emulator: stack.enter_context(_wire(emulator))


@pytest.fixture(scope="session")
def start_for_all() -> Iterator[Callable[[Emulator], Wire]]:
    """Starts an emulator that lasts for every test and returns a caller of it; whoever changes it changes it back."""
    with ExitStack() as stack:
        yield lambda emulator: stack.enter_context(_wire(emulator))


@pytest.fixture
def own_wire(start: Callable[[Emulator], Wire]) -> Wire:
    """A caller of a Contoso that the test may change."""
    return start(Emulator([contoso()]))


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Answers of a real tenant; the tests that need them are skipped where they are not at hand."""
    folder = Path(__file__).parents[3] / "shared" / "graph" / "fixtures" / "recorded"
    if not folder.is_dir():
        pytest.skip("the recordings of a real tenant are not here")
    return folder


@contextmanager
def _wire(emulator: Emulator) -> Iterator[Wire]:
    """An emulator in the background, and a session that trusts its CA and nothing of the environment."""
    with in_background(emulator), requests.Session() as session:
        session.trust_env = False
        session.verify = str(emulator.ca_file)
        yield Wire(emulator, session)
