"""Object ids in short, as they are stored and compared by the million: 16 bytes for a GUID, else the text itself.

Two ids are one key only if they are the same GUID or the same text.
"""

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct
from typing import Final, TypeAlias, cast

Key: TypeAlias = bytes | str

KeyRow: TypeAlias = bytes | tuple[Key, ...]
"""Keys in the least memory: joined, if all of them are bytes."""

_GUID_LENGTH = 36
_KEY_BYTES = 16
_FEW_KEYS = 64
"""Of more than these, rows would nearly always hold a key that ends like one of them."""


def encode_id(object_id: str) -> Key:
    """An object id as a key."""
    if len(object_id) == _GUID_LENGTH and object_id[8] == object_id[13] == object_id[18] == object_id[23] == "-":
        try:
            raw = bytes.fromhex(object_id.replace("-", ""))
        except ValueError:
            return object_id
        # `fromhex` skips white space; then the result is short, and the id was no GUID.
        if len(raw) == _KEY_BYTES:
            return raw
    return object_id


def decode_id(key: Key) -> str:
    """The object id of a key."""
    if isinstance(key, str):
        return key
    digits = key.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def key_row(keys: Sequence[Key]) -> KeyRow:
    """Keys in a row."""
    try:
        return b"".join(cast("Sequence[bytes]", keys))
    except TypeError:  # a text among them
        return tuple(keys)


class KeySet:
    """Keys that rows are searched for."""

    __slots__ = ("_last_bytes", "keys")

    def __init__(self, keys: frozenset[Key]) -> None:
        self.keys: Final = keys
        # Of ids that were drawn at random few end alike: most rows that hold none of the keys are told by that.
        self._last_bytes = (
            bytes({key[-1] for key in keys if isinstance(key, bytes)}) if len(keys) <= _FEW_KEYS else None
        )

    def is_disjoint(self, row: KeyRow) -> bool:
        """Whether none of the keys is in the row."""
        if not isinstance(row, bytes):
            return self.keys.isdisjoint(row)
        if self._last_bytes is not None:
            last_bytes = row[_KEY_BYTES - 1 :: _KEY_BYTES]
            if len(last_bytes.translate(None, self._last_bytes)) == len(last_bytes):
                return True
        return self.keys.isdisjoint(keys_in(row))


def keys_in(row: KeyRow) -> tuple[Key, ...]:
    """The keys of a row."""
    return _splitter(len(row)).unpack(row) if isinstance(row, bytes) else row


@lru_cache(maxsize=256)  # some hundred bytes each; of users in very many groups there are few
def _splitter(size: int) -> Struct:
    return Struct(f"{_KEY_BYTES}s" * (size // _KEY_BYTES))
