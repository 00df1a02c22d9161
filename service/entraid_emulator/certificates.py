"""Certificates: the public ones that an app registration holds, and key pairs made for it on the spot.

Entra keeps the public half only; a client assertion names it by its thumbprint.
https://learn.microsoft.com/entra/identity-platform/certificate-credentials
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from entraid_emulator.credentials import Secret

_KEY_SIZE = 2048
_BACKDATED = timedelta(days=1)  # clocks of the two sides differ


def base64url(data: bytes) -> str:
    """Base64 for URLs without padding, as JWTs have it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def new_key() -> rsa.RSAPrivateKey:
    """A new RSA key of 2048 bits."""
    return rsa.generate_private_key(public_exponent=65537, key_size=_KEY_SIZE)


def self_signed(key: rsa.RSAPrivateKey, name: str, *, until: datetime) -> bytes:
    """A certificate around a key, DER, valid since yesterday; one that has ended was valid for a day."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    since = min(datetime.now(UTC), until) - _BACKDATED
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.DER)


@dataclass(frozen=True, slots=True)
class AppCertificate:
    """A certificate on an app registration.

    Attributes:
        der: the certificate, DER.
    """

    der: bytes

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """The first certificate of a PEM text.

        Raises:
            ValueError: there is none, or its key is not RSA.
        """
        certificate = x509.load_pem_x509_certificate(pem)
        if not isinstance(certificate.public_key(), rsa.RSAPublicKey):
            raise ValueError("Entra takes certificates with an RSA key, got another kind")  # noqa: TRY004 - a bad value
        return cls(certificate.public_bytes(serialization.Encoding.DER))

    @property
    def thumbprint(self) -> str:
        """SHA-1 in upper-case hexadecimal, as the portal prints it."""
        return hashlib.sha1(self.der, usedforsecurity=False).hexdigest().upper()  # what `x5t` is defined as

    @property
    def x5t(self) -> str:
        """SHA-1, base64url."""
        return base64url(bytes.fromhex(self.thumbprint))

    @property
    def x5t_s256(self) -> str:
        """SHA-256, base64url."""
        return base64url(hashlib.sha256(self.der).digest())

    @property
    def public_key(self) -> rsa.RSAPublicKey:
        """What checks a signature."""
        key = self._loaded.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise TypeError("the certificate's key is not RSA")
        return key

    @property
    def is_valid_from(self) -> datetime:
        """When it begins."""
        return self._loaded.not_valid_before_utc

    @property
    def is_valid_until(self) -> datetime:
        """When it ends."""
        return self._loaded.not_valid_after_utc

    def is_named(self, header: object) -> bool:
        """Whether an `x5t`, `x5t#S256` or `kid` of a JWT header means this certificate; MSAL pads the first."""
        named = str(header).rstrip("=")
        return named in {self.x5t, self.x5t_s256, self.thumbprint} or named.upper() == self.thumbprint

    @property
    def _loaded(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(self.der)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key and its certificate, for whoever connects with a certificate.

    Attributes:
        private_key_pem: PKCS #8, not encrypted.
        certificate_pem: PEM.
    """

    private_key_pem: Secret
    certificate_pem: str

    @classmethod
    def new(cls, name: str = "entraid", *, until: datetime | None = None) -> Self:
        """A new key with a self-signed certificate; without `until` it is good for 90 days."""
        key = new_key()
        der = self_signed(key, name, until=until or datetime.now(UTC) + timedelta(days=90))
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        certificate = x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)
        return cls(Secret(private.decode()), certificate.decode())

    @property
    def certificate(self) -> AppCertificate:
        """The half that an app registration gets."""
        return AppCertificate.from_pem(self.certificate_pem.encode())
