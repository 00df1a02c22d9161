"""The store in one SQLite file: everything that lasts, behind the ports.

Opens the file, brings its schema up to date, and hands out the parts that share it; closes them in reverse.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Self

from entraid_service.errors import StoreUnavailable
from entraid_service.ports.clock import Clock
from entraid_service.store.connections import SqliteConnections
from entraid_service.store.consents import SqliteConsents
from entraid_service.store.database import Database
from entraid_service.store.directory import SqliteDirectory
from entraid_service.store.leases import LEASE, Leases, SystemClock
from entraid_service.store.lists import SqliteLists
from entraid_service.store.presence import Presence
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
    _database: Database

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path, *, clock: Clock | None = None, lease: timedelta = LEASE) -> AsyncIterator[Self]:
        """The store, until the block ends; its parts belong to the event loop that opened it.

        Args:
            path: the database file; made with mode 0600 if there is none, in a directory that exists.
            clock: what the leases of runs go by; the system's clock if it is left out.
            lease: how long a run that does not tell of itself keeps others from starting one, while its process lives.

        Raises:
            StoreUnavailable: the file cannot be opened, is damaged, or was written by a newer release.
        """
        async with AsyncExitStack() as stack:
            presence = stack.enter_context(Presence.announced(path))
            database = await stack.enter_async_context(Database.open(path))
            leases = Leases(presence, clock=clock or SystemClock(), length=lease)
            directory = SqliteDirectory(database, leases=leases)
            views = SqliteViews(path)
            stack.callback(views.close)
            database.renew_views = views.renew
            yield cls(
                connections=SqliteConnections(database, sweep=directory.clean_up),
                consents=SqliteConsents(database),
                directory=directory,
                lists=SqliteLists(database),
                runs=SqliteRuns(database, leases=leases),
                views=views,
                _database=database,
            )

    async def tend(self, interval: timedelta) -> None:
        """Keeps the write-ahead log small, until it is cancelled; see `Database.tend`. A full disk does not end it."""
        while True:
            await asyncio.sleep(interval.total_seconds())
            with suppress(StoreUnavailable):
                await self._database.tend()
