"""The snapshots that are served: one for each connection that somebody asked about.

1. The first question loads a connection: a view is opened, the groups are read in a thread, users are read as needed.
2. Once a second (`run`), and after each commit (`refresh`), every loaded connection is looked at again. Where the
   revision is the same only the view is replaced, because an old one keeps the database from reusing its log; where it
   moved the new snapshot is built beside the old one and takes its place between two decisions; groups that did not
   change are not built again.
3. A connection that is gone is forgotten.

A connection that cannot be looked at goes on answering from the snapshot it has, which names its age.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import structlog

from entraid_service.errors import DirectoryNotSynced, StoreUnavailable
from entraid_service.model.ids import ConnectionId
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.ports import DirectoryView, DirectoryViews
from entraid_service.snapshot.catalog import GroupCatalog
from entraid_service.snapshot.people import People
from entraid_service.snapshot.snapshot import Snapshot

_log = structlog.get_logger(__name__)

_REFRESH_DEADLINE: Final = timedelta(seconds=30)
"""How long one connection may hold up the others' turn."""


@dataclass(slots=True)
class _Slot:
    """A connection's place. The lock makes one reader at a time; `rounds` counts the readings that were begun."""

    snapshot: Snapshot | None = None
    is_dropped: bool = False
    rounds: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a thread brought back: an open view and, unless the data is the same, the groups, read anew or as before."""

    version: SnapshotVersion
    view: DirectoryView
    groups: GroupCatalog | None


class Snapshots:
    """Keeps the newest snapshot of each connection at hand."""

    def __init__(
        self,
        views: DirectoryViews,
        *,
        interval: timedelta = timedelta(seconds=1),
        most_kept: int = 88 * 1024 * 1024,
    ) -> None:
        """Opens nothing yet.

        Args:
            views: Where to read from.
            interval: How often `run` looks for what other processes committed.
            most_kept: Bytes that the user records of all connections take together, roughly.
        """
        self._views = views
        self._interval = interval
        self._most_kept = most_kept
        self._slots: dict[ConnectionId, _Slot] = {}
        self._shared_by = 0

    def peek(self, connection_id: ConnectionId) -> Snapshot | None:
        """What is loaded of a connection, without waiting; None if nothing is."""
        slot = self._slots.get(connection_id)
        return None if slot is None else slot.snapshot

    async def get(self, connection_id: ConnectionId) -> Snapshot:
        """What is served of a connection, loaded if need be; many who ask at once wait for one loading.

        Raises:
            DirectoryNotSynced: No sync of the connection has completed, or there is no such connection.
            StoreUnavailable: The database cannot be read.
        """
        while (snapshot := self.peek(connection_id)) is None:
            slot = self._slots.setdefault(connection_id, _Slot())
            async with slot.lock:
                if slot.snapshot is None and not slot.is_dropped:
                    await self._read(connection_id, slot)
        return snapshot

    async def refresh(self, connection_id: ConnectionId) -> None:
        """Takes over what was committed before the call. Does nothing for a connection that nobody asked about.

        Raises:
            StoreUnavailable: The database cannot be read; the former snapshot stays.
        """
        slot = self._slots.get(connection_id)
        if slot is None:
            return
        asked = slot.rounds
        async with slot.lock:
            # A reading that was begun after the call saw all that it asks for.
            if slot.rounds == asked and not slot.is_dropped:
                try:
                    await self._read(connection_id, slot)
                except DirectoryNotSynced:
                    return

    async def run(self) -> None:
        """Refreshes every loaded connection once per interval, until it is cancelled."""
        failing: set[ConnectionId] = set()
        while True:
            await asyncio.sleep(self._interval.total_seconds())
            for connection_id in tuple(self._slots):
                await self._refresh_quietly(connection_id, failing)

    def drop(self, connection_id: ConnectionId) -> None:
        """Forgets a connection, also while it is being loaded."""
        slot = self._slots.pop(connection_id, None)
        if slot is None:
            return
        slot.is_dropped = True
        if slot.snapshot is not None:
            slot.snapshot.close()
            slot.snapshot = None

    async def close(self) -> None:
        """Waits for what is being read and closes every view."""
        for connection_id, slot in tuple(self._slots.items()):
            self.drop(connection_id)
            async with slot.lock:
                pass

    async def _refresh_quietly(self, connection_id: ConnectionId, failing: set[ConnectionId]) -> None:
        try:
            async with asyncio.timeout(_REFRESH_DEADLINE.total_seconds()):
                await self.refresh(connection_id)
        except (StoreUnavailable, TimeoutError) as error:
            if connection_id not in failing:  # told once, not every second
                _log.warning("snapshot_refresh_failed", connection=connection_id, problem=str(error))
            failing.add(connection_id)
        else:
            if connection_id in failing:
                _log.info("snapshot_refresh_recovered", connection=connection_id)
            failing.discard(connection_id)

    async def _read(self, connection_id: ConnectionId, slot: _Slot) -> None:
        """Brings a slot up to date; to be called under its lock."""
        slot.rounds += 1
        work = asyncio.get_running_loop().run_in_executor(None, self._read_in_thread, connection_id, slot.snapshot)
        try:
            reading = await asyncio.shield(work)
        except asyncio.CancelledError:
            work.add_done_callback(_close_unused)  # a thread cannot be stopped; its view must not stay open
            raise
        if reading is None:
            if self._slots.get(connection_id) is slot:
                self.drop(connection_id)
            raise DirectoryNotSynced(
                f"`connections/{connection_id}` has not been synced yet, so nothing is known about its users: "
                "call Sync, wait until it has succeeded, and ask again"
            )
        if slot.is_dropped:
            reading.view.close()
        else:
            self._take(slot, reading)

    def _take(self, slot: _Slot, reading: _Reading) -> None:
        """Puts what was read in its place, in one step as decisions see it."""
        former = slot.snapshot
        if former is not None and reading.version == former.version:
            former.move_to(reading.view)
            return
        if reading.groups is not None:
            people = People(self._share())
            slot.snapshot = Snapshot(reading.version, view=reading.view, groups=reading.groups, people=people)
            self._share_out()
        elif former is not None:
            slot.snapshot = former.successor(reading.version, reading.view)
        if former is not None:
            former.close()

    def _share(self) -> int:
        return self._most_kept // max(1, len(self._slots))

    def _share_out(self) -> None:
        """Gives each connection the same part of the memory, whenever there is one more or one less."""
        if self._shared_by == len(self._slots):
            return
        self._shared_by = len(self._slots)
        for slot in self._slots.values():
            if slot.snapshot is not None:
                slot.snapshot.people.resize(self._share())

    def _read_in_thread(self, connection_id: ConnectionId, former: Snapshot | None) -> _Reading | None:
        """The version served now, with its groups unless its data is that of the former one; None if nothing is."""
        view = self._views.open()
        with _closing_on_error(view):
            version = view.version(connection_id)
            if version is None:
                view.close()
                return None
            if former is not None and _has_same_data(version, former.version):
                return _Reading(version, view, groups=None)
            if former is not None and _has_same_groups(version, former.version):
                return _Reading(version, view, former.groups)
            groups = GroupCatalog(view.groups(version), nesting=view.nesting(version), scope=version.scope)
            return _Reading(version, view, groups)


def _has_same_data(version: SnapshotVersion, known: SnapshotVersion) -> bool:
    return version.revision == known.revision and _has_same_groups(version, known)


def _has_same_groups(version: SnapshotVersion, known: SnapshotVersion) -> bool:
    """Whether what is kept of the groups holds for both: most rounds change people and their memberships only."""
    return (version.tenant_id, version.generation, version.scope, version.groups_revision) == (
        known.tenant_id,
        known.generation,
        known.scope,
        known.groups_revision,
    )


@contextmanager
def _closing_on_error(view: DirectoryView) -> Iterator[None]:
    try:
        yield
    except BaseException:
        view.close()
        raise


def _close_unused(work: "asyncio.Future[_Reading | None]") -> None:
    if work.cancelled() or work.exception() is not None:
        return
    reading = work.result()
    if reading is not None:
        reading.view.close()
