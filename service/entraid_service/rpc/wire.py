"""Protobuf's wire format, as far as it takes to find the fields of a message and to write texts and bytes.

https://protobuf.dev/programming-guides/encoding/. For the messages of the hot path only: making message objects costs
several times what a decision does. Readers take the plain form, the one that serializers write, and leave all others
to the generated classes.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from google.protobuf.message import DecodeError

from entraid_service.errors import InvalidField

M = TypeVar("M")

_CONTINUED = 0x80
_MOST_SIZE_BYTES = 5


def read_message(read: Callable[[bytes], M], data: bytes) -> M:
    """A request as its class reads it.

    Raises:
        InvalidField: The bytes are no message.
    """
    try:
        return read(data)
    except DecodeError as error:
        raise InvalidField(
            "request", "the bytes are not a message of this method: check the client's version of the API"
        ) from error


def tag(field: int) -> int:
    """The first byte of a field that holds a text, bytes or a message; `field` is at most 15."""
    return field << 3 | 2


def delimited(field: int, content: bytes) -> bytes:
    """A field that holds a text, bytes or a message."""
    return head(field, len(content)) + content


@lru_cache(maxsize=4096)  # answers have a few hundred lengths
def nested_head(outer: int, inner: int, size: int) -> bytes:
    """What stands before so many bytes that are a field `inner` of a message, which is alone in a field `outer`."""
    nested = head(inner, size)
    return head(outer, len(nested) + size) + nested


@lru_cache(maxsize=4096)
def head(field: int, size: int) -> bytes:
    """What stands before so many bytes that are a field."""
    made = bytearray((tag(field),))
    while size >= _CONTINUED:
        made.append(size & 0x7F | _CONTINUED)
        size >>= 7
    made.append(size)
    return bytes(made)


def parts(data: bytes, fields: bytes) -> list[bytes] | None:
    """The contents of a message that has these fields, given by their tags, once each, in this order, and no others.

    None if the message has another form, or the bytes are no message.
    """
    found = []
    place = 0
    try:
        for expected in fields:
            if data[place] != expected:
                return None
            start, end = _extent(data, place + 1)
            found.append(data[start:end])
            place = end
    except IndexError:
        return None
    return found if place == len(data) else None


def repeated(data: bytes, field: int) -> list[bytes] | None:
    """The contents of a message that has one field, given by its tag, as often as it likes; None as for `parts`."""
    found = []
    place = 0
    try:
        while place < len(data):
            if data[place] != field:
                return None
            start, end = _extent(data, place + 1)
            found.append(data[start:end])
            place = end
    except IndexError:
        return None
    return found if place == len(data) else None


def _extent(data: bytes, place: int) -> tuple[int, int]:
    """Where the content begins and ends whose size is written at `place`.

    Raises:
        IndexError: The bytes end before, or the size has no end.
    """
    size = data[place]
    place += 1
    if size < _CONTINUED:
        return place, place + size
    byte = data[place]
    if byte < _CONTINUED:  # as nearly all that are longer
        return place + 1, place + 1 + (size & 0x7F | byte << 7)
    size &= 0x7F
    for shift in range(7, 7 * _MOST_SIZE_BYTES, 7):
        byte = data[place]
        place += 1
        size |= (byte & 0x7F) << shift
        if byte < _CONTINUED:
            return place, place + size
    raise IndexError(place)
