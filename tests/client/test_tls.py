"""Talking TLS: who is trusted, and who is let in."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import grpc
import pytest

from client.scripted_service import Script, serving
from client.tls_files import make_authority
from entraid.v1.connection_service_pb2 import GetConnectionResponse
from entraid_client import EntraidClient, RetryPolicy, Tls
from entraid_client.errors import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from client.tls_files import Authority

ONCE = RetryPolicy(attempts=1)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """The authority of the server's certificate."""
    return make_authority(tmp_path)


@pytest.fixture
async def guarded(authority: Authority) -> AsyncIterator[Script]:
    """A server that talks TLS and asks for a client certificate of the same authority."""
    certificate, key = authority.issue("server")
    credentials = grpc.ssl_server_credentials(
        [(key.read_bytes(), certificate.read_bytes())],
        root_certificates=authority.ca_file.read_bytes(),
        require_client_auth=True,
    )
    async with serving(credentials) as script:
        script.answer("GetConnection", GetConnectionResponse())
        yield script


async def ask(script: Script, tls: Tls | None) -> None:
    """One call over TLS."""
    async with EntraidClient(script.target, tls=tls, retry=ONCE, deadline=timedelta(seconds=10)) as client:
        await client.get_connection("c")


async def test_a_client_with_a_certificate_is_let_in(guarded: Script, authority: Authority) -> None:
    """Both sides prove who they are."""
    certificate, key = authority.issue("client")
    await ask(guarded, Tls(ca_file=authority.ca_file, certificate_file=certificate, key_file=key))
    assert len(guarded.calls) == 1


async def test_a_client_without_one_is_not(guarded: Script, authority: Authority) -> None:
    """The call never reaches the server."""
    with pytest.raises(ServiceUnavailable):
        await ask(guarded, Tls(ca_file=authority.ca_file))
    assert not guarded.calls


async def test_a_server_of_another_authority_is_not_trusted(
    guarded: Script, authority: Authority, tmp_path: Path
) -> None:
    """Nor one of the system's, and no call is sent to it."""
    certificate, key = authority.issue("client")
    (tmp_path / "other").mkdir()
    other = make_authority(tmp_path / "other")
    for ca_file in (other.ca_file, None):
        with pytest.raises(ServiceUnavailable):
            await ask(guarded, Tls(ca_file=ca_file, certificate_file=certificate, key_file=key))
    assert not guarded.calls


async def test_plain_text_to_a_server_that_talks_tls_fails(guarded: Script) -> None:
    """No call slips through unencrypted."""
    with pytest.raises(ServiceUnavailable):
        await ask(guarded, None)
    assert not guarded.calls


def test_half_a_client_certificate_is_refused(tmp_path: Path) -> None:
    """GRPC would leave it out without a word, and the caller would be nobody."""
    with pytest.raises(ValueError, match="both"):
        Tls(certificate_file=tmp_path / "client.pem")
