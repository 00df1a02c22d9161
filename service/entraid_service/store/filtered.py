"""Reads the rows that a filter holds of, a stretch at a time, for as long as a page may take.

1. What the filter names is looked up: groups of users' memberships, users of groups' members.
2. Stretch by stretch in the order of the ids the database tells the rows that pass, until the page is full, the rows
   are all seen, or the time is over; then the page comes short and says how far it got.

Everything runs in the thread of the database's connection, inside of the caller's read transaction.
"""

import sqlite3
import time
from dataclasses import dataclass
from typing import Final, TypeVar

import aiosqlite

from entraid_service.errors import InvalidFilter
from entraid_service.model.filters import MEMBER_COUNT, Comparison, Filter, Membership, leaves
from entraid_service.model.ids import ConnectionId, GroupId, fold_name
from entraid_service.model.keys import Key, decode_id, encode_id
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.store import rows
from entraid_service.store.filters import GroupRows, UserRows, Where, compile_filter

_STRETCH: Final = 4_000
"""Rows that one statement looks at: some 20 ms."""
_COUNTED_STRETCH: Final = 200
"""The same for groups whose members are counted: that is a walk for each of them."""
_LONGEST_SECONDS: Final = 1.0
"""For a page, so that a filter that nothing passes does not keep the database from other readers."""

_END = "SELECT object_id FROM {table} WHERE generation = ? AND object_id > ? ORDER BY object_id LIMIT 1 OFFSET ?"
_PASSING = """
SELECT x.object_id, x.record FROM {table} x
WHERE x.generation = ? AND x.object_id > ? AND (? IS NULL OR x.object_id <= ?) AND ({where})
ORDER BY x.object_id LIMIT ?
"""
_HAS_GROUP = "SELECT 1 FROM directory_group WHERE generation = ? AND object_id = ?"
_HAS_USER = "SELECT object_id FROM directory_user WHERE generation = ? AND object_id = ?"
_NAMED = "SELECT object_id FROM user_name WHERE generation = ? AND kind = ? AND folded = ? LIMIT 2"
_GROUPS_OF = """
SELECT m.group_id FROM member_of m
CROSS JOIN directory_group g ON g.generation = m.generation AND g.object_id = m.group_id
WHERE m.generation = ? AND m.member_id = ?
"""
_NESTING = """
SELECT n.group_id, n.child_id FROM nesting n
CROSS JOIN directory_group g ON g.generation = n.generation AND g.object_id = n.group_id
WHERE n.generation = ?
"""

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Found:
    """Rows that pass; `reached` is the key behind which it goes on if the time was over."""

    rows: list[sqlite3.Row]
    reached: Key | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Which page of which version."""

    version: SnapshotVersion
    start: Key | int
    limit: int


async def users_passing(db: aiosqlite.Connection, page: Page, tree: Filter) -> Found:
    """The users whom a filter holds of.

    Raises:
        InvalidFilter: It names a group that is not synced.
    """
    generation = page.version.generation
    keys = {leaf: await _group_key(db, generation, leaf) for leaf in leaves(tree) if isinstance(leaf, Membership)}
    answers = UserRows(generation, _parent(page.version.connection_id), keys)
    where = compile_filter(tree, answers, decode=rows.decode_user)
    return await _passing(db, page, where, _Walk("directory_user", _STRETCH))


async def groups_passing(db: aiosqlite.Connection, page: Page, tree: Filter) -> Found:
    """The groups that a filter holds of.

    Raises:
        InvalidFilter: It names a user who is not synced, or several.
    """
    generation = page.version.generation
    holders = {leaf: await _groups_of(db, generation, leaf) for leaf in leaves(tree) if isinstance(leaf, Membership)}
    answers = GroupRows(generation, _parent(page.version.connection_id), holders)
    where = compile_filter(tree, answers, decode=rows.decode_group)
    is_counted = any(isinstance(leaf, Comparison) and leaf.field == MEMBER_COUNT for leaf in leaves(tree))
    return await _passing(db, page, where, _Walk("directory_group", _COUNTED_STRETCH if is_counted else _STRETCH))


@dataclass(frozen=True, slots=True)
class _Walk:
    """Which rows are gone through, and how many at a time."""

    table: str
    stretch: int


async def _passing(db: aiosqlite.Connection, page: Page, where: Where[R], walk: _Walk) -> Found:
    await where.register(db)
    query = _PASSING.format(table=walk.table, where=where.sql)
    find_end = _END.format(table=walk.table)
    generation, start = page.version.generation, page.start
    end_of_time = time.monotonic() + _LONGEST_SECONDS
    found: list[sqlite3.Row] = []
    while True:
        ends = list(await db.execute_fetchall(find_end, (generation, start, walk.stretch - 1)))
        end: Key | None = ends[0][0] if ends else None
        values = (generation, start, end, end, *where.values, page.limit - len(found))
        found += await db.execute_fetchall(query, values)
        if end is None or len(found) >= page.limit:
            return Found(found)
        if time.monotonic() > end_of_time:
            return Found(found, reached=end)
        start = end


async def _group_key(db: aiosqlite.Connection, generation: int, leaf: Membership) -> Key:
    key = encode_id(leaf.other)
    if not list(await db.execute_fetchall(_HAS_GROUP, (generation, key))):
        raise InvalidFilter(
            f"no synced group has the object ID `{leaf.other}` at position {leaf.position}: nobody can tell who is in "
            "it; look it up with ListGroups",
            position=leaf.position,
        )
    return key


async def _groups_of(db: aiosqlite.Connection, generation: int, leaf: Membership) -> frozenset[GroupId]:
    """The synced groups that the user named is in: directly, or at any depth."""
    key = await _user_key(db, generation, leaf)
    found = {row[0] for row in await db.execute_fetchall(_GROUPS_OF, (generation, key))}
    if not leaf.is_direct:
        # From the inside out, and `nesting` is ordered from the outside in: the few edges are read at once.
        above: dict[Key, list[Key]] = {}
        for group, child in await db.execute_fetchall(_NESTING, (generation,)):
            above.setdefault(child, []).append(group)
        waiting = list(found)
        while waiting:
            outer = [group for group in above.get(waiting.pop(), ()) if group not in found]
            found.update(outer)
            waiting += outer
    return frozenset(GroupId(decode_id(group)) for group in found)


async def _user_key(db: aiosqlite.Connection, generation: int, leaf: Membership) -> Key:
    """The user whom an object id, else a user principal name, else a mail address names; see `Snapshot.find`."""
    folded = fold_name(leaf.other)
    for query, values in (
        (_HAS_USER, (generation, encode_id(leaf.other.lower()))),
        (_NAMED, (generation, rows.UPN, folded)),
        (_NAMED, (generation, rows.MAIL, folded)),
    ):
        hits: list[Key] = [row[0] for row in await db.execute_fetchall(query, values)]
        if len(hits) > 1:
            raise InvalidFilter(
                f"several users go by `{leaf.other}` at position {leaf.position}: give the object ID of the one meant",
                position=leaf.position,
            )
        if hits:
            return hits[0]
    raise InvalidFilter(
        f"no synced user goes by `{leaf.other}` at position {leaf.position}: give an object ID, a user principal name "
        "or a mail address",
        position=leaf.position,
    )


def _parent(connection_id: ConnectionId) -> str:
    return f"connections/{connection_id}"
