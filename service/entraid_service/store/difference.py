"""What a staged generation changes against the one that is served: counted by the database, in its order of keys."""

import aiosqlite

from entraid_service.model.ids import ConnectionId
from entraid_service.model.syncrun import Changes

_OBJECTS = """
SELECT count(*), coalesce(sum(staged.record = served.record), 0)
FROM {table} staged
CROSS JOIN {table} served ON served.generation = ?2 AND served.object_id = staged.object_id
WHERE staged.generation = ?1
"""
_EDGES = """
SELECT count(*)
FROM {table} staged
CROSS JOIN {table} served ON served.generation = ?2 AND served.group_id = staged.group_id
    AND served.{member} = staged.{member}
WHERE staged.generation = ?1
"""
# No generation has this number: where nothing is served, everything is new.
_NOTHING = 0


async def difference(db: aiosqlite.Connection, connection_id: ConnectionId, staged: int) -> Changes:
    """The difference between a staged generation and what is served of its connection, within a read transaction."""
    served = _NOTHING
    for row in await db.execute_fetchall("SELECT generation FROM snapshot WHERE connection_id = ?", (connection_id,)):
        served = row[0]
    users_upserted, users_deleted = await _objects(db, "directory_user", staged, served)
    groups_upserted, groups_deleted = await _objects(db, "directory_group", staged, served)
    members_added, members_removed = await _edges(db, ("membership", "member_id"), staged, served)
    nestings_added, nestings_removed = await _edges(db, ("nesting", "child_id"), staged, served)
    return Changes(
        users_upserted=users_upserted,
        users_deleted=users_deleted,
        groups_upserted=groups_upserted,
        groups_deleted=groups_deleted,
        memberships_added=members_added + nestings_added,
        memberships_removed=members_removed + nestings_removed,
    )


async def _objects(db: aiosqlite.Connection, table: str, staged: int, served: int) -> tuple[int, int]:
    common, same = await _row(db, _OBJECTS.format(table=table), (staged, served))
    return await _count(db, table, staged) - same, await _count(db, table, served) - common


async def _edges(db: aiosqlite.Connection, names: tuple[str, str], staged: int, served: int) -> tuple[int, int]:
    table, member = names
    (common,) = await _row(db, _EDGES.format(table=table, member=member), (staged, served))
    return await _count(db, table, staged) - common, await _count(db, table, served) - common


async def _count(db: aiosqlite.Connection, table: str, generation: int) -> int:
    (count,) = await _row(db, f"SELECT count(*) FROM {table} WHERE generation = ?", (generation,))  # noqa: S608 - constants
    return count


async def _row(db: aiosqlite.Connection, query: str, values: tuple[int, ...]) -> list[int]:
    return [int(value) for row in await db.execute_fetchall(query, values) for value in row]
