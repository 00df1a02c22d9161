"""The box in which credentials are kept: AES-256-GCM, bound to their context. Keys come from `keys`.

An envelope is one byte of version, four of key id, twelve of nonce, then ciphertext and tag. The context, the version
and the key id are authenticated with it.
"""

import os
from collections.abc import Callable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from entraid_service.errors import SecretUnreadable
from entraid_service.model.secret import Secret
from entraid_service.oauth.keys import EncryptionKey

_VERSION = b"\x01"
_ID_END = 5
_NONCE_BYTES = 12
"""Random nonces are safe for 2^32 seals under one key (NIST SP 800-38D, 8.3); a service seals one per Connect."""

_NONCE_END = _ID_END + _NONCE_BYTES


class AesGcmSecretBox:
    """Implements `ports.SecretBox`. The first key seals, each of them opens, so that keys can be rotated.

    Args:
        keys: At least one.
        reread: The keys as they are by now, where another process may have put a new one before them while this one
            runs. Called before each seal, so that nothing is sealed with a key that is on its way out, and once for a
            value that no key opens.

    Raises:
        ValueError: There is no key.
    """

    def __init__(
        self, keys: Sequence[EncryptionKey], *, reread: Callable[[], Sequence[EncryptionKey]] | None = None
    ) -> None:
        self._reread = reread
        self._take(keys)

    def is_current(self, sealed: bytes) -> bool:
        """Whether a value was sealed with the key that seals now."""
        return sealed[:_ID_END] == _VERSION + self._sealing_id

    def _take(self, keys: Sequence[EncryptionKey]) -> None:
        if not keys:
            raise ValueError("a secret box needs at least one key")
        self._sealing_id = keys[0].id
        self._ciphers = {key.id: AESGCM(key.key) for key in reversed(keys)}

    def seal(self, plaintext: Secret, *, context: str) -> bytes:
        """See `ports.SecretBox.seal`."""
        if self._reread is not None:
            self._take(self._reread())
        head = _VERSION + self._sealing_id
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self._sealing_id].encrypt(nonce, plaintext.reveal().encode(), _bound(head, context))
        return head + nonce + sealed

    def open(self, sealed: bytes, *, context: str) -> Secret:
        """See `ports.SecretBox.open`."""
        head, nonce = sealed[:_ID_END], sealed[_ID_END:_NONCE_END]
        if len(sealed) < _NONCE_END or not head.startswith(_VERSION):
            raise SecretUnreadable("a stored credential is damaged: connect again to replace it")
        if head[1:] not in self._ciphers and self._reread is not None:
            self._take(self._reread())
        cipher = self._ciphers.get(head[1:])
        if cipher is None:
            raise SecretUnreadable(
                "a stored credential was sealed with another encryption key: configure that key beside this one, "
                "or connect again to replace the credential"
            )
        try:
            return Secret(cipher.decrypt(nonce, sealed[_NONCE_END:], _bound(head, context)).decode())
        except (InvalidTag, UnicodeDecodeError) as error:
            raise SecretUnreadable(
                "a stored credential was altered, or belongs to another connection: connect again to replace it"
            ) from error


def _bound(head: bytes, context: str) -> bytes:
    return head + b"\0" + context.encode()
