"""One ordered collection of directory objects, changeable while it is being paged.

Every object has an ordinal that it keeps for life: pages are cut by ordinal, so a change between two pages neither
repeats nor skips an object that was there throughout. Under the changes may lie a `Base` that computes its objects
from their
index: a generated tenant of 300,000 users then costs memory only for what was changed.
"""

from collections.abc import Iterator
from typing import Protocol

from entraid_emulator.objects import GraphObject, ObjectId, object_id, text


class Base(Protocol):
    """Objects that are there from the start, by index, never changing."""

    def __len__(self) -> int: ...

    def at(self, index: int) -> GraphObject:
        """The object at an index below the length."""
        ...

    def id_at(self, index: int) -> ObjectId:
        """The id of the object at an index below the length, without making the object."""
        ...

    def index_of(self, wanted: ObjectId) -> int | None:
        """Where the object with that id stands."""
        ...

    def index_of_name(self, name: str) -> int | None:
        """Where the object with that user principal name (casefolded) stands."""
        ...


class NoBase:
    """The base of a directory that is filled by hand."""

    def __len__(self) -> int:
        return 0

    def at(self, index: int) -> GraphObject:
        """There is nothing to be had."""
        raise IndexError(index)

    def id_at(self, index: int) -> ObjectId:
        """There is nothing to be had."""
        raise IndexError(index)

    def index_of(self, wanted: ObjectId) -> int | None:  # noqa: ARG002 - the protocol's shape
        """Nothing is found."""
        return None

    def index_of_name(self, name: str) -> int | None:  # noqa: ARG002 - the protocol's shape
        """Nothing is found."""
        return None


class Shelf:
    """Objects by id, by user principal name and in order."""

    def __init__(self, base: Base | None = None) -> None:
        self._base: Base = base or NoBase()
        self._changed: dict[int, GraphObject | None] = {}
        self._added: list[GraphObject | None] = []
        self._ordinals: dict[ObjectId, int] = {}
        self._names: dict[str, int] = {}
        self._count = len(self._base)

    def __len__(self) -> int:
        return self._count

    def get(self, wanted: ObjectId) -> GraphObject | None:
        """The object with that id, if it is there."""
        ordinal = self._ordinal(wanted)
        return None if ordinal is None else self._at(ordinal)

    def has(self, wanted: ObjectId) -> bool:
        """Whether an object with that id is there, without making it."""
        ordinal = self._ordinal(wanted)
        if ordinal is None:
            return False
        if ordinal >= len(self._base):
            return self._added[ordinal - len(self._base)] is not None
        return self._changed.get(ordinal, True) is not None

    def named(self, name: str) -> GraphObject | None:
        """The object with that user principal name, ignoring case."""
        folded = name.casefold()
        for ordinal in (self._names.get(folded), self._base.index_of_name(folded)):
            found = None if ordinal is None else self._at(ordinal)
            if found is not None and text(found, "userPrincipalName").casefold() == folded:
                return found
        return None

    def put(self, thing: GraphObject) -> None:
        """Add an object at the end, or replace the one with its id where it stands."""
        ordinal = self._ordinal(object_id(thing))
        if ordinal is None:
            ordinal = len(self._base) + len(self._added)
            self._ordinals[object_id(thing)] = ordinal
            self._added.append(None)
        self._count += self._at(ordinal) is None
        self._set(ordinal, thing)
        if name := text(thing, "userPrincipalName"):
            self._names[name.casefold()] = ordinal

    def remove(self, wanted: ObjectId) -> GraphObject | None:
        """Take an object away and return it; its ordinal stays reserved for its return."""
        ordinal = self._ordinal(wanted)
        removed = None if ordinal is None else self._at(ordinal)
        if ordinal is not None and removed is not None:
            self._set(ordinal, None)
            self._count -= 1
        return removed

    def scan(self, start: int = 0) -> Iterator[tuple[int, GraphObject]]:
        """All objects from an ordinal on, each with its ordinal, as they are when they are reached."""
        ordinal = start
        while ordinal < len(self._base) + len(self._added):
            found = self._at(ordinal)
            if found is not None:
                yield ordinal, found
            ordinal += 1

    def ids(self, start: int = 0) -> Iterator[tuple[int, ObjectId]]:
        """The ids of all objects from an ordinal on, without making the objects of the base."""
        ordinal = start
        while ordinal < len(self._base) + len(self._added):
            if ordinal >= len(self._base) or ordinal in self._changed:
                found = self._at(ordinal)
                if found is not None:
                    yield ordinal, object_id(found)
            else:
                yield ordinal, self._base.id_at(ordinal)
            ordinal += 1

    def _ordinal(self, wanted: ObjectId) -> int | None:
        ordinal = self._ordinals.get(wanted)
        return self._base.index_of(wanted) if ordinal is None else ordinal

    def _at(self, ordinal: int) -> GraphObject | None:
        if ordinal >= len(self._base):
            return self._added[ordinal - len(self._base)]
        if ordinal in self._changed:
            return self._changed[ordinal]
        return self._base.at(ordinal)

    def _set(self, ordinal: int, thing: GraphObject | None) -> None:
        if ordinal >= len(self._base):
            self._added[ordinal - len(self._base)] = thing
        else:
            self._changed[ordinal] = thing
