"""A change set, applied to the generation that is served: groups, edges, users, in one transaction of the caller.

The cost follows the changes: everything is found by its key, nothing is counted by walking. What is the same already is
left alone and counts as no change; what goes and comes back counts by what is different in the end.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import aiosqlite

from entraid_service.model.changes import ChangeSet
from entraid_service.model.directory import Group, User
from entraid_service.model.keys import Key, encode_id
from entraid_service.model.syncrun import Changes
from entraid_service.store import rows
from entraid_service.store.counts import Counts
from entraid_service.store.edges import EdgeCount, change_edges, count_former, count_new, lay_out_edges
from entraid_service.store.outsiders import Outsiders
from entraid_service.store.userrows import change_users, delete_users, read_records, user_row

# Users who are encoded or decoded on the event loop at a time: some milliseconds.
_ROWS_PER_STEP = 500

_PUT_GROUP = "INSERT OR REPLACE INTO directory_group (generation, object_id, record) VALUES (?, ?, ?)"
_DELETE_GROUP = "DELETE FROM directory_group WHERE generation = ? AND object_id = ?"


@dataclass(frozen=True, slots=True)
class Increment:
    """What a change set changed, by how much a generation has grown by it, and whether groups or nesting changed."""

    changes: Changes
    growth: Counts
    has_other_groups: bool


async def apply_changes(
    db: aiosqlite.Connection, generation: int, changes: ChangeSet, *, is_whole_directory: bool
) -> Increment:
    """Changes a generation in place; without the whole directory, users who are in no group any more are dropped."""
    groups = {encode_id(group.id): group for group in changes.groups}
    users = {encode_id(user.id): user for user in changes.users}
    removed_groups = _without(changes.removed_groups, groups)
    groups_deleted = await _delete_groups(db, generation, removed_groups)
    groups_upserted, new_groups = await _put_groups(db, generation, groups)
    nestings_added, lost = await change_edges(db, generation, changes)
    outsiders = None
    if not is_whole_directory:
        outsiders = Outsiders(db, generation)
        await outsiders.find(tuple(users))
    users_deleted = await _delete_users(db, generation, _without(changes.removed_users, users))
    dropped, left = await outsiders.drop() if outsiders is not None else (0, 0)
    users_deleted += dropped
    users_upserted, new_users, awaited = await _put_users(db, generation, users, outsiders)
    added = EdgeCount(await count_new(db, generation) + awaited, nestings_added)
    removed = EdgeCount(lost.members + left, lost.nestings)
    return Increment(
        changes=Changes(
            users_upserted=users_upserted,
            users_deleted=users_deleted,
            groups_upserted=groups_upserted,
            groups_deleted=groups_deleted,
            memberships_added=added.all,
            memberships_removed=removed.all,
        ),
        growth=Counts(new_users - users_deleted, new_groups - groups_deleted, added.all - removed.all),
        has_other_groups=any((groups_upserted, groups_deleted, added.nestings, removed.nestings)),
    )


async def count_removed(db: aiosqlite.Connection, generation: int, changes: ChangeSet) -> Changes:
    """What a change set would remove of a whole directory, counted without changing anything."""
    users = _without(changes.removed_users, {encode_id(user.id): user for user in changes.users})
    groups = _without(changes.removed_groups, {encode_id(group.id): group for group in changes.groups})
    users_deleted = groups_deleted = 0
    for keys in _steps(users):
        users_deleted += len(await read_records(db, generation, keys))
    for keys in _steps(groups):
        groups_deleted += len(await read_records(db, generation, keys, table="directory_group"))
    return Changes(
        users_deleted=users_deleted,
        groups_deleted=groups_deleted,
        memberships_removed=(await lay_out_edges(db, generation, changes)).all,
    )


async def _delete_groups(db: aiosqlite.Connection, generation: int, keys: Sequence[Key]) -> int:
    async with db.executemany(_DELETE_GROUP, ((generation, key) for key in keys)) as cursor:
        return max(cursor.rowcount, 0)


async def _put_groups(db: aiosqlite.Connection, generation: int, groups: dict[Key, Group]) -> tuple[int, int]:
    """Writes the groups that differ; tells how many those are, and how many of them are new."""
    changed = new = 0
    for keys in _steps(list(groups)):
        former = await read_records(db, generation, keys, table="directory_group")
        found = {key: rows.encode_group(groups[key]) for key in keys}
        differing = [(generation, key, record) for key, record in found.items() if former.get(key) != record]
        await db.executemany(_PUT_GROUP, differing)
        changed += len(differing)
        new += len(keys) - len(former)
    return changed, new


async def _delete_users(db: aiosqlite.Connection, generation: int, ids: Sequence[Key]) -> int:
    count = 0
    for keys in _steps(ids):
        former = await read_records(db, generation, keys)
        await delete_users(db, generation, [user_row(rows.decode_user(*row)) for row in former.items()])
        count += len(former)
    return count


async def _put_users(
    db: aiosqlite.Connection, generation: int, users: dict[Key, User], outsiders: Outsiders | None
) -> tuple[int, int, int]:
    """Writes the users that differ; tells how many those are, how many are new, and how many edges waited for them."""
    changed = new = awaited = 0
    for keys in _steps(list(users)):
        left_out = await outsiders.among(keys) if outsiders is not None else set()
        found = [user_row(users[key]) for key in keys if key not in left_out]
        differing, unknown = await change_users(db, generation, found)
        changed += differing
        new += len(unknown)
        awaited += await count_former(db, generation, unknown)
    return changed, new, awaited


def _without(ids: Iterable[str], came_back: dict[Key, User] | dict[Key, Group]) -> list[Key]:
    return [key for key in dict.fromkeys(map(encode_id, ids)) if key not in came_back]


def _steps(keys: Sequence[Key]) -> list[Sequence[Key]]:
    return [keys[start : start + _ROWS_PER_STEP] for start in range(0, len(keys), _ROWS_PER_STEP)]
