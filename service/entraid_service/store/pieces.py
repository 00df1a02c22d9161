"""A generation's users in pieces, so that what is done to all of them takes many short steps."""

from entraid_service.model.keys import Key
from entraid_service.store import rows
from entraid_service.store.database import Database

_END = """
SELECT object_id FROM directory_user WHERE generation = ? AND object_id > ? ORDER BY object_id LIMIT 1 OFFSET ?
"""


async def pieces(database: Database, generation: int, size: int) -> list[tuple[Key | int, Key | None]]:
    """Ranges of `size` users' ids, (after, up to and with), None for open; together they hold every id."""
    ends: list[Key] = []
    async with database.reading() as db:
        last: Key | int = rows.FIRST_KEY
        while found := list(await db.execute_fetchall(_END, (generation, last, size - 1))):
            last = found[0][0]
            ends.append(found[0][0])
    return list(zip([rows.FIRST_KEY, *ends], [*ends, None], strict=True))
