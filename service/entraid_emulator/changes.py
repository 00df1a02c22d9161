"""The change log of a directory: what changed, in which order, so that delta rounds can be computed from any version.

Every change has a version, one more than the last. Entries are kept only while somebody may come back for them: from
the first `watch`, which is called when a delta round begins, until `forget` finds them older than any good token. An
entry says what to look at, not what it was: a reader prints the present state.
"""

import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from entraid_emulator.objects import ObjectId


class Change(Enum):
    """What happened to an object."""

    CREATED = auto()
    """It is new, or back from deletion: all of it counts as changed."""
    UPDATED = auto()
    """Properties were set or cleared."""
    REMOVED = auto()
    """It was deleted, softly or for good."""
    MEMBER = auto()
    """Another object became or ceased to be its direct member."""
    RETURNED = auto()
    """A direct member of it came back from deletion, with its membership."""
    MANAGER = auto()
    """It has another manager, or none; `other` was one before."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One change.

    Attributes:
        thing: the object that changed.
        odata_type: its type.
        what: what happened.
        names: the properties of UPDATED.
        other: the member, or the former manager.
    """

    thing: ObjectId
    odata_type: str
    what: Change
    names: frozenset[str] = frozenset()
    other: ObjectId | None = None


class ChangeLog:
    """The entries, by version and by object. Any thread may write."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._by_thing: dict[tuple[str, ObjectId], list[int]] = {}
        self._floor = 0
        self._is_watched = False
        self._checkpoints: deque[tuple[datetime, int]] = deque()

    @property
    def version(self) -> int:
        """The version of the latest change; 0 before the first."""
        return self._floor + len(self._entries)

    @property
    def floor(self) -> int:
        """The version up to which changes are forgotten."""
        return self._floor

    def write(self, entry: Entry) -> None:
        """Add a change that has just been made; first the change, then its entry, so that no reader misses it."""
        with self._lock:
            if not self._is_watched:
                self._floor += 1
                return
            self._by_thing.setdefault((entry.odata_type, entry.thing), []).append(self.version + 1)
            self._entries.append(entry)  # last, for it raises the version that readers go by

    def watch(self, now: datetime) -> int:
        """Keep all changes from now on, and return the present version."""
        with self._lock:
            self._is_watched = True
            if not self._checkpoints or self._checkpoints[-1][1] != self.version:
                self._checkpoints.append((now, self.version))
            return self.version

    def forget(self, before: datetime) -> None:
        """Drop what had happened when somebody watched before that moment, the last such time."""
        with self._lock:
            floor = self._floor
            while self._checkpoints and self._checkpoints[0][0] < before:
                floor = self._checkpoints.popleft()[1]
            forgotten = self._entries[: floor - self._floor]
            for entry in forgotten:
                key = (entry.odata_type, entry.thing)
                if self._by_thing.get(key, [floor + 1])[-1] <= floor:
                    del self._by_thing[key]
            del self._entries[: len(forgotten)]
            self._floor += len(forgotten)

    def firsts(self, odata_type: str, *, after: int, until: int, start: int) -> Iterator[tuple[int, ObjectId]]:
        """Objects of a type that changed in (after, until], each once at its first change there.

        Args:
            odata_type: the type.
            after: version that the reader has seen.
            until: version at which its round began.
            start: version to go on at, for later pages.
        """
        for version in range(max(after + 1, start), until + 1):
            entry = self._at(version)
            if entry is None or entry.odata_type != odata_type:
                continue
            versions = self._by_thing.get((odata_type, entry.thing), [])
            place = bisect_right(versions, after)
            if place < len(versions) and versions[place] == version:
                yield version, entry.thing

    def of(self, odata_type: str, thing: ObjectId, *, after: int, until: int) -> Sequence[Entry]:
        """What happened to one object in (after, until], in order."""
        versions = self._by_thing.get((odata_type, thing), [])
        found = (
            self._at(version) for version in versions[bisect_right(versions, after) : bisect_right(versions, until)]
        )
        return [entry for entry in found if entry is not None]

    def _at(self, version: int) -> Entry | None:
        place = version - self._floor - 1
        return self._entries[place] if 0 <= place < len(self._entries) else None
