"""Skip tokens: where a page ends, sealed so that only this emulator can write one and only the same list can use it."""

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta

from entraid_emulator.graph.errors import bad_request, expired_page_token

_POSITION = struct.Struct(">4sQQ")  # mark, ordinal to go on at, second of issue
_MARK = b"DSpt"
_RESTED_MARK = b"DSpr"
_SEAL_SIZE = 16


@dataclass(frozen=True, slots=True)
class Position:
    """Where a list goes on.

    Attributes:
        start: the ordinal.
        is_rested: whether an empty page stood before this one.
    """

    start: int
    is_rested: bool = False


class SkipTokens:
    """Writes and reads `$skiptoken` values."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def write(self, at: Position, scope: str, *, now: datetime) -> str:
        """A token to go on at a position of the list that `scope` describes (tenant, path, options)."""
        position = _POSITION.pack(_RESTED_MARK if at.is_rested else _MARK, at.start, int(now.timestamp()))
        return base64.urlsafe_b64encode(position + self._seal(position, scope)).rstrip(b"=").decode()

    def read(self, token: str, scope: str, *, now: datetime, lifetime: timedelta) -> Position:
        """The position of a token.

        Raises:
            GraphError: 400 when it was altered, belongs to another list or other options, or is too old.
        """
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise bad_request("Invalid page token.") from error
        position, seal = raw[: _POSITION.size], raw[_POSITION.size :]
        if len(seal) != _SEAL_SIZE or not hmac.compare_digest(seal, self._seal(position, scope)):
            raise bad_request("Invalid page token.")
        mark, start, issued = _POSITION.unpack(position)
        if now.timestamp() > issued + lifetime.total_seconds():
            raise expired_page_token()
        return Position(int(start), mark == _RESTED_MARK)

    def _seal(self, position: bytes, scope: str) -> bytes:
        return hmac.digest(self._key, position + scope.encode(), hashlib.sha256)[:_SEAL_SIZE]
