"""Certificates that prove an app: read from PEM or PFX, checked before anything is sent. Pure, but for a file."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from entraid_service.errors import CredentialsRejected
from entraid_service.model.connection import Certificate
from entraid_service.model.secret import Secret
from entraid_service.oauth.pfx import is_pfx, pair_of_pfx


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key with its certificate, as MSAL takes them, when it ends, and the thumbprint that Entra shows."""

    private_key: Secret
    certificate: str
    expire_time: datetime
    thumbprint: str


def read_pair(pem: Secret, *, is_new: bool = False) -> KeyPair:
    """The pair of a PEM text; of a chain, the certificate that the key belongs to.

    Args:
        pem: The text.
        is_new: Whether its numbers are to be checked as well. That takes tenths of a second, during which no other
            thread runs, so that it is done once: before a certificate is kept.

    Raises:
        CredentialsRejected: It is no such text, the two do not belong together, or the certificate has ended.
    """
    text = pem.reveal().encode()
    try:
        key = load_pem_private_key(text, password=None, unsafe_skip_rsa_key_validation=not is_new)
        certificates = x509.load_pem_x509_certificates(text)
    except (ValueError, TypeError) as error:
        raise CredentialsRejected(
            "the certificate cannot be read: give one PEM text that holds the certificate and its private key, "
            "the key without a password"
        ) from error
    if not isinstance(key, RSAPrivateKey):
        raise CredentialsRejected("the private key is no RSA key, and Entra takes no other: give an RSA certificate")
    certificate = _belonging(key, certificates)
    expire_time = certificate.not_valid_after_utc
    if expire_time <= datetime.now(UTC):
        raise CredentialsRejected(
            f"the certificate ended at {expire_time:%Y-%m-%d %H:%M} UTC: upload a new one under App registrations > "
            "(the app) > Certificates & secrets, and connect again with it"
        )
    # SHA-1 names certificates in Entra's pages; nothing is signed with it.
    thumbprint = certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303
    return KeyPair(pem, certificate.public_bytes(Encoding.PEM).decode(), expire_time, thumbprint)


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
    if is_pfx(content):
        return read_pfx(content, password=password)
    try:
        pem = _from_pem(content, password.reveal().encode() or None)
    except (ValueError, TypeError) as error:
        raise CredentialsRejected(
            f"the certificate file `{path}` cannot be opened: give a PFX, or a PEM that holds the certificate and its "
            "private key, and the right password if it has one"
        ) from error
    return _checked(pem)


def read_pfx(content: bytes, *, password: Secret) -> Certificate:
    """The certificate of a PFX, with its private key; the password is needed no more.

    Raises:
        CredentialsRejected: It is none, the password is wrong, it lacks key or certificate, or that has ended.
    """
    key, certificates = pair_of_pfx(content, password=password)
    chain = "".join(one.public_bytes(Encoding.PEM).decode() for one in certificates)
    return _checked(_pem_of(key) + chain.encode())


def _checked(pem: bytes) -> Certificate:
    certificate = Certificate(Secret(pem.decode()))
    read_pair(certificate.pem, is_new=True)
    return certificate


def _from_pem(content: bytes, password: bytes | None) -> bytes:
    if password is None:
        content.decode()
        return content
    key = load_pem_private_key(content, password)
    certificate = x509.load_pem_x509_certificate(content)
    return _pem_of(key) + certificate.public_bytes(Encoding.PEM)


def _pem_of(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _belonging(key: RSAPrivateKey, certificates: list[x509.Certificate]) -> x509.Certificate:
    own = _public_bytes(key.public_key())
    for certificate in certificates:
        if _public_bytes(certificate.public_key()) == own:
            return certificate
    raise CredentialsRejected(
        "the private key does not belong to the certificate: give the pair whose certificate is uploaded to the app"
    )


def _public_bytes(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
