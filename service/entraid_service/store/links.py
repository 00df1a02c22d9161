"""The links of a generation: where the next incremental read goes on. Saved and gone together with its data."""

import aiosqlite

from entraid_service.model.changes import FeedLinks
from entraid_service.model.connection import Connection
from entraid_service.store import rows

_SAVE = """
INSERT INTO feed_links (generation, binding, users, groups) VALUES (?, ?, ?, ?)
ON CONFLICT (generation) DO UPDATE SET binding = excluded.binding, users = excluded.users, groups = excluded.groups
"""
_SERVED = """
SELECT l.binding, l.users, l.groups
FROM snapshot s
CROSS JOIN generation g ON g.id = s.generation AND g.connection_uid = ?2
CROSS JOIN feed_links l ON l.generation = s.generation
WHERE s.connection_id = ?1
"""


async def save_links(db: aiosqlite.Connection, generation: int, links: FeedLinks | None) -> None:
    """Saves a generation's links over its former ones; without links it has none."""
    if links is None:
        await db.execute("DELETE FROM feed_links WHERE generation = ?", (generation,))
    else:
        await db.execute(_SAVE, (generation, links.binding, links.users, rows.encode_group_links(links.groups)))


async def served_links(db: aiosqlite.Connection, connection: Connection) -> FeedLinks | None:
    """The links of what is served of a connection, None where there are none."""
    for row in await db.execute_fetchall(_SERVED, (connection.id, connection.uid)):
        return FeedLinks(binding=row[0], users=row[1], groups=rows.decode_group_links(row[2]))
    return None
