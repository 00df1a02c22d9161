"""What a staged generation changes against the one that is served: counted by the database, in its order of keys.

As `counts` has it, an edge is of a generation if its user is: one that goes on without its user counts as removed, one
that had waited for its user as added.
"""

from dataclasses import dataclass

import aiosqlite

from entraid_service.model.changes import Removals
from entraid_service.model.ids import ConnectionId
from entraid_service.model.syncrun import Changes
from entraid_service.store.counts import Counts, count_rows, kept_counts

_OBJECTS = """
SELECT count(*), coalesce(sum(staged.record = served.record), 0)
FROM {table} staged
CROSS JOIN {table} served ON served.generation = ?2 AND served.object_id = staged.object_id
WHERE staged.generation = ?1
"""
_MEMBERS = """
SELECT count(*)
FROM directory_user u
CROSS JOIN directory_user former ON former.generation = ?2 AND former.object_id = u.object_id
CROSS JOIN member_of staged ON staged.generation = ?1 AND staged.member_id = u.object_id
CROSS JOIN member_of served ON served.generation = ?2 AND served.member_id = u.object_id
    AND served.group_id = staged.group_id
WHERE u.generation = ?1
"""
_NESTINGS = """
SELECT count(*)
FROM nesting staged
CROSS JOIN nesting served ON served.generation = ?2 AND served.group_id = staged.group_id
    AND served.child_id = staged.child_id
WHERE staged.generation = ?1
"""
# No generation has this number: where nothing is served, everything is new.
_NOTHING = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """How many objects and edges two generations have, have in common, and have in common unchanged (`same`)."""

    staged: Counts
    served: Counts
    common: Counts
    same: Counts

    @property
    def changes(self) -> Changes:
        """What serving the staged one would change."""
        return Changes(
            users_upserted=self.staged.users - self.same.users,
            users_deleted=self.served.users - self.common.users,
            groups_upserted=self.staged.groups - self.same.groups,
            groups_deleted=self.served.groups - self.common.groups,
            memberships_added=self.staged.memberships - self.common.memberships,
            memberships_removed=self.served.memberships - self.common.memberships,
        )

    @property
    def removals(self) -> Removals:
        """What serving the staged one would take away."""
        return removals(self.changes, self.served)


def removals(changes: Changes, served: Counts) -> Removals:
    """What changes take away, beside what is served."""
    return Removals(
        users=(changes.users_deleted, served.users),
        groups=(changes.groups_deleted, served.groups),
        memberships=(changes.memberships_removed, served.memberships),
    )


async def served_generation(db: aiosqlite.Connection, connection_id: ConnectionId) -> tuple[int, int]:
    """The number and revision of what is served of a connection; of nothing, a number that no generation has."""
    query = "SELECT generation, revision FROM snapshot WHERE connection_id = ?"
    for row in await db.execute_fetchall(query, (connection_id,)):
        return row[0], row[1]
    return _NOTHING, 0


async def difference(db: aiosqlite.Connection, staged: int, served: int) -> Difference:
    """The difference between two generations whose edges are copied by user, within a read transaction."""
    users, same_users = await _row(db, _OBJECTS.format(table="directory_user"), (staged, served))
    groups, same_groups = await _row(db, _OBJECTS.format(table="directory_group"), (staged, served))
    (members,) = await _row(db, _MEMBERS, (staged, served))
    (nestings,) = await _row(db, _NESTINGS, (staged, served))
    return Difference(
        staged=await count_rows(db, staged),
        served=await kept_counts(db, served),
        common=Counts(users, groups, members + nestings),
        same=Counts(same_users, same_groups, members + nestings),
    )


async def _row(db: aiosqlite.Connection, query: str, values: tuple[int, ...]) -> list[int]:
    return [int(value) for row in await db.execute_fetchall(query, values) for value in row]
