"""How old the data of each connection is, for the metrics."""

from collections.abc import Callable, Mapping
from typing import Final

from entraid_service.errors import DirectoryNotSynced, ResourceNotFound, StoreUnavailable
from entraid_service.model.ids import ConnectionId
from entraid_service.ports import ConnectionStore, DirectoryLists

_PAGE: Final = 500


class SnapshotAges:
    """Looks up what is served of each connection."""

    def __init__(
        self, connections: ConnectionStore, *, lists: DirectoryLists, note: Callable[[Mapping[str, float]], None]
    ) -> None:
        """Looks nothing up yet; `note` gets the Unix time at which the data of each connection began to be read."""
        self._connections = connections
        self._lists = lists
        self._note = note

    async def note(self) -> None:
        """Looks all of them up. While the database cannot be read, what was known before stays told."""
        found: dict[str, float] = {}
        after: ConnectionId | None = None
        try:
            while page := await self._connections.page(after=after, limit=_PAGE):
                for connection in page:
                    await self._look(connection.id, found)
                after = page[-1].id
        except StoreUnavailable:
            return
        self._note(found)

    async def _look(self, connection_id: ConnectionId, found: dict[str, float]) -> None:
        try:
            version = await self._lists.version(connection_id)
        except (DirectoryNotSynced, ResourceNotFound):
            return
        found[connection_id] = version.sync_time.timestamp()
