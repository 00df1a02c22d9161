"""The store in one SQLite file: everything that lasts, behind the ports.

Opens the file, brings its schema up to date, and hands out the parts that share it; closes them in reverse.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from entraid_service.store.connections import SqliteConnections
from entraid_service.store.consents import SqliteConsents
from entraid_service.store.database import Database
from entraid_service.store.directory import SqliteDirectory
from entraid_service.store.lists import SqliteLists
from entraid_service.store.runs import SqliteRuns
from entraid_service.store.views import SqliteViews


@dataclass(frozen=True, slots=True)
class SqliteStore:
    """The ports of `ports.store` and `ports.decisions` on one database file."""

    connections: SqliteConnections
    consents: SqliteConsents
    directory: SqliteDirectory
    lists: SqliteLists
    runs: SqliteRuns
    views: SqliteViews

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[Self]:
        """The store, until the block ends; its parts belong to the event loop that opened it.

        Args:
            path: the database file; made with mode 0600 if there is none, in a directory that exists.

        Raises:
            StoreUnavailable: the file cannot be opened, is damaged, or was written by a newer release.
        """
        async with Database.open(path) as database:
            directory = SqliteDirectory(database)
            views = SqliteViews(path)
            database.renew_views = views.renew
            try:
                yield cls(
                    connections=SqliteConnections(database, sweep=directory.clean_up),
                    consents=SqliteConsents(database),
                    directory=directory,
                    lists=SqliteLists(database),
                    runs=SqliteRuns(database),
                    views=views,
                )
            finally:
                views.close()
