"""Fixtures of Graph's tests: a scripted cloud on real TLS, and an emulator to change."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from entraid_emulator import Emulator, contoso
from entraid_emulator.tls import throwaway_tls
from graph.cloud import FastTimer, ScriptedCloud


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """A server context, and the CA file to trust it with."""
    made = throwaway_tls()
    ca_file = tmp_path_factory.mktemp("tls") / "ca.pem"
    ca_file.write_bytes(made.ca_pem)
    return made.context(), ca_file


@pytest.fixture
async def cloud(tls: tuple[ssl.SSLContext, Path]) -> AsyncIterator[ScriptedCloud]:
    """A cloud to script."""
    async with ScriptedCloud(*tls) as running:
        yield running


@pytest.fixture
async def other_cloud(tls: tuple[ssl.SSLContext, Path]) -> AsyncIterator[ScriptedCloud]:
    """Another one, on another port."""
    async with ScriptedCloud(*tls) as running:
        yield running


@pytest.fixture
def timer() -> FastTimer:
    """Waits that are over at once."""
    return FastTimer()


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """An emulator of Contoso that the test may change."""
    async with Emulator([contoso()]) as running:
        yield running
