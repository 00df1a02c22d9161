"""Users as decisions read them, many at once and in the order of their ids: all of them, or the candidates.

For searches, which go through a directory beside the decisions and must not push from memory whom those look at.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

import aiosqlite
import msgspec

from entraid_service.model.candidates import Candidates
from entraid_service.model.keys import Key, encode_id, key_row
from entraid_service.ports.decisions import UserRecord
from entraid_service.store import rows

_GROUPS_PER_QUERY: Final = 200
"""SQLite joins 500 selects at most: https://www.sqlite.org/limits.html#max_compound_select."""

_ALL = "SELECT object_id, record FROM directory_user WHERE generation = ? AND object_id > ? ORDER BY object_id LIMIT ?"
_SOME = (
    "SELECT object_id, record FROM directory_user WHERE generation = ? AND object_id IN ({marks}) ORDER BY object_id"
)
_EDGES_OF_ALL = "SELECT member_id, group_id FROM member_of WHERE generation = ? AND member_id >= ? AND member_id <= ?"
_EDGES_OF_SOME = "SELECT member_id, group_id FROM member_of WHERE generation = ? AND member_id IN ({marks})"
# Each group gives as many as the page takes at most, in order: that bounds the work whatever the groups hold.
_MEMBERS = """
SELECT * FROM (
    SELECT member_id FROM membership WHERE generation = ? AND group_id = ? AND member_id > ? ORDER BY member_id LIMIT ?
)
"""
_NAMED = """
SELECT object_id FROM user_name
WHERE generation = ? AND kind IN (0, 1) AND folded IN (SELECT value FROM json_each(?)) AND object_id > ?
"""


async def read_records(
    db: aiosqlite.Connection, generation: int, *, start: Key | int, limit: int, among: Candidates | None
) -> list[UserRecord]:
    """At most `limit` users behind `start`, within a read transaction."""
    if among is None:
        found = list(await db.execute_fetchall(_ALL, (generation, start, limit)))
        edges = await _edges_between(db, generation, found)
    else:
        found, edges = await _read_candidates(db, generation, start, limit, among)
    return _joined(found, edges)


async def _read_candidates(
    db: aiosqlite.Connection, generation: int, start: Key | int, limit: int, among: Candidates
) -> tuple[list[sqlite3.Row], Iterable[sqlite3.Row]]:
    """The first candidates behind `start` who exist."""
    found: list[sqlite3.Row] = []
    while True:
        keys = await _candidate_keys(db, generation, start, limit, among)
        if not keys:
            break
        marks = ", ".join("?" * len(keys))
        found += await db.execute_fetchall(_SOME.format(marks=marks), (generation, *keys))
        if found:
            break
        start = keys[-1]  # all of them members who are not synced: the page starts behind them
    chosen = [row[0] for row in found]
    marks = ", ".join("?" * len(chosen))
    return found, await db.execute_fetchall(_EDGES_OF_SOME.format(marks=marks), (generation, *chosen))


async def _candidate_keys(
    db: aiosqlite.Connection, generation: int, start: Key | int, limit: int, among: Candidates
) -> list[Key]:
    keys: set[Key] = set()
    groups = [encode_id(group) for group in among.groups]
    for first in range(0, len(groups), _GROUPS_PER_QUERY):
        some = groups[first : first + _GROUPS_PER_QUERY]
        query = " UNION ".join([_MEMBERS] * len(some))
        values = [value for group in some for value in (generation, group, start, limit)]
        keys.update(row[0] for row in await db.execute_fetchall(query, values))
    if among.names:
        names = msgspec.json.encode(sorted(among.names)).decode()
        keys.update(row[0] for row in await db.execute_fetchall(_NAMED, (generation, names, start)))
        ids = (encode_id(name) for name in among.names)
        keys.update(key for key in ids if _order(key) > _order(start))
    return sorted(keys, key=_order)[:limit]


async def _edges_between(
    db: aiosqlite.Connection, generation: int, found: Sequence[sqlite3.Row]
) -> Iterable[sqlite3.Row]:
    if not found:
        return []
    return await db.execute_fetchall(_EDGES_OF_ALL, (generation, found[0][0], found[-1][0]))


def _joined(found: Sequence[sqlite3.Row], edges: Iterable[sqlite3.Row]) -> list[UserRecord]:
    groups: dict[Key, list[Key]] = {}
    for member, group in edges:
        groups.setdefault(member, []).append(group)
    return [UserRecord(rows.decode_user(key, record), key_row(groups.get(key, ()))) for key, record in found]


def _order(key: Key | int) -> tuple[int, bytes]:
    """Sorts as SQLite does: integers before texts before blobs."""
    if isinstance(key, int):
        return 0, b""
    return (1, key.encode()) if isinstance(key, str) else (2, key)
