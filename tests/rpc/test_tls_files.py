from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from grpc_health.v1 import health_pb2

from entraid_service.rpc.facades import Facades
from entraid_service.rpc.server import GrpcServer, ServerSettings
from entraid_service.rpc.tls import TlsFiles
from rpc.rooms import health_check

Issue = Callable[[str], TlsFiles]


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.fixture
def issue(tmp_path: Path) -> Issue:
    """Writes a fresh self-signed pair for 127.0.0.1, named as told."""

    def write(name: str) -> TlsFiles:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        files = TlsFiles(tmp_path / f"{name}.pem", tmp_path / f"{name}.key")
        files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files.key.write_bytes(_pem(key))
        return files

    return write


async def _check(port: int, *, trusted: bytes, client: TlsFiles | None = None) -> int:
    key, chain = (None, None) if client is None else (client.key.read_bytes(), client.certificate.read_bytes())
    credentials = grpc.ssl_channel_credentials(trusted, key, chain)
    # Channels to one address share connections unless told otherwise; here each makes its own handshake.
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, options=options) as channel:
        answer = await health_check(channel)(health_pb2.HealthCheckRequest(), timeout=5)
        return answer.status


async def test_a_replaced_certificate_is_used_without_a_restart(facades: Facades, issue: Issue) -> None:
    """New handshakes get the new pair; broken files in between leave the former one in use."""
    files, second = issue("first"), issue("second")
    first = files.certificate.read_bytes()
    server = GrpcServer(ServerSettings(address="127.0.0.1:0", tls=files), facades)
    port = await server.start()
    try:
        assert await _check(port, trusted=first) == health_pb2.HealthCheckResponse.SERVING
        files.key.unlink()
        assert await _check(port, trusted=first) == health_pb2.HealthCheckResponse.SERVING
        files.certificate.write_bytes(second.certificate.read_bytes())
        files.key.write_bytes(second.key.read_bytes())
        trusted = second.certificate.read_bytes()
        assert await _check(port, trusted=trusted) == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.aio.AioRpcError):
            await _check(port, trusted=first)
    finally:
        await server.stop(timedelta())


async def test_without_a_certificate_of_the_client_ca_nobody_gets_in(facades: Facades, issue: Issue) -> None:
    """With a client CA set, a stranger and a nameless one are turned away at the handshake."""
    own, friend, stranger = issue("server"), issue("friend"), issue("stranger")
    tls = TlsFiles(own.certificate, own.key, client_ca=friend.certificate)
    server = GrpcServer(ServerSettings(address="127.0.0.1:0", tls=tls), facades)
    port = await server.start()
    trusted = own.certificate.read_bytes()
    try:
        assert await _check(port, trusted=trusted, client=friend) == health_pb2.HealthCheckResponse.SERVING
        for client in (None, stranger):
            with pytest.raises(grpc.aio.AioRpcError):
                await _check(port, trusted=trusted, client=client)
    finally:
        await server.stop(timedelta())


async def test_a_missing_certificate_stops_the_start(facades: Facades, issue: Issue) -> None:
    """A server never falls back to clear text."""
    files = issue("server")
    files.certificate.unlink()
    with pytest.raises(OSError, match=r"server\.pem"):
        await GrpcServer(ServerSettings(address="127.0.0.1:0", tls=files), facades).start()
