"""Users and the names that find them, written together.

A user who is put again may have lost a name: the names of the former row go first. Nothing here begins or ends a
transaction.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import aiosqlite
import msgspec

from entraid_service.model.directory import User
from entraid_service.model.keys import Key, encode_id
from entraid_service.store import rows

# SQLite takes 32,766 values in one statement at least: https://www.sqlite.org/limits.html#max_variable_number
_IDS_PER_QUERY = 1_000

# Names that are sorted in one go: the interpreter lets nobody else run meanwhile, which the event loop would wait for.
_NAMES_PER_SORT = 1_000

_PUT_USER = "INSERT OR REPLACE INTO directory_user (generation, object_id, record) VALUES (?, ?, ?)"
_PUT_NAME = "INSERT OR IGNORE INTO user_name (generation, kind, folded, object_id) VALUES (?, ?, ?, ?)"
_DELETE_USER = "DELETE FROM directory_user WHERE generation = ? AND object_id = ?"
_DELETE_NAME = "DELETE FROM user_name WHERE generation = ? AND kind = ? AND folded = ? AND object_id = ?"


class UserRow(msgspec.Struct, frozen=True, gc=False):
    """A user as written: key, record, and every (kind, folded name).

    Of these a batch holds many thousands, which garbage collection would go through again and again for nothing.
    """

    key: Key
    record: bytes
    names: tuple[tuple[int, str], ...]


def user_row(user: User) -> UserRow:
    """The row of a user."""
    return UserRow(encode_id(user.id), rows.encode_user(user), tuple(rows.names_of(user)))


async def put_users(db: aiosqlite.Connection, generation: int, users: Sequence[UserRow]) -> None:
    """Writes users, each key once, over those of the same keys."""
    for start in range(0, len(users), _IDS_PER_QUERY):
        former = await read_records(db, generation, [user.key for user in users[start : start + _IDS_PER_QUERY]])
        if former:
            await db.executemany(_DELETE_NAME, _name_rows(generation, _former_rows(former)))
    await db.executemany(_PUT_USER, ((generation, user.key, user.record) for user in users))
    await db.executemany(_PUT_NAME, _sorted_name_rows(generation, users))


async def change_users(db: aiosqlite.Connection, generation: int, users: Sequence[UserRow]) -> tuple[int, list[Key]]:
    """Writes those of at most a query's users who differ; tells how many those are, and which of them are new."""
    former = await read_records(db, generation, [user.key for user in users])
    changed = [user for user in users if former.get(user.key) != user.record]
    known = _former_rows({user.key: former[user.key] for user in changed if user.key in former})
    # Most changes touch no name; each name is a page of its own, anywhere in the table.
    before, after = set(_name_rows(generation, known)), set(_name_rows(generation, changed))
    await db.executemany(_DELETE_NAME, sorted(before - after, key=lambda row: row[1:3]))
    await db.executemany(_PUT_USER, ((generation, user.key, user.record) for user in changed))
    await db.executemany(_PUT_NAME, sorted(after - before, key=lambda row: row[1:3]))
    return len(changed), [user.key for user in changed if user.key not in former]


async def delete_users(db: aiosqlite.Connection, generation: int, users: Sequence[UserRow]) -> None:
    """Deletes users and their names."""
    await db.executemany(_DELETE_NAME, _name_rows(generation, users))
    await db.executemany(_DELETE_USER, ((generation, user.key) for user in users))


async def read_records(
    db: aiosqlite.Connection, generation: int, keys: Sequence[Key], *, table: str = "directory_user"
) -> dict[Key, bytes]:
    """The records of at most a query's users, or groups, by key."""
    marks = ", ".join("?" * len(keys))
    query = f"SELECT object_id, record FROM {table} WHERE generation = ? AND object_id IN ({marks})"  # noqa: S608 - marks
    return {row[0]: row[1] for row in await db.execute_fetchall(query, (generation, *keys))}


def _former_rows(records: dict[Key, bytes]) -> list[UserRow]:
    return [user_row(rows.decode_user(key, record)) for key, record in records.items()]


def _name_rows(generation: int, users: Iterable[UserRow]) -> Iterator[tuple[int, int, str, Key]]:
    for user in users:
        for kind, folded in user.names:
            yield generation, kind, folded, user.key


def _sorted_name_rows(generation: int, users: Iterable[UserRow]) -> Iterator[tuple[int, int, str, Key]]:
    # In the order of the table, so that neighbours share a page that is written once. A generator: it runs, and sorts,
    # in the thread of the connection.
    names = _name_rows(generation, users)
    portions = iter(lambda: sorted(islice(names, _NAMES_PER_SORT), key=_place), [])
    yield from heapq.merge(*portions, key=_place)


def _place(row: tuple[int, int, str, Key]) -> tuple[int, str]:
    return row[1], row[2]
