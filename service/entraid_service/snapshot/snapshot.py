"""A connection's directory at one revision, as decisions read it.

Groups are in memory; users are read as they are asked about, through a view that stands still, and kept in `people`.
`find` tells who somebody's name means; whether that person may do anything is decided elsewhere.
"""

import enum
from collections.abc import Iterable
from typing import Final

from entraid_service.errors import StoreUnavailable
from entraid_service.model.ids import UserId, fold_name
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.ports import DirectoryView
from entraid_service.snapshot.catalog import GroupCatalog
from entraid_service.snapshot.people import People
from entraid_service.snapshot.person import Person


class Nobody(enum.Enum):
    """Why a name leads to no user."""

    UNKNOWN = enum.auto()
    AMBIGUOUS = enum.auto()


class Snapshot:
    """One revision. To be read between two awaits: afterwards it may be closed, and a newer one served."""

    __slots__ = ("_view", "groups", "people", "version")

    def __init__(self, version: SnapshotVersion, *, view: DirectoryView, groups: GroupCatalog, people: People) -> None:
        """Takes over the view; groups and people are those of this very revision."""
        self.version: Final = version
        self.groups: Final = groups
        self.people: Final = people
        self._view: DirectoryView | None = view

    def find(self, name: str) -> Person | Nobody:
        """Who an object id, a user principal name or a mail address means, compared by `fold_name`.

        The first of these kinds that hits decides, so that nobody takes another's name by setting it as his mail.

        Raises:
            StoreUnavailable: The database cannot be read.
        """
        # Nearly all ask by object id, as it is written; an id comes before all other names.
        person = self.people.get(UserId(name))
        if person is not None:
            return person
        user_id = self.people.by_name.get(name)
        if user_id is not None:
            return self.person(user_id) or Nobody.UNKNOWN
        found = self._look_up(name)
        if isinstance(found, Person) and found.id != name:
            self.people.by_name.put(name, found.id)
        return found

    def read_ahead(self, names: Iterable[str]) -> None:
        """Reads those who are not at hand together, as far as they are named by object id, for `find`.

        Raises:
            StoreUnavailable: The database cannot be read.
        """
        missing = [UserId(name) for name in dict.fromkeys(names) if name not in self.people]
        for record in self._open_view().users(self.version, missing):
            if record.user.id not in self.people:  # an id may be written in capitals too
                self.people.put(Person.of(record, self.people.packing))

    def person(self, user_id: UserId) -> Person | None:
        """The user of this object id, None if he is not synced.

        Raises:
            StoreUnavailable: The database cannot be read.
        """
        person = self.people.get(user_id)
        if person is None:
            record = self._open_view().user(self.version, user_id)
            if record is None:
                return None
            person = Person.of(record, self.people.packing)
            self.people.put(person)
        return person

    def move_to(self, view: DirectoryView) -> None:
        """Reads from another view of the same revision from now on, and closes the former one."""
        self.close()
        self._view = view

    def successor(self, version: SnapshotVersion, view: DirectoryView) -> "Snapshot":
        """The same data under a newer version, as when a sync found that nothing changed; shares what is kept."""
        return Snapshot(version, view=view, groups=self.groups, people=self.people)

    def close(self) -> None:
        """Ends the view; what is asked afterwards fails."""
        view, self._view = self._view, None
        if view is not None:
            view.close()

    def _look_up(self, name: str) -> Person | Nobody:
        person = self.person(UserId(name.lower()))
        if person is not None:
            return person
        view = self._open_view()
        folded = fold_name(name)
        for look_up in (view.users_named, view.users_mailed):
            hits = set(look_up(self.version, folded))
            if hits:
                return (self.person(hits.pop()) or Nobody.UNKNOWN) if len(hits) == 1 else Nobody.AMBIGUOUS
        return Nobody.UNKNOWN

    def _open_view(self) -> DirectoryView:
        if self._view is None:
            raise StoreUnavailable("the directory changed while it was being read: ask again")
        return self._view
