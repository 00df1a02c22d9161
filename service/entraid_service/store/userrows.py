"""Users and the names that find them, written together.

A user who is put again may have lost a name: the names of the former row go first. Nothing here begins or ends a
transaction.
"""

from collections.abc import Iterable, Sequence

import aiosqlite

from entraid_service.model.directory import User
from entraid_service.store import rows
from entraid_service.store.rows import Key

# SQLite takes 32,766 values in one statement at least: https://www.sqlite.org/limits.html#max_variable_number
_IDS_PER_QUERY = 1_000

_PUT_USER = "INSERT OR REPLACE INTO directory_user (generation, object_id, record) VALUES (?, ?, ?)"
_PUT_NAME = "INSERT OR IGNORE INTO user_name (generation, kind, folded, object_id) VALUES (?, ?, ?, ?)"
_DELETE_USER = "DELETE FROM directory_user WHERE generation = ? AND object_id = ?"
_DELETE_NAME = "DELETE FROM user_name WHERE generation = ? AND kind = ? AND folded = ? AND object_id = ?"


async def put_users(db: aiosqlite.Connection, generation: int, users: Sequence[User]) -> None:
    """Writes users, each id once, over those of the same ids."""
    keys = [rows.encode_id(user.id) for user in users]
    for start in range(0, len(keys), _IDS_PER_QUERY):
        former = await _read(db, generation, keys[start : start + _IDS_PER_QUERY])
        await db.executemany(_DELETE_NAME, list(_name_rows(generation, former)))
    records = [(generation, key, rows.encode_user(user)) for key, user in zip(keys, users, strict=True)]
    await db.executemany(_PUT_USER, records)
    # In the order of the table: then neighbours share a page that is written once.
    await db.executemany(_PUT_NAME, sorted(_name_rows(generation, users), key=lambda row: row[1:3]))


async def delete_users(db: aiosqlite.Connection, generation: int, users: Sequence[User]) -> None:
    """Deletes users and their names."""
    await db.executemany(_DELETE_NAME, list(_name_rows(generation, users)))
    await db.executemany(_DELETE_USER, [(generation, rows.encode_id(user.id)) for user in users])


async def _read(db: aiosqlite.Connection, generation: int, keys: Sequence[Key]) -> list[User]:
    marks = ", ".join("?" * len(keys))
    query = f"SELECT object_id, record FROM directory_user WHERE generation = ? AND object_id IN ({marks})"  # noqa: S608 - marks
    return [rows.decode_user(row[0], row[1]) for row in await db.execute_fetchall(query, (generation, *keys))]


def _name_rows(generation: int, users: Iterable[User]) -> Iterable[tuple[int, int, str, Key]]:
    for user in users:
        key = rows.encode_id(user.id)
        for kind, folded in rows.names_of(user):
            yield generation, kind, folded, key
