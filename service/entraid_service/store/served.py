"""What is served, read by whoever is about to change it: always of the very version that the changes are for."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from entraid_service.model.directory import Group, User
from entraid_service.model.ids import GroupId, UserId
from entraid_service.model.keys import Key, decode_id, encode_id
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.store import rows
from entraid_service.store.database import Database
from entraid_service.store.serving import check_served
from entraid_service.store.userrows import read_records

T = TypeVar("T")

# Rows that are decoded on the event loop at a time: some milliseconds.
_IDS_PER_QUERY = 500
_SAMPLE = "SELECT object_id, record FROM directory_user WHERE generation = ? ORDER BY object_id LIMIT ?"
_NESTING = "SELECT group_id, child_id FROM nesting WHERE generation = ?"


async def served_users(database: Database, version: SnapshotVersion, ids: Sequence[UserId]) -> list[User]:
    """Those of these users that are served; see `DirectoryStore.users`."""
    return await _read(database, version, ids, table="directory_user", decode=rows.decode_user)


async def served_groups(database: Database, version: SnapshotVersion, ids: Sequence[GroupId]) -> list[Group]:
    """Those of these groups that are served; see `DirectoryStore.groups`."""
    return await _read(database, version, ids, table="directory_group", decode=rows.decode_group)


async def served_with_managers(database: Database, version: SnapshotVersion, *, limit: int) -> list[User]:
    """Some who have a manager, each another one; see `DirectoryStore.some_with_managers`."""
    async with database.reading() as db:
        await check_served(db, version)
        found = await db.execute_fetchall(_SAMPLE, (version.generation, _IDS_PER_QUERY))
    users = (rows.decode_user(key, record) for key, record in found)
    by_manager = {user.manager_id: user for user in users if user.manager_id is not None}
    return list(islice(by_manager.values(), limit))


async def served_nesting(database: Database, version: SnapshotVersion) -> list[tuple[GroupId, GroupId]]:
    """Every edge from group to group that is served; see `DirectoryStore.nesting`."""
    async with database.reading() as db:
        await check_served(db, version)
        found = await db.execute_fetchall(_NESTING, (version.generation,))
    return [(GroupId(decode_id(group)), GroupId(decode_id(child))) for group, child in found]


async def _read(
    database: Database,
    version: SnapshotVersion,
    ids: Sequence[str],
    *,
    table: str,
    decode: Callable[[Key, bytes], T],
) -> list[T]:
    read: list[T] = []
    async with database.reading() as db:
        await check_served(db, version)
        for keys in _steps(list(dict.fromkeys(map(encode_id, ids)))):
            records = await read_records(db, version.generation, keys, table=table)
            read += [decode(key, record) for key, record in records.items()]
    return read


def _steps(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    for start in range(0, len(keys), _IDS_PER_QUERY):
        yield keys[start : start + _IDS_PER_QUERY]
