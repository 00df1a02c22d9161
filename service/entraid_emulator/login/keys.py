"""The key that signs every token of this emulator, and the documents that publish it. RS256, as Entra's."""

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from entraid_emulator.objects import Json


class SigningKey:
    """An RSA key with a self-signed certificate around it; made new with every emulator."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._certificate = _self_signed(self._key)
        digest = hashlib.sha1(self._certificate, usedforsecurity=False).digest()  # what `x5t` is defined as
        self.key_id = _base64url(digest)

    def sign(self, claims: Mapping[str, Json]) -> str:
        """A signed JWT with these claims; its header names the key twice, as Entra's v1 tokens do."""
        return jwt.encode(dict(claims), self._key, algorithm="RS256", headers={"kid": self.key_id, "x5t": self.key_id})

    def verified(self, token: str) -> Mapping[str, Json]:
        """The claims of a token with our signature. Times and audience are the caller's to judge.

        Raises:
            jwt.InvalidTokenError: it is malformed, or somebody else signed it.
        """
        options: jwt.types.Options = {
            "verify_exp": False,
            "verify_nbf": False,
            "verify_iat": False,
            "verify_aud": False,
        }
        claims: Mapping[str, Json] = jwt.decode(token, self._key.public_key(), algorithms=["RS256"], options=options)
        return claims

    def document(self, *, issuer: str) -> Mapping[str, Json]:
        """The JSON Web Key Set, each key with the issuer it signs for."""
        numbers = self._key.public_key().public_numbers()
        return {
            "keys": [
                {
                    "kty": "RSA",
                    "use": "sig",
                    "kid": self.key_id,
                    "x5t": self.key_id,
                    "n": _base64url(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")),
                    "e": _base64url(numbers.e.to_bytes(3, "big")),
                    "x5c": [base64.b64encode(self._certificate).decode()],
                    "cloud_instance_name": "microsoftonline.com",
                    "issuer": issuer,
                }
            ]
        }


def _self_signed(key: rsa.RSAPrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "entraid emulator token signing")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.DER)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
