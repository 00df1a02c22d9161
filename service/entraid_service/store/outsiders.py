"""With Groups to Sync the members are the synced users: here those are found who are in none of the groups.

Of a complete read everybody is looked at, of an increment those whose edges or record changed. An edge to a group that
is not synced itself counts for nothing.
"""

from collections.abc import Sequence

import aiosqlite

from entraid_service.model.keys import Key
from entraid_service.store import rows
from entraid_service.store.database import Database
from entraid_service.store.edges import count_former
from entraid_service.store.pieces import pieces
from entraid_service.store.userrows import delete_users, user_row

# Users who are looked through at a time, and decoded on the event loop: some milliseconds.
_USERS_PER_STEP = 2_000

_OUTSIDERS = """
SELECT object_id, record FROM directory_user
WHERE generation = ?1 AND object_id > ?2 AND (?3 IS NULL OR object_id <= ?3) AND object_id NOT IN (
    SELECT m.member_id FROM directory_group g CROSS JOIN membership m ON m.generation = ?1 AND m.group_id = g.object_id
    WHERE g.generation = ?1 AND m.member_id > ?2 AND (?3 IS NULL OR m.member_id <= ?3))
"""
_MAKE = "CREATE TEMP TABLE IF NOT EXISTS outsider (object_id BLOB NOT NULL PRIMARY KEY) WITHOUT ROWID"
_ADD = "INSERT OR IGNORE INTO temp.outsider VALUES (?)"
_ADD_WHO_LOST_AN_EDGE = "INSERT OR IGNORE INTO temp.outsider SELECT member_id FROM temp.lost_edge"
# An edge to a group that goes may come again at once, and then counts for nothing all the same.
_ADD_WHO_LOST_A_GROUP = """
INSERT OR IGNORE INTO temp.outsider
SELECT m.member_id FROM temp.removed_group r CROSS JOIN membership m ON m.generation = ?1 AND m.group_id = r.object_id
"""
_LET_IN = """
DELETE FROM temp.outsider WHERE EXISTS (
    SELECT 1 FROM member_of o CROSS JOIN directory_group g ON g.generation = ?1 AND g.object_id = o.group_id
    WHERE o.generation = ?1 AND o.member_id = outsider.object_id)
"""
_SERVED = """
SELECT u.object_id, u.record
FROM temp.outsider o CROSS JOIN directory_user u ON u.generation = ?1 AND u.object_id = o.object_id
WHERE o.object_id > ?2 ORDER BY o.object_id LIMIT ?3
"""


async def drop_outsiders(database: Database, generation: int) -> None:
    """Drops the users of a complete read who are in none of its groups, by the edges as Graph told them."""
    for after, until in await pieces(database, generation, _USERS_PER_STEP):
        async with database.transaction(durable=False) as db:
            found = await db.execute_fetchall(_OUTSIDERS, (generation, after, until))
            await delete_users(db, generation, [user_row(rows.decode_user(*row)) for row in found])


class Outsiders:
    """The outsiders of an increment, found once its groups and edges are changed; lives as long as the transaction."""

    def __init__(self, db: aiosqlite.Connection, generation: int) -> None:
        self._db = db
        self._generation = generation

    async def find(self, changed: Sequence[Key]) -> None:
        """Looks at these users and at those who lost an edge (`edges.lost_edge`), or the group at its end."""
        await self._db.execute(_MAKE)
        await self._db.execute("DELETE FROM temp.outsider")
        await self._db.executemany(_ADD, ((key,) for key in changed))
        await self._db.execute(_ADD_WHO_LOST_AN_EDGE)
        await self._db.execute(_ADD_WHO_LOST_A_GROUP, (self._generation,))
        await self._db.execute(_LET_IN, (self._generation,))

    async def drop(self) -> tuple[int, int]:
        """Drops those who are served, and tells how many they were, and how many edges went with them."""
        count = edges = 0
        last: Key | int = rows.FIRST_KEY
        while found := list(await self._db.execute_fetchall(_SERVED, (self._generation, last, _USERS_PER_STEP))):
            await delete_users(self._db, self._generation, [user_row(rows.decode_user(*row)) for row in found])
            edges += await count_former(self._db, self._generation, [row[0] for row in found])
            last = found[-1][0]
            count += len(found)
        return count, edges

    async def among(self, keys: Sequence[Key]) -> set[Key]:
        """Which of at most a query's users are outsiders."""
        marks = ", ".join("?" * len(keys))
        query = f"SELECT object_id FROM temp.outsider WHERE object_id IN ({marks})"  # noqa: S608 - marks
        return {row[0] for row in await self._db.execute_fetchall(query, tuple(keys))}
