"""What is taken back of a read in the making: a feed tells additions and removals of edges, and groups that are gone.

Many short steps, for a group may have very many members. The copy by user is made later.
"""

from collections.abc import Collection, Iterable, Iterator
from itertools import islice

from entraid_service.model.ids import GroupId
from entraid_service.model.keys import Key, encode_id
from entraid_service.store.database import Database

_PER_STEP = 2_000
_EDGE = (
    "DELETE FROM membership WHERE generation = ? AND group_id = ? AND member_id = ?",
    "DELETE FROM nesting WHERE generation = ? AND group_id = ? AND child_id = ?",
)
_MEMBERS = (
    "DELETE FROM membership WHERE generation = ? AND group_id = ?",
    "DELETE FROM nesting WHERE generation = ? AND group_id = ?",
)
_GROUP = ("DELETE FROM directory_group WHERE generation = ? AND object_id = ?",)
_PARENTS = ("DELETE FROM nesting WHERE generation = ? AND child_id = ?",)


async def take_back(
    database: Database,
    generation: int,
    *,
    edges: Collection[tuple[GroupId, str]],
    groups: Collection[GroupId],
    members_of: Collection[GroupId],
) -> None:
    """Drops these edges (group, member), these groups with all edges from and to them, all members of these."""
    ends = ((encode_id(group), encode_id(member)) for group, member in edges)
    await _delete(database, generation, _EDGE, ends)
    for queries, ids in ((_GROUP + _MEMBERS, groups), (_PARENTS, groups), (_MEMBERS, members_of)):
        await _delete(database, generation, queries, ((encode_id(group_id),) for group_id in ids))


async def _delete(
    database: Database, generation: int, queries: tuple[str, ...], keys: Iterable[tuple[Key, ...]]
) -> None:
    for step in _steps((generation, *key) for key in keys):
        async with database.transaction(durable=False) as db:
            for query in queries:
                await db.executemany(query, step)
        await database.bound_log()


def _steps(values: Iterator[tuple[Key | int, ...]]) -> Iterator[list[tuple[Key | int, ...]]]:
    while step := list(islice(values, _PER_STEP)):
        yield step
