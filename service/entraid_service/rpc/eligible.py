"""Searches for the users who satisfy a condition: the same decision as for one user, for one user after another.

1. The condition says among whom they are, if it does: members of some groups, users of some names.
2. These users, or all, are read by the order of their ids, a stretch at a time.
3. Each stretch is decided against the snapshot of the very revision that it was read from.

A page ends when it is full, when the users are all seen, when its time is over, or when another revision is served;
in the last two cases it comes short and the next one goes on behind the last user that was looked at.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from entraid.v1 import snapshot_pb2
from entraid_service.errors import StoreUnavailable
from entraid_service.evaluate import Compiled, decide_about
from entraid_service.model.candidates import Candidates
from entraid_service.model.decision import Decision
from entraid_service.model.directory import User
from entraid_service.model.ids import ConnectionId, UserId
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.ports import DirectoryLists, UserRecord
from entraid_service.rpc.freshness import Served, ServedSnapshots
from entraid_service.snapshot.person import Person

_STRETCH: Final = 250
"""Users that are decided without letting other calls go on: a few milliseconds."""
_LONGEST_SECONDS: Final = 0.5
"""For a page."""
_MOST_GROUPS: Final = 400
"""Groups whose members are worth going through one by one, instead of all users."""
_ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched for."""

    connection_id: ConnectionId
    compiled: Compiled
    consistency: snapshot_pb2.Consistency | None
    explain: bool


@dataclass(frozen=True, slots=True)
class Eligible:
    """Somebody who was found, and why."""

    user: User
    decision: Decision


@dataclass(slots=True)
class EligiblePage:
    """A page in the making. `reached` is the last user who was looked at; `is_last` says that no other follows."""

    served: Served
    reached: UserId | None
    found: list[Eligible] = field(default_factory=list)
    is_last: bool = False

    @property
    def after(self) -> UserId | None:
        """Behind whom the next page starts, None if there is none."""
        return None if self.is_last else self.reached

    def cut(self, size: int) -> None:
        """Leaves out who was found beyond the size of the page."""
        if len(self.found) > size:
            del self.found[size:]
            self.reached = self.found[-1].user.id
            self.is_last = False


class EligibleUsers:
    """Searches in the directories that are served."""

    def __init__(self, lists: DirectoryLists, *, served: ServedSnapshots) -> None:
        self._lists = lists
        self._served = served

    async def page(self, search: Search, *, after: UserId | None, size: int) -> EligiblePage:
        """At most `size` users behind `after`.

        Raises:
            ResourceNotFound: There is no such connection.
            DirectoryNotSynced: Nothing was ever synced.
            DirectoryStale: The data does not meet the bound on its age.
            StoreUnavailable: The database cannot be read, or changes faster than it can.
        """
        for _ in range(_ATTEMPTS):
            served = await self._newest(search)
            page = EligiblePage(served, after)
            await self._fill(page, search, size + 1)  # one too many says that another page follows
            if page.is_last or page.found or page.reached != after:
                page.cut(size)
                return page
            # Not one stretch was of the revision that is served: look for the newer one.
            await self._served.refresh(search.connection_id)
        raise StoreUnavailable("the directory keeps changing while it is searched: try again in some seconds")

    async def _newest(self, search: Search) -> Served:
        bounds = () if search.consistency is None else (search.consistency,)
        served = await self._served.get(search.connection_id, bounds)
        if search.consistency is not None:
            self._served.check(served, search.consistency)
        return served

    async def _fill(self, page: EligiblePage, search: Search, size: int) -> None:
        among = _narrowed(search.compiled, page.served)
        loop = asyncio.get_running_loop()
        end_of_time = loop.time() + _LONGEST_SECONDS
        while len(page.found) < size and loop.time() < end_of_time:
            listing = await self._lists.records(search.connection_id, after=page.reached, limit=_STRETCH, among=among)
            current = self._served.peek(search.connection_id)
            if current is None or not _is_same(current.snapshot.version, page.served.snapshot.version, listing.version):
                return
            page.served = current
            if not listing.items:
                page.is_last = True
                return
            _decide(page, search, listing.items, size)


def _decide(page: EligiblePage, search: Search, records: Sequence[UserRecord], size: int) -> None:
    packing = page.served.snapshot.people.packing
    for record in records:
        if len(page.found) == size:
            return
        person = Person.of(record, packing)
        decision = decide_about(page.served.snapshot, search.compiled, person, explain=search.explain)
        if decision.is_allowed:
            page.found.append(Eligible(person.user, decision))
        page.reached = person.id


def _narrowed(compiled: Compiled, served: Served) -> Candidates | None:
    candidates = compiled.candidates(served.snapshot.groups)
    return None if candidates is None or len(candidates.groups) > _MOST_GROUPS else candidates


def _is_same(*versions: SnapshotVersion) -> bool:
    return len({(version.generation, version.revision) for version in versions}) == 1
