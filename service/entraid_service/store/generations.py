"""Generations: complete reads, by number.

Which rows belong to a read, whether it may still be written, and how it is dropped: in steps of some milliseconds,
between which others may write. Who may be dropped is decided by `directory`.
"""

import asyncio
from typing import NamedTuple

import aiosqlite

from entraid_service.errors import ResourceNotFound, StoreUnavailable
from entraid_service.model.connection import Connection
from entraid_service.store.database import Database

_STEP_ROWS = 5_000
_IS_KEPT = "(SELECT generation FROM snapshot UNION ALL SELECT generation FROM held_read)"
_START = """
INSERT INTO generation (connection_id, connection_uid, tenant_id, holder) VALUES (?, ?, ?, ?) RETURNING id
"""
_WRITABLE = f"SELECT 1 FROM generation WHERE id = ? AND NOT is_dropped AND id NOT IN {_IS_KEPT}"  # noqa: S608 - constants
_DROP = f"UPDATE generation SET is_dropped = 1 WHERE id = ? AND id NOT IN {_IS_KEPT}"  # noqa: S608 - constants
_LEFT_OVER = f"SELECT id, holder FROM generation WHERE NOT is_dropped AND id NOT IN {_IS_KEPT}"  # noqa: S608 - constants
_DROPPED = "SELECT id FROM generation WHERE is_dropped"


class Table(NamedTuple):
    """A table of directory rows and its key behind the generation."""

    name: str
    key: tuple[str, ...]


USERS = Table("directory_user", ("object_id",))
NAMES = Table("user_name", ("kind", "folded", "object_id"))
GROUPS = Table("directory_group", ("object_id",))
MEMBERSHIPS = Table("membership", ("group_id", "member_id"))
MEMBER_OF = Table("member_of", ("member_id", "group_id"))
NESTING = Table("nesting", ("group_id", "child_id"))
TABLES = (USERS, NAMES, GROUPS, MEMBERSHIPS, MEMBER_OF, NESTING)


async def start_generation(database: Database, connection: Connection, *, holder: str) -> int:
    """The number of a new generation of a connection, written by the process `holder`.

    Raises:
        ResourceNotFound: the connection is gone, or another one has its name.
    """
    async with database.transaction() as db:
        await _check_connection(db, connection)
        (row,) = await db.execute_fetchall(_START, (connection.id, connection.uid, connection.tenant_id, holder))
    return int(row[0])


async def check_writable(db: aiosqlite.Connection, generation: int, connection: Connection) -> None:
    """Whether a generation may be written, asked within the transaction that writes it.

    Raises:
        ResourceNotFound: the connection is gone, or another one has its name.
        StoreUnavailable: the generation was dropped, or is served or held.
    """
    await _check_connection(db, connection)
    if not list(await db.execute_fetchall(_WRITABLE, (generation,))):
        raise StoreUnavailable(
            "this sync cannot go on writing: its read was committed or dropped already, here or by another process; "
            "sync again"
        )


async def mark_dropped(database: Database, generation: int) -> None:
    """Closes a generation for writers, unless it is served or held."""
    async with database.transaction() as db:
        await db.execute(_DROP, (generation,))


async def left_over(database: Database) -> list[tuple[int, str]]:
    """Every generation that is neither served nor held nor dropped, with the process that began it."""
    async with database.reading() as db:
        return [(int(row[0]), str(row[1])) for row in await db.execute_fetchall(_LEFT_OVER)]


async def dropped(database: Database) -> list[int]:
    """Every generation that was dropped and still has rows."""
    async with database.reading() as db:
        return [int(row[0]) for row in await db.execute_fetchall(_DROPPED)]


async def drop_generation(database: Database, generation: int) -> None:
    """Deletes a generation's rows, then its number and links. What is cut short is dropped by the next clean-up."""
    for table in TABLES:
        await clear(database, table, generation)
    async with database.transaction() as db:
        await db.execute("DELETE FROM generation WHERE id = ?", (generation,))


async def clear(database: Database, table: Table, generation: int) -> None:
    """Deletes a generation's rows of one table in steps."""
    name, keys = table.name, ", ".join(table.key)
    marks = ", ".join("?" * len(table.key))
    # A range and not `IN (SELECT ... LIMIT)`: that scans the whole generation at each step, 300 times as long.
    bound = f"SELECT {keys} FROM {name} WHERE generation = ? ORDER BY {keys} LIMIT 1 OFFSET {_STEP_ROWS - 1}"  # noqa: S608 - constants
    up_to = f"DELETE FROM {name} WHERE generation = ? AND ({keys}) <= ({marks})"  # noqa: S608 - constants
    rest = f"DELETE FROM {name} WHERE generation = ?"  # noqa: S608 - constants
    is_done = False
    while not is_done:
        async with database.transaction(durable=False) as db:
            last = list(await db.execute_fetchall(bound, (generation,)))
            if last:
                await db.execute(up_to, (generation, *last[0]))
            else:
                await db.execute(rest, (generation,))
                is_done = True
        await asyncio.sleep(0)
    await database.bound_log()


async def _check_connection(db: aiosqlite.Connection, connection: Connection) -> None:
    query = "SELECT 1 FROM connection WHERE id = ? AND uid = ?"
    if not list(await db.execute_fetchall(query, (connection.id, connection.uid))):
        raise ResourceNotFound("connection", f"connections/{connection.id}")
