"""Throw-away TLS: a CA that lives as long as the emulator and one server certificate signed by it.

Order: make the CA, sign the server certificate, write both beside each other, load them into an SSL context. The CA's
key never leaves memory. What clients need is the CA's certificate (`ca.pem`). Nothing here serves requests.

Both certificates carry the extensions that `ssl.VERIFY_X509_STRICT` asks for, a default since Python 3.13
(https://docs.python.org/3/library/ssl.html#ssl.create_default_context).
"""

import ipaddress
import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME = timedelta(days=30)
_BACKDATED = timedelta(hours=1)  # clocks of containers and hosts differ


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTls:
    """What a TLS server and its clients need.

    Attributes:
        ca_pem: the CA's certificate, PEM; clients trust it.
        certificate_pem: the server's certificate, PEM.
        key_pem: the server's private key, PEM, not encrypted; kept out of `repr`.
    """

    ca_pem: bytes
    certificate_pem: bytes
    key_pem: bytes

    def __repr__(self) -> str:
        return "ServerTls(***)"

    def context(self) -> ssl.SSLContext:
        """A server context, TLS 1.2 or newer."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        with tempfile.TemporaryDirectory() as folder:  # `ssl` reads files only
            chain = Path(folder) / "server.pem"
            chain.touch(mode=0o600)
            chain.write_bytes(self.key_pem + self.certificate_pem)
            context.load_cert_chain(chain)
        return context


def throwaway_tls(*, hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "::1")) -> ServerTls:
    """Make a CA and a certificate for `hosts` (DNS names and IP addresses), valid for 30 days."""
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = _ca_certificate(ca_key)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _server_certificate(key, ca_key, ca, hosts=hosts)
    return ServerTls(
        ca_pem=ca.public_bytes(serialization.Encoding.PEM),
        certificate_pem=certificate.public_bytes(serialization.Encoding.PEM),
        key_pem=key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )


def _builder(name: str, issuer: str, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


_CA_NAME = "entraid emulator throw-away CA"


def _ca_certificate(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    public_key = key.public_key()
    return (
        _builder(_CA_NAME, _CA_NAME, public_key)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public_key), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _server_certificate(
    key: ec.EllipticCurvePrivateKey, ca_key: ec.EllipticCurvePrivateKey, ca: x509.Certificate, *, hosts: tuple[str, ...]
) -> x509.Certificate:
    ca_identifier = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        _builder(hosts[0], _CA_NAME, key.public_key())
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_identifier),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_alternative(host) for host in hosts]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
