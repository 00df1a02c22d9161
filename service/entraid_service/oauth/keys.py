"""The keys that seal stored credentials: made, read from text or file. What they seal is in `secretbox`."""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from entraid_service.model.secret import Secret

_KEY_BYTES = 32
_ID_BYTES = 4


class KeyUnusable(ValueError):  # noqa: N818 - as in `errors`
    """A key, or the file it is in, cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """32 bytes for AES-256."""

    key: bytes = field(repr=False)

    @property
    def id(self) -> bytes:
        """Which key it is: 4 bytes of a digest, which tell nothing of a random key."""
        return hashlib.sha256(b"entraid encryption key id\0" + self.key).digest()[:_ID_BYTES]


def parse_key(text: Secret) -> EncryptionKey:
    """A key from its base64 text, in the standard or the URL alphabet.

    Raises:
        KeyUnusable: It is not base64 of 32 bytes.
    """
    try:
        key = base64.b64decode(text.reveal().strip().replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_BYTES:
        # Not `from` the decoder's error, which knows the text.
        raise KeyUnusable(
            f"the encryption key is not base64 of {_KEY_BYTES} bytes: make one with `openssl rand -base64 {_KEY_BYTES}`"
        ) from None
    return EncryptionKey(key)


def parse_keys(text: Secret) -> tuple[EncryptionKey, ...]:
    """The keys of a text, one per line: the first seals, all of them open.

    Raises:
        KeyUnusable: A line is not base64 of 32 bytes, or there is none.
    """
    return tuple(parse_key(Secret(line)) for line in text.reveal().splitlines() if line.strip()) or (parse_key(text),)


def read_key_file(path: Path) -> tuple[EncryptionKey, ...]:
    """The keys of a file, one base64 line each: the first seals, all of them open.

    Raises:
        KeyUnusable: It cannot be read, others than its owner may read it, or it holds no key.
    """
    try:
        with path.open(encoding="ascii") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise KeyUnusable(
                    f"the key file `{path}` is open to others than its owner (mode {mode:04o}): `chmod 600` it, and "
                    "replace the key if somebody may have read it"
                )
            lines = [line for line in file.read().splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise KeyUnusable(f"the key file `{path}` is not text: it holds one base64 key per line") from None
    except OSError as error:
        raise KeyUnusable(
            f"the key file `{path}` cannot be read: {error.strerror}; stored credentials need it, restore it from the "
            "backup"
        ) from error
    if not lines:
        raise KeyUnusable(f"the key file `{path}` is empty: restore it from the backup; stored credentials need it")
    return tuple(parse_key(Secret(line)) for line in lines)


def create_key_file(path: Path) -> EncryptionKey:
    """Writes a new random key into a new file that only its owner may read.

    Raises:
        KeyUnusable: The file is there already, or cannot be written.
    """
    key = EncryptionKey(secrets.token_bytes(_KEY_BYTES))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise KeyUnusable(f"the key file `{path}` is there already: it is not overwritten") from error
    except OSError as error:
        raise KeyUnusable(
            f"the key file `{path}` cannot be written: {error.strerror}; choose another folder"
        ) from error
    _write(descriptor, (key,))
    return key


def add_key(path: Path) -> tuple[EncryptionKey, ...]:
    """Puts a new random key before those of a key file, and tells all of them.

    Raises:
        KeyUnusable: The file cannot be read or written.
    """
    keys = (EncryptionKey(secrets.token_bytes(_KEY_BYTES)), *read_key_file(path))
    replace_keys(path, keys)
    return keys


def replace_keys(path: Path, keys: Sequence[EncryptionKey]) -> None:
    """Writes a key file anew: whole or not at all, whatever happens.

    Raises:
        KeyUnusable: It cannot be written.
    """
    draft = path.with_name(f"{path.name}.new")
    try:
        draft.unlink(missing_ok=True)
        _write(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), keys)
        draft.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise KeyUnusable(
            f"the key file `{path}` cannot be written: {error.strerror}; nothing was changed, give this process access"
        ) from error


def _write(descriptor: int, keys: Sequence[EncryptionKey]) -> None:
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.writelines(base64.b64encode(key.key).decode() + "\n" for key in keys)
        file.flush()
        os.fsync(file.fileno())


def signing_key(key: EncryptionKey) -> Secret:
    """The key that signs page and snapshot tokens: derived, so that all processes of an installation share it."""
    return Secret(hmac.digest(key.key, b"entraid token signing", "sha256").hex())
