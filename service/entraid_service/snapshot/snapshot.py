"""A connection's directory at one revision, as decisions read it.

Groups are in memory; users are read one by one through a view that stands still, and those used lately are kept.
`find` tells who somebody's name means; whether that person may do anything is decided elsewhere.
"""

import enum
from typing import Final

from entraid_service.errors import StoreUnavailable
from entraid_service.model.ids import UserId, fold_name
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.ports import DirectoryView
from entraid_service.snapshot.catalog import GroupCatalog
from entraid_service.snapshot.packing import Packing
from entraid_service.snapshot.person import Person
from entraid_service.snapshot.recent import Recent

_BYTES_PER_NAME: Final = 2_000
"""A name takes a tenth of it, so names have a tenth of the memory at most: nearly all ask by object id."""


class Nobody(enum.Enum):
    """Why a name leads to no user."""

    UNKNOWN = enum.auto()
    AMBIGUOUS = enum.auto()


class People:
    """The users of one revision that were used lately, and the names they were asked for by.

    `most` bounds the memory, roughly in bytes: an ordinary user has some eight hundred.
    """

    __slots__ = ("by_id", "by_name", "packing")

    def __init__(self, most: int) -> None:
        self.by_id: Final[Recent[UserId, Person]] = Recent(most, weigh=lambda person: person.weight)
        self.by_name: Final[Recent[str, UserId]] = Recent(most // _BYTES_PER_NAME)
        self.packing: Final = Packing()

    def resize(self, most: int) -> None:
        """Changes the bound."""
        self.by_id.resize(most)
        self.by_name.resize(most // _BYTES_PER_NAME)


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
        person = self.people.by_id.get(UserId(name))
        if person is not None:
            return person
        user_id = self.people.by_name.get(name)
        if user_id is not None:
            return self.person(user_id) or Nobody.UNKNOWN
        found = self._look_up(name)
        if isinstance(found, Person) and found.id != name:
            self.people.by_name.put(name, found.id)
        return found

    def person(self, user_id: UserId) -> Person | None:
        """The user of this object id, None if he is not synced.

        Raises:
            StoreUnavailable: The database cannot be read.
        """
        person = self.people.by_id.get(user_id)
        if person is None:
            record = self._open_view().user(self.version, user_id)
            if record is None:
                return None
            person = Person.of(record, self.people.packing)
            self.people.by_id.put(person.id, person)
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
