"""Certificates that prove an app: read from PEM or PFX, checked before anything is sent. Pure, but for a file."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    pkcs12,
)

from entraid_service.errors import CredentialsRejected
from entraid_service.model.connection import Certificate
from entraid_service.model.secret import Secret

_PFX_HEAD = b"\x30"
"""A PKCS #12 file is DER and begins with a SEQUENCE; PEM begins with text."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key with its certificate, as MSAL takes them, and when the certificate ends."""

    private_key: Secret
    certificate: str
    expire_time: datetime


def read_pair(pem: Secret) -> KeyPair:
    """The pair of a PEM text.

    Raises:
        CredentialsRejected: It is no such text, the two do not belong together, or the certificate has ended.
    """
    text = pem.reveal()
    try:
        key = load_pem_private_key(text.encode(), password=None)
        certificate = x509.load_pem_x509_certificate(text.encode())
    except (ValueError, TypeError) as error:
        raise CredentialsRejected(
            "the certificate cannot be read: give one PEM text that holds the certificate and its private key, "
            "the key without a password"
        ) from error
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        raise CredentialsRejected(
            "the private key does not belong to the certificate: give the pair whose certificate is uploaded to the app"
        )
    expire_time = certificate.not_valid_after_utc
    if expire_time <= datetime.now(UTC):
        raise CredentialsRejected(
            f"the certificate ended at {expire_time:%Y-%m-%d %H:%M} UTC: upload a new one under App registrations > "
            "(the app) > Certificates & secrets, and connect again with it"
        )
    return KeyPair(pem, certificate.public_bytes(Encoding.PEM).decode(), expire_time)


def read_certificate_file(path: Path, *, password: Secret) -> Certificate:
    """The certificate of a PEM or PFX (PKCS #12) file, with its private key.

    Args:
        path: The file.
        password: Of the PFX or of the PEM's key; empty for none.

    Raises:
        CredentialsRejected: It cannot be read, or holds no usable pair.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CredentialsRejected(
            f"the certificate file `{path}` cannot be read ({error.strerror}): check that it is there and readable"
        ) from error
    secret = password.reveal().encode() or None
    try:
        pem = _from_pfx(content, secret) if content.startswith(_PFX_HEAD) else _from_pem(content, secret)
    except (ValueError, TypeError) as error:
        raise CredentialsRejected(
            f"the certificate file `{path}` cannot be opened: give a PFX, or a PEM that holds the certificate and its "
            "private key, and the right password if it has one"
        ) from error
    certificate = Certificate(Secret(pem.decode()))
    read_pair(certificate.pem)
    return certificate


def _from_pfx(content: bytes, password: bytes | None) -> bytes:
    key, certificate, _ = pkcs12.load_key_and_certificates(content, password)
    if key is None or certificate is None:
        raise ValueError("no key, or no certificate")
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)


def _from_pem(content: bytes, password: bytes | None) -> bytes:
    if password is None:
        return content
    key = load_pem_private_key(content, password)
    certificate = x509.load_pem_x509_certificate(content)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
