"""The keys that sign every token of this emulator, and the documents that publish them. RS256, as Entra's."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal

import jwt

from entraid_emulator.certificates import AppCertificate, base64url, new_key, self_signed
from entraid_emulator.objects import Json

Signer = Literal["emulator", "stranger", "unknown", "nobody"]
"""Who signs: the emulator; a stranger under the emulator's key id; a stranger under his own; nobody (`alg` none)."""

_LIFETIME = timedelta(days=365)


class SigningKey:
    """An RSA key with a self-signed certificate around it."""

    def __init__(self) -> None:
        self._key = new_key()
        until = datetime.now(UTC) + _LIFETIME
        self._certificate = AppCertificate(self_signed(self._key, "entraid emulator token signing", until=until))
        self.key_id = self._certificate.x5t

    def sign(self, claims: Mapping[str, Json], *, key_id: str | None = None) -> str:
        """A signed JWT with these claims; its header names the key twice, as Entra's v1 tokens do."""
        named = key_id or self.key_id
        return jwt.encode(dict(claims), self._key, algorithm="RS256", headers={"kid": named, "x5t": named})

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
            "verify_sub": False,
            "verify_jti": False,
        }
        claims: Mapping[str, Json] = jwt.decode(token, self._key.public_key(), algorithms=["RS256"], options=options)
        return claims

    def document(self, *, issuer: str) -> Mapping[str, Json]:
        """The key as a JSON Web Key, with the issuer it signs for."""
        numbers = self._key.public_key().public_numbers()
        return {
            "kty": "RSA",
            "use": "sig",
            "kid": self.key_id,
            "x5t": self.key_id,
            "n": base64url(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")),
            "e": base64url(numbers.e.to_bytes(3, "big")),
            "x5c": [base64.b64encode(self._certificate.der).decode()],
            "cloud_instance_name": "microsoftonline.com",
            "issuer": issuer,
        }


class SigningKeys:
    """The published keys, the one in use last. Made when they are first needed: a key takes a tenth of a second."""

    def __init__(self) -> None:
        self._made: list[SigningKey] = []
        self._stranger: SigningKey | None = None

    @property
    def _published(self) -> list[SigningKey]:
        self._made = self._made or [SigningKey()]
        return self._made

    @property
    def key_id(self) -> str:
        """Of the key in use."""
        return self._published[-1].key_id

    def roll_over(self, *, keep_old: bool = True) -> None:
        """Sign with a new key from now on; without `keep_old` the old ones are no longer published nor good."""
        self._made = [*(self._published if keep_old else ()), SigningKey()]

    def sign(self, claims: Mapping[str, Json], *, signer: Signer = "emulator") -> str:
        """A JWT with these claims, signed with the key in use or, for tests of who checks it, otherwise."""
        if signer == "emulator":
            return self._published[-1].sign(claims)
        if signer == "nobody":
            return jwt.encode(dict(claims), "", algorithm="none", headers={"kid": self.key_id})
        self._stranger = self._stranger or SigningKey()
        return self._stranger.sign(claims, key_id=self.key_id if signer == "stranger" else None)

    def verified(self, token: str) -> Mapping[str, Json]:
        """The claims of a token that a published key signed.

        Raises:
            jwt.InvalidTokenError: it is malformed, or somebody else signed it.
        """
        key_id = jwt.get_unverified_header(token).get("kid")
        key = next((key for key in self._published if key.key_id == key_id), None)
        if key is None:
            raise jwt.InvalidSignatureError("no published key has that id")
        return key.verified(token)

    def document(self, *, issuer: str) -> Mapping[str, Json]:
        """The JSON Web Key Set, each key with the issuer it signs for."""
        return {"keys": [key.document(issuer=issuer) for key in self._published]}
