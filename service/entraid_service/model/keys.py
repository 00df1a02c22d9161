"""Object ids in short, as they are stored and compared by the million: 16 bytes for a GUID, else the text itself.

Two ids are one key only if they are the same GUID or the same text.
"""

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct
from typing import TypeAlias, cast

Key: TypeAlias = bytes | str

KeyRow: TypeAlias = bytes | tuple[Key, ...]
"""Keys in the least memory: joined, if all of them are bytes."""

_GUID_LENGTH = 36
_KEY_BYTES = 16
_FEW_KEYS = 8
"""So many are found sooner one after the other than by taking the row apart."""


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


def are_disjoint(row: KeyRow, keys: frozenset[Key]) -> bool:
    """Whether none of the keys is in the row."""
    if len(keys) > _FEW_KEYS or not isinstance(row, bytes):
        return keys.isdisjoint(keys_in(row))
    for key in keys:
        if isinstance(key, bytes):
            place = row.find(key)
            while place >= 0:
                if place % _KEY_BYTES == 0:
                    return False
                place = row.find(key, place + 1)  # the end of one and the beginning of the next one look like it
    return True


def keys_in(row: KeyRow) -> tuple[Key, ...]:
    """The keys of a row."""
    return _splitter(len(row)).unpack(row) if isinstance(row, bytes) else row


@lru_cache(maxsize=256)  # some hundred bytes each; of users in very many groups there are few
def _splitter(size: int) -> Struct:
    return Struct(f"{_KEY_BYTES}s" * (size // _KEY_BYTES))
