"""Consents under way, and every sealed value for those who change the key.

A step of a consent checks and raises its version in one statement: of two that take the same step, one finds nothing.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import msgspec

from entraid_service.errors import ResourceNotFound
from entraid_service.model.consent import Consent
from entraid_service.ports.consent import SealedValue
from entraid_service.store import rows
from entraid_service.store.database import Database

_COLUMNS = "id, connection_id, version, expire_time, link, state, sealed, record"
_INSERT = f"INSERT INTO consent ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants
_ADVANCE = """
UPDATE consent SET id = ?, connection_id = ?, version = ?, expire_time = ?, link = ?, state = ?, sealed = ?, record = ?
WHERE id = ? AND version = ?
"""
_SEALED = """
SELECT 'credential', connection.uid, credential.sealed
FROM credential JOIN connection ON connection.id = credential.connection_id WHERE credential.sealed <> x''
UNION ALL SELECT 'consent', id, sealed FROM consent WHERE sealed <> x''
"""
_RESEAL = {
    "credential": """
UPDATE credential SET sealed = ?
WHERE connection_id = (SELECT id FROM connection WHERE uid = ?) AND sealed = ?
""",
    "consent": "UPDATE consent SET sealed = ? WHERE id = ? AND sealed = ?",
}

_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(Consent).decode


class SqliteConsents:
    """The `ConsentStore` of one database, and its `SealedValues`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, consent: Consent, *, now: datetime) -> None:
        """Adds one; see the port."""
        async with self._database.transaction() as db:
            await db.execute(
                "DELETE FROM consent WHERE connection_id = ? OR expire_time <= ?",
                (consent.connection_id, rows.encode_time(now)),
            )
            try:
                await db.execute(_INSERT, _values(consent))
            except sqlite3.IntegrityError as error:
                raise ResourceNotFound("connection", f"connections/{consent.connection_id}") from error

    async def get(self, consent_id: str) -> Consent | None:
        """The consent of this id; see the port."""
        return await self._one("SELECT sealed, record FROM consent WHERE id = ?", consent_id)

    async def by_link(self, digest: bytes) -> Consent | None:
        """The consent of this link; see the port."""
        return await self._one("SELECT sealed, record FROM consent WHERE link = ?", digest)

    async def by_state(self, digest: bytes) -> Consent | None:
        """The consent that waits for this state; see the port."""
        return await self._one("SELECT sealed, record FROM consent WHERE state = ?", digest)

    async def advance(self, consent: Consent, *, expected_version: int) -> bool:
        """Replaces a consent; see the port."""
        async with self._database.transaction() as db:
            cursor = await db.execute(_ADVANCE, (*_values(consent), consent.id, expected_version))
            return cursor.rowcount == 1

    async def sealed_values(self) -> list[SealedValue]:
        """Every sealed value; see the port."""
        async with self._database.reading() as db:
            return [SealedValue(row[0], row[1], row[2]) for row in await db.execute_fetchall(_SEALED)]

    async def replace_sealed(self, pairs: Sequence[tuple[SealedValue, bytes]]) -> int:
        """Puts new bytes in the place of old ones; see the port."""
        left = 0
        async with self._database.transaction() as db:
            for value, sealed in pairs:
                cursor = await db.execute(_RESEAL[value.field], (sealed, value.owner, value.sealed))
                left += cursor.rowcount != 1
        # The old bytes are overwritten in the file; this empties the log, which holds them too.
        await self._database.checkpoint()
        return left

    async def _one(self, query: str, key: str | bytes) -> Consent | None:
        async with self._database.reading() as db:
            for sealed, record in await db.execute_fetchall(query, (key,)):
                return replace(_decode(record), sealed=sealed)
        return None


def _values(consent: Consent) -> tuple[str | int | bytes | None, ...]:
    return (
        consent.id,
        consent.connection_id,
        consent.version,
        rows.encode_time(consent.expire_time),
        consent.link_digest,
        consent.state_digest or None,
        consent.sealed,
        _encode(replace(consent, sealed=b"")).decode(),
    )
