"""The sorted copy of a read's edges: by user, the order in which decisions ask, once all edges by group are there."""

from entraid_service.model.connection import Connection
from entraid_service.store import generations as gen
from entraid_service.store.database import Database
from entraid_service.store.pieces import pieces

# Users per piece of the sorted copy: at ten groups each half a million edges, which sort in some 30 MiB of memory.
_USERS_PER_PIECE = 50_000

# The end of the last piece, NULL, is open: edges whose user is unknown are copied as well.
_COPY_PIECE = """
INSERT OR IGNORE INTO member_of (generation, member_id, group_id)
SELECT generation, member_id, group_id FROM membership
WHERE generation = ?1 AND member_id > ?2 AND (?3 IS NULL OR member_id <= ?3)
ORDER BY member_id, group_id
"""


async def copy_edges(database: Database, generation: int, *, connection: Connection) -> None:
    """Copies the edges of a generation, anew each time: a commit that failed may be repeated after more was put.

    Raises:
        ResourceNotFound, StoreUnavailable: as `generations.check_writable`.
    """
    await gen.clear(database, gen.MEMBER_OF, generation)
    for after, until in await pieces(database, generation, _USERS_PER_PIECE):
        async with database.transaction(durable=False) as db:
            await gen.check_writable(db, generation, connection)
            await db.execute(_COPY_PIECE, (generation, after, until))
        await database.bound_log()
