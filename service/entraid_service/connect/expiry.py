"""Credentials that are about to end: who hears of it, and when."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

import structlog

from entraid_service.errors import StoreUnavailable
from entraid_service.model.connection import Connection
from entraid_service.model.ids import ConnectionId
from entraid_service.ports import Clock, ConnectionStore

_log = structlog.get_logger(__name__)

WARNED_BEFORE = tuple(timedelta(days=days) for days in (30, 14, 7, 1))
_LOOK_EVERY = timedelta(hours=1)
_PAGE = 200


def threshold(expire_time: datetime, now: datetime) -> timedelta | None:
    """The smallest of `WARNED_BEFORE` that the time left is within; zero once it is over, None while it is far off."""
    left = expire_time - now
    if left <= timedelta():
        return timedelta()
    return min((limit for limit in WARNED_BEFORE if left <= limit), default=None)


class ExpiryWatch:
    """Warns of each credential once per threshold, and tells every end to the metrics.

    `note` is called with connection and expiry of each one that has one, `forget` with each that is gone.
    """

    def __init__(
        self,
        *,
        connections: ConnectionStore,
        clock: Clock,
        note: Callable[[ConnectionId, datetime], None],
        forget: Callable[[ConnectionId], None],
    ) -> None:
        self._connections = connections
        self._clock = clock
        self._note = note
        self._forget = forget
        self._warned: dict[tuple[str, datetime], timedelta] = {}
        self._noted: set[ConnectionId] = set()

    async def run(self) -> None:
        """Looks now and every hour, until it is cancelled."""
        while True:
            try:
                await self.look()
            except StoreUnavailable as error:
                _log.warning("credential_expiry_unknown", error=str(error))  # the next look tells
            await asyncio.sleep(_LOOK_EVERY.total_seconds())

    async def look(self) -> None:
        """Looks at every connection once.

        Raises:
            StoreUnavailable: The database cannot be read.
        """
        found = [connection async for connection in self._all() if connection.credential_expire_time is not None]
        for connection in found:
            self._look_at(connection)
        names = {connection.id for connection in found}
        for name in self._noted - names:
            self._forget(name)
        self._noted = names

    def _look_at(self, connection: Connection) -> None:
        expire_time = connection.credential_expire_time
        if expire_time is None:
            return
        self._note(connection.id, expire_time)
        key, reached = (connection.uid, expire_time), threshold(expire_time, self._clock.now())
        if reached is None or self._warned.get(key) == reached:
            return
        self._warned[key] = reached
        _log.warning(
            "certificate_ended" if not reached else "certificate_ends_soon",
            connection=connection.id,
            expires=expire_time.isoformat(),
            days=reached.days,
            advice="upload a new certificate to the app, and connect again with it: decisions go on meanwhile",
        )

    async def _all(self) -> AsyncIterator[Connection]:
        after: ConnectionId | None = None
        while page := await self._connections.page(after=after, limit=_PAGE):
            for connection in page:
                yield connection
            after = page[-1].id
