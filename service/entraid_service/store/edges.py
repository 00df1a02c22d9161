"""Edges of a change set, changed in place: found, then taken away and added, in both tables in one transaction.

What goes and what comes is laid out in scratch tables in memory first, so that the database does the finding, however
many members a group had that was deleted. An edge that goes and comes at once stays, and counts as no change.

An edge counts if its user is there (see `counts`): it is added when the later of the two comes, and removed when the
first of them goes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import aiosqlite

from entraid_service.model.changes import ChangeSet
from entraid_service.model.directory import MemberKind
from entraid_service.model.keys import Key, encode_id

_PAIRS = ("added_edge", "added_nesting", "removed_pair", "lost_edge", "lost_nesting")
_IDS = ("removed_user", "gone_user", "removed_group")
_MEMBERS = {"table": "membership", "member": "member_id", "lost": "lost_edge", "added": "added_edge"}
_NESTED = {"table": "nesting", "member": "child_id", "lost": "lost_nesting", "added": "added_nesting"}
_MAKE_PAIRS = """
CREATE TEMP TABLE IF NOT EXISTS {} (group_id BLOB NOT NULL, member_id BLOB NOT NULL, PRIMARY KEY (group_id, member_id))
WITHOUT ROWID
"""
_MAKE_IDS = "CREATE TEMP TABLE IF NOT EXISTS {} (object_id BLOB NOT NULL PRIMARY KEY) WITHOUT ROWID"

_LOSE_EDGES = """
INSERT OR IGNORE INTO temp.lost_edge
SELECT m.group_id, m.member_id
FROM temp.removed_pair r
CROSS JOIN membership m ON m.generation = ?1 AND m.group_id = r.group_id AND m.member_id = r.member_id
UNION ALL
SELECT o.group_id, o.member_id
FROM temp.removed_user r CROSS JOIN member_of o ON o.generation = ?1 AND o.member_id = r.object_id
UNION ALL
SELECT m.group_id, m.member_id
FROM temp.removed_group r CROSS JOIN membership m ON m.generation = ?1 AND m.group_id = r.object_id
"""
_LOSE_NESTINGS = """
INSERT OR IGNORE INTO temp.lost_nesting
SELECT n.group_id, n.child_id
FROM temp.removed_pair r
CROSS JOIN nesting n ON n.generation = ?1 AND n.group_id = r.group_id AND n.child_id = r.member_id
UNION ALL
SELECT n.group_id, n.child_id
FROM temp.removed_group r CROSS JOIN nesting n ON n.generation = ?1 AND n.group_id = r.object_id
UNION ALL
SELECT n.group_id, n.child_id
FROM temp.removed_group r CROSS JOIN nesting n ON n.generation = ?1 AND n.child_id = r.object_id
"""
# An edge of a user who is gone is lost, and added again it waits for him.
_KEEP = """
DELETE FROM temp.{lost} WHERE member_id NOT IN (SELECT object_id FROM temp.gone_user) AND EXISTS (
    SELECT 1 FROM temp.{added} a WHERE a.group_id = {lost}.group_id AND a.member_id = {lost}.member_id)
"""
_TAKE = """
DELETE FROM {table} WHERE generation = ?1 AND (group_id, {member}) IN (SELECT group_id, member_id FROM temp.{lost})
"""
_TAKE_FROM_MEMBERS = """
DELETE FROM member_of WHERE generation = ?1 AND (member_id, group_id) IN (
    SELECT member_id, group_id FROM temp.lost_edge)
"""
_ADD = """
INSERT OR IGNORE INTO {table} (generation, group_id, {member}) SELECT ?1, group_id, member_id FROM temp.{added}
"""
_LEAVE_NEW = """
DELETE FROM temp.added_edge WHERE EXISTS (
    SELECT 1 FROM membership m
    WHERE m.generation = ?1 AND m.group_id = added_edge.group_id AND m.member_id = added_edge.member_id)
"""
_COUNT = """
SELECT count(*) FROM temp.{edges} e
WHERE EXISTS (SELECT 1 FROM directory_user u WHERE u.generation = ?1 AND u.object_id = e.member_id)
"""
_COUNT_NESTINGS = "SELECT count(*) FROM temp.lost_nesting"
_COUNT_FORMER = """
SELECT count(*) FROM member_of o
WHERE o.generation = ? AND o.member_id IN ({marks}) AND NOT EXISTS (
    SELECT 1 FROM temp.added_edge a WHERE a.group_id = o.group_id AND a.member_id = o.member_id)
"""
_ADD_TO_MEMBERS = """
INSERT OR IGNORE INTO member_of (generation, member_id, group_id)
SELECT ?1, member_id, group_id FROM temp.added_edge ORDER BY member_id, group_id
"""


@dataclass(frozen=True, slots=True)
class EdgeCount:
    """How many edges go or come: from groups to users, and from groups to groups."""

    members: int
    nestings: int

    @property
    def all(self) -> int:
        """Both."""
        return self.members + self.nestings


async def change_edges(db: aiosqlite.Connection, generation: int, changes: ChangeSet) -> tuple[int, EdgeCount]:
    """Changes a generation's edges, before its users change, and tells how many nestings were added and what was lost.

    Until the transaction ends `temp.lost_edge` holds the edges to users that were removed, and `temp.added_edge` those
    that are new.
    """
    removed = await lay_out_edges(db, generation, changes)
    await db.execute(_TAKE.format(**_MEMBERS), (generation,))
    await db.execute(_TAKE.format(**_NESTED), (generation,))
    await db.execute(_TAKE_FROM_MEMBERS, (generation,))
    await db.execute(_LEAVE_NEW, (generation,))
    await db.execute(_ADD.format(**_MEMBERS), (generation,))
    await db.execute(_ADD_TO_MEMBERS, (generation,))
    async with db.execute(_ADD.format(**_NESTED), (generation,)) as cursor:
        return cursor.rowcount, removed


async def count_new(db: aiosqlite.Connection, generation: int) -> int:
    """How many of the new edges have their user, once the users are changed too."""
    return await _count(db, _COUNT.format(edges="added_edge"), (generation,))


async def count_former(db: aiosqlite.Connection, generation: int, users: Sequence[Key]) -> int:
    """How many edges at most a query's users have that are not new: they come and go with the users."""
    return await _count(db, _COUNT_FORMER.format(marks=", ".join("?" * len(users))), (generation, *users))


async def lay_out_edges(db: aiosqlite.Connection, generation: int, changes: ChangeSet) -> EdgeCount:
    """Lays out what goes and what comes in the scratch tables, and tells how many edges will go; changes nothing."""
    await _fill_scratch(db, changes)
    for find, names in ((_LOSE_EDGES, _MEMBERS), (_LOSE_NESTINGS, _NESTED)):
        await db.execute(find, (generation,))
        await db.execute(_KEEP.format(**names))
    members = await _count(db, _COUNT.format(edges="lost_edge"), (generation,))
    return EdgeCount(members, await _count(db, _COUNT_NESTINGS))


async def _count(db: aiosqlite.Connection, query: str, values: tuple[Key | int, ...] = ()) -> int:
    (row,) = await db.execute_fetchall(query, values)
    return int(row[0])


async def _fill_scratch(db: aiosqlite.Connection, changes: ChangeSet) -> None:
    for name in _PAIRS:
        await db.execute(_MAKE_PAIRS.format(name))
        await db.execute(f"DELETE FROM temp.{name}")  # noqa: S608 - constants
    for name in _IDS:
        await db.execute(_MAKE_IDS.format(name))
        await db.execute(f"DELETE FROM temp.{name}")  # noqa: S608 - constants
    await _fill(db, "added_edge", _added(changes, MemberKind.USER))
    await _fill(db, "added_nesting", _added(changes, MemberKind.GROUP))
    await _fill(db, "removed_pair", ((encode_id(group), encode_id(member)) for group, member in changes.removed))
    await _fill(db, "removed_user", ((encode_id(user_id),) for user_id in changes.removed_users))
    came_back = {user.id for user in changes.users}
    await _fill(db, "gone_user", ((encode_id(gone),) for gone in changes.removed_users if gone not in came_back))
    await _fill(db, "removed_group", ((encode_id(group_id),) for group_id in changes.removed_groups))


def _added(changes: ChangeSet, kind: MemberKind) -> Iterator[tuple[Key, Key]]:
    return ((encode_id(edge.group_id), encode_id(edge.member_id)) for edge in changes.added if edge.kind is kind)


async def _fill(db: aiosqlite.Connection, name: str, values: Iterable[tuple[Key, ...]]) -> None:
    # Generators: they run in the thread of the connection.
    marks = "?, ?" if name in _PAIRS else "?"
    await db.executemany(f"INSERT OR IGNORE INTO temp.{name} VALUES ({marks})", values)  # noqa: S608 - constants
