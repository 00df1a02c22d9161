"""How many users, groups and memberships a generation has: counted once it is complete, then kept with it.

An edge to a user counts if the user is there. Microsoft Graph goes on telling the memberships of deleted users who may
be restored: such edges are kept, wait for their users, and are nothing to anybody until then.

An incremental sync adds and subtracts, for counting would take longer than the sync. Nothing here begins or ends a
transaction.
"""

from dataclasses import dataclass

import aiosqlite

_KEEP = "UPDATE generation SET user_count = ?, group_count = ?, membership_count = ? WHERE id = ?"
_KEPT = "SELECT user_count, group_count, membership_count FROM generation WHERE id = ?"
# By user, so that both tables are walked through in their order of keys.
_COUNT_MEMBERS = """
SELECT count(*)
FROM directory_user u CROSS JOIN member_of m ON m.generation = ?1 AND m.member_id = u.object_id
WHERE u.generation = ?1
"""


@dataclass(frozen=True, slots=True)
class Counts:
    """Users, groups, and edges from groups to groups and to users who are there."""

    users: int = 0
    groups: int = 0
    memberships: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.users + other.users, self.groups + other.groups, self.memberships + other.memberships)


async def count_rows(db: aiosqlite.Connection, generation: int) -> Counts:
    """Counts the rows of a generation, once its edges are copied by user."""
    users = await _count(db, "directory_user", generation)
    groups = await _count(db, "directory_group", generation)
    (members,) = await db.execute_fetchall(_COUNT_MEMBERS, (generation,))
    return Counts(users, groups, int(members[0]) + await _count(db, "nesting", generation))


async def keep_counts(db: aiosqlite.Connection, generation: int, counts: Counts) -> None:
    """Saves what a generation has."""
    await db.execute(_KEEP, (counts.users, counts.groups, counts.memberships, generation))


async def kept_counts(db: aiosqlite.Connection, generation: int) -> Counts:
    """What a complete generation has; nothing, where there is no such generation."""
    for row in await db.execute_fetchall(_KEPT, (generation,)):
        return Counts(row[0], row[1], row[2])
    return Counts()


async def _count(db: aiosqlite.Connection, table: str, generation: int) -> int:
    query = f"SELECT count(*) FROM {table} WHERE generation = ?"  # noqa: S608 - constants
    (row,) = await db.execute_fetchall(query, (generation,))
    return int(row[0])
