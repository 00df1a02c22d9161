"""How an object is printed in a delta round: whole, changed or removed, with its members and manager. Pure.

A whole object has the selected properties that are set or were cleared (null); one never set is left out. A changed one
has all selected properties too, or with `Prefer: return=minimal` only those that changed:
https://learn.microsoft.com/graph/delta-query-overview#resource-representation-in-the-delta-query-response.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from entraid_emulator.changes import Change
from entraid_emulator.changes import Entry as Logged
from entraid_emulator.directory import Directory
from entraid_emulator.graph.delta_tokens import Tracked
from entraid_emulator.graph.schema import EntityType, is_extension
from entraid_emulator.objects import ODATA_TYPE, GraphObject, Json, ObjectId, object_id, text

Record = dict[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How one round looks at a directory.

    Attributes:
        directory: what it looks at.
        entity: the type of its objects.
        tracked: what the client asked for.
        relation: `members` or `manager`, if it is tracked.
        is_minimal: whether unchanged properties are left out.
        keeps_deleted_members: whether links to soft-deleted members are told.
        shows_removed: whether an initial round tells of removed members too.
        hides_members: whether the members of groups with hidden membership are left out.
    """

    directory: Directory
    entity: EntityType
    tracked: Tracked
    relation: str | None
    is_minimal: bool
    keeps_deleted_members: bool
    shows_removed: bool
    hides_members: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The tracked properties."""
        names = self.entity.defaults if self.tracked.select is None else self.tracked.select
        return tuple(name for name in names if name not in self.entity.navigation and name != "id")


@dataclass(frozen=True, slots=True)
class Told:
    """One record, and how far it came.

    Attributes:
        record: None when there is nothing to tell.
        links: how many members it tells of.
        rest: where the members go on that had no room; None when all are told.
    """

    record: Record | None
    links: int = 0
    rest: int | None = None


def removed(thing: ObjectId, directory: Directory) -> Told:
    """An object that is not there: `changed` if it can be restored, else `deleted`."""
    reason = "changed" if thing in directory.deleted else "deleted"
    return Told({"id": thing, "@removed": {"reason": reason}})


def whole(view: View, thing: GraphObject, entries: Sequence[Logged] = (), *, offset: int, room: int) -> Told:
    """An object in full, with the members from place `offset` on, as many as there is room for.

    Args:
        view: how to look at it.
        thing: the object.
        entries: what happened to it in this round; links that ended are told too, for the client may know the object
            from before it was deleted and restored.
        offset: place of the first member.
        room: how many members may be told.
    """
    record = _properties(view, thing, view.names)
    named = object_id(thing)
    if view.relation == "manager":
        former = [entry.other for entry in entries if entry.what is Change.MANAGER]
        _add_links(record, "manager@delta", _manager(view, named, former))
    if view.relation != "members" or _is_hidden(view, thing):
        return Told(record)
    links: list[Json] = []
    rest = None
    for place, link in _present(view, named, offset):
        if len(links) == room:
            rest = place
            break
        links.append(link)
    if offset == 0:
        links += [link for link in _net(view, named, entries) if link is not None and "@removed" in link]
    _add_links(record, "members@delta", links)
    return Told(record, len(links), rest)


def seen_before(view: View, thing: ObjectId) -> Sequence[Logged]:
    """What the log still knows of an object: an initial round may tell of members removed before it began.

    Seen by others: https://github.com/microsoftgraph/microsoft-graph-docs/issues/17513
    """
    log = view.directory.changes
    return log.of(view.entity.odata_type, thing, after=log.floor, until=log.version) if view.shows_removed else ()


def changed(view: View, thing: GraphObject, entries: Sequence[Logged], *, offset: int, room: int) -> Told:
    """What changed of an object that stayed; nothing to tell if that is not tracked."""
    if any(entry.what is Change.CREATED for entry in entries):
        return whole(view, thing, entries, offset=offset, room=room)
    names = _changed_names(view, entries)
    links = [] if _is_hidden(view, thing) else _changed_links(view, object_id(thing), entries)
    told = [link for link in links[offset : offset + room] if link is not None]
    rest = offset + room if offset + room < len(links) else None
    if not names and not told and rest is None:
        return Told(None)
    record = _properties(view, thing, names if view.is_minimal else view.names)
    _add_links(record, f"{view.relation}@delta", told)
    return Told(record, len(told), rest)


def _properties(view: View, thing: GraphObject, names: Sequence[str]) -> Record:
    cleared = view.directory.cleared(object_id(thing))
    record: Record = {}
    for name in names:
        value = thing.get(name)
        if value not in (None, [], ()):
            record[name] = view.entity.value(thing, name)
        elif name in cleared:
            record[name] = [] if name in view.entity.lists else None
    return {**record, "id": thing["id"]}


def _changed_names(view: View, entries: Sequence[Logged]) -> tuple[str, ...]:
    """The tracked properties that changed; of directory extensions, if one changed, all.

    https://learn.microsoft.com/graph/delta-query-overview#limitations
    """
    names = frozenset[str]().union(*(entry.names for entry in entries))
    any_extension = any(is_extension(name) for name in names)
    return tuple(name for name in view.names if name in names or (any_extension and is_extension(name)))


def _changed_links(view: View, thing: ObjectId, entries: Sequence[Logged]) -> Sequence[Record | None]:
    if view.relation == "manager":
        former = [entry.other for entry in entries if entry.what is Change.MANAGER]
        return _manager(view, thing, former) if former else []
    if view.relation == "members":
        return list(_net(view, thing, entries))
    return []


def _is_hidden(view: View, thing: GraphObject) -> bool:
    """Whether the caller may not see the members: what Graph's delta does then is not published."""
    return view.hides_members and text(thing, "visibility") == "HiddenMembership"


def _net(view: View, group: ObjectId, entries: Sequence[Logged]) -> Iterator[Record | None]:
    """Of every member that came or went, how it stands now; None in the place of one that is not told of."""
    wanted = {Change.MEMBER} if view.keeps_deleted_members else {Change.MEMBER, Change.RETURNED}
    for member in dict.fromkeys(entry.other for entry in entries if entry.what in wanted):
        if member is None:
            continue
        if not view.directory.is_member(group, member):
            yield {**_reference(view, member), "@removed": {"reason": "deleted"}}
        else:
            yield _reference(view, member) if _is_told(view, member) else None


def _present(view: View, group: ObjectId, start: int) -> Iterator[tuple[int, Json]]:
    roster = view.directory.members_of(group)
    for place in range(start, len(roster)):
        member = roster[place]
        if member is not None and _is_told(view, member):
            yield place, _reference(view, member)


def _is_told(view: View, member: ObjectId) -> bool:
    if view.directory.kind_of(member) is not None:
        return True
    return view.keeps_deleted_members and member in view.directory.deleted


def _manager(view: View, user: ObjectId, former: Sequence[ObjectId | None]) -> list[Record]:
    """A single relation as an array: those who are it no more, then the one who is."""
    present = view.directory.manager_of(user)
    links: list[Record] = [
        {**_reference(view, one), "@removed": {"reason": "deleted"}}
        for one in dict.fromkeys(former)
        if one is not None and one != present
    ]
    return links if present is None else [*links, _reference(view, present)]


def _reference(view: View, thing: ObjectId) -> Record:
    """Type and id of a related object; the type is left out where nobody knows it any more."""
    odata_type = view.directory.type_of(thing)
    return {"id": thing} if odata_type is None else {ODATA_TYPE: odata_type, "id": thing}


def _add_links(record: Record, name: str, links: Sequence[Json]) -> None:
    if links:
        record[name] = links
