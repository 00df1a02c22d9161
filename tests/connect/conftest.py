"""Fixtures of the connect room's tests: what a scripted cloud needs for real TLS."""

import ssl
from pathlib import Path

import pytest

from entraid_emulator.tls import throwaway_tls


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """A server context, and the CA file to trust it with."""
    made = throwaway_tls()
    ca_file = tmp_path_factory.mktemp("tls") / "ca.pem"
    ca_file.write_bytes(made.ca_pem)
    return made.context(), ca_file
