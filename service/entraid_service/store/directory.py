"""The write side of directory data: who begins a read, and what is dropped when.

A generation may be dropped if no snapshot names it and nobody in this process writes it. One process at a time may
write and clean up directory data.
"""

from weakref import WeakValueDictionary

from entraid_service.model.changes import FeedLinks
from entraid_service.model.connection import Connection
from entraid_service.store.database import Database
from entraid_service.store.generations import drop_generation, mark_dropped, start_generation
from entraid_service.store.staging import SqliteStaging

_UNSERVED = "SELECT id FROM generation WHERE NOT is_dropped AND id NOT IN (SELECT generation FROM snapshot)"
_DROPPED = "SELECT id FROM generation WHERE is_dropped"


class SqliteDirectory:
    """The `DirectoryStore` of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Weak: a read that was let go without `discard` is dropped like one that crashed.
        self._staged: WeakValueDictionary[int, SqliteStaging] = WeakValueDictionary()

    async def begin(self, connection: Connection) -> SqliteStaging:
        """Starts a complete read; see the port.

        Raises:
            ResourceNotFound: the connection is gone, or another one has its name.
        """
        generation = await start_generation(self._database, connection)
        staging = SqliteStaging(self._database, connection, generation=generation)
        self._staged[generation] = staging
        return staging

    async def links(self, connection: Connection) -> FeedLinks | None:  # noqa: ARG002 - kept by the next change
        """Where the next incremental read goes on; see the port."""
        return None

    async def clean_up(self) -> None:
        """Drops what crashed or superseded reads left behind, then empties the write-ahead log; see the port."""
        for generation in await self._numbers(_UNSERVED):
            if not self._is_written(generation):
                await mark_dropped(self._database, generation)
        for generation in await self._numbers(_DROPPED):
            await drop_generation(self._database, generation)
        await self._database.checkpoint()

    async def _numbers(self, query: str) -> list[int]:
        async with self._database.reading() as db:
            return [int(row[0]) for row in await db.execute_fetchall(query)]

    def _is_written(self, generation: int) -> bool:
        staging = self._staged.get(generation)
        return staging is not None and not staging.is_committed
