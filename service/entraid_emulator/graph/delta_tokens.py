"""The tokens of delta rounds: what a round is about and how far it came, sealed so that nobody else can write one.

All of it stands in the token, options too (https://learn.microsoft.com/graph/delta-query-overview), so the emulator
keeps nothing per round.
"""

import base64
import binascii
import hashlib
import hmac
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

import orjson

from entraid_emulator.graph.errors import bad_request
from entraid_emulator.objects import Json, ObjectId, TenantId

_SEAL_SIZE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """What a client asked to be told of, fixed with the first request of its first round.

    Attributes:
        resource: `users` or `groups`.
        select: as given; None without `$select`.
        ids: the only objects it is about; None for all.
    """

    resource: str
    select: tuple[str, ...] | None = None
    ids: tuple[ObjectId, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundPage:
    """One page of a round.

    Attributes:
        after: version of the directory that the client knows; None in an initial round.
        until: version at which the round began; the next round reports from there.
        place: where the page begins: an ordinal, or in later rounds a version.
        offset: how far the members of the object at `place` were told already.
        former: an object of the page before.
        is_first: whether the round begins here.
        is_rested: whether an empty page stood before this one.
    """

    after: int | None
    until: int
    place: int = 0
    offset: int = 0
    former: ObjectId | None = None
    is_first: bool = False
    is_rested: bool = False


Token: TypeAlias = tuple[Tracked, RoundPage, datetime]


class DeltaTokens:
    """Writes and reads `$skiptoken` and `$deltatoken` values of delta rounds."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def write(self, tracked: Tracked, page: RoundPage, *, tenant: TenantId, now: datetime) -> str:
        """A token that leads to a page."""
        document = [
            int(now.timestamp()),
            [tracked.resource, tracked.select, tracked.ids],
            [page.after, page.until, page.place, page.offset, page.former, page.is_first, page.is_rested],
        ]
        packed = zlib.compress(orjson.dumps(document))
        return base64.urlsafe_b64encode(self._seal(packed, tenant) + packed).rstrip(b"=").decode()

    def read(self, token: str, resource: str, *, tenant: TenantId) -> Token:
        """What a token says, and when it was written.

        Raises:
            GraphError: 400, it was altered, or belongs to another tenant or resource.
        """
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise bad_request("Badly formed token.") from error
        seal, packed = raw[:_SEAL_SIZE], raw[_SEAL_SIZE:]
        if not hmac.compare_digest(seal, self._seal(packed, tenant)):
            raise bad_request("Badly formed token.")
        tracked, page, issued = _unpacked(orjson.loads(zlib.decompress(packed)))
        if tracked.resource != resource:
            raise bad_request("Badly formed token.")
        return tracked, page, issued

    def _seal(self, packed: bytes, tenant: TenantId) -> bytes:
        return hmac.digest(self._key, b"delta" + tenant.encode() + packed, hashlib.sha256)[:_SEAL_SIZE]


def _unpacked(document: list[list[Json]]) -> Token:
    """The document back as values; the seal says that it was written here, so its shape is sure."""
    issued, (resource, select, ids), (after, until, place, offset, former, is_first, is_rested) = document
    tracked = Tracked(
        resource=str(resource),
        select=None if select is None else _texts(select),
        ids=None if ids is None else tuple(ObjectId(one) for one in _texts(ids)),
    )
    page = RoundPage(
        after=None if after is None else _number(after),
        until=_number(until),
        place=_number(place),
        offset=_number(offset),
        former=None if former is None else ObjectId(str(former)),
        is_first=bool(is_first),
        is_rested=bool(is_rested),
    )
    return tracked, page, datetime.fromtimestamp(_number(issued), UTC)


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"a sealed token holds `{value!r}` for a number")
    return value


def _texts(value: Json) -> tuple[str, ...]:
    return tuple(str(one) for one in value) if isinstance(value, list) else ()
