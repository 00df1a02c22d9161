"""Cutting lists into pages: users and groups, filtered or not, and members.

No page is empty while it has a next one, unless that is asked for: msgraph-core's page iterator stops at an empty page
even if that has a nextLink, so the emulator looks one object ahead.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import TypeVar

from entraid_emulator.directory import Entry
from entraid_emulator.graph.call import Answer, Call
from entraid_emulator.graph.errors import bad_request
from entraid_emulator.graph.filter_syntax import Tree, parse_filter
from entraid_emulator.graph.filters import compile_filter, ids_asked_for
from entraid_emulator.graph.schema import EntityType
from entraid_emulator.objects import GraphObject, Json, ObjectId
from entraid_emulator.shelf import Shelf

T = TypeVar("T")


def page_of(items: Iterator[tuple[int, T]], size: int) -> tuple[list[T], int | None]:
    """Up to `size` items, and the ordinal that the next page begins at, if there is one."""
    taken = [item for _, item in islice(items, size)]
    following = next(items, None)
    return taken, None if following is None else following[0]


def matching(call: Call, shelf: Shelf, entity: EntityType, *, start: int) -> Iterator[tuple[int, GraphObject]]:
    """The objects of a shelf that the call's `$filter` matches, from an ordinal on."""
    if call.options.filter is None:
        return shelf.scan(start)
    tree = parse_filter(call.options.filter)
    matches = compile_filter(tree, entity, call.options)
    candidates = _by_key(shelf, tree)
    if candidates is not None:
        return ((ordinal, thing) for ordinal, thing in enumerate(candidates) if ordinal >= start and matches(thing))
    return ((ordinal, thing) for ordinal, thing in shelf.scan(start) if matches(thing))


def count_matching(call: Call, shelf: Shelf, entity: EntityType) -> int:
    """How many objects of a shelf match."""
    if call.options.filter is None:
        return len(shelf)
    return sum(1 for _ in matching(call, shelf, entity, start=0))


def members(call: Call, group: ObjectId, *, odata_type: str | None, start: int) -> Iterator[tuple[int, Entry]]:
    """The direct members of a group, of one type or all; objects that are deleted are passed over."""
    listed = call.directory.members_of(group)
    for ordinal in range(start, len(listed)):
        member = listed[ordinal]
        entry = None if member is None else call.directory.find(member)
        if entry is not None and odata_type in {None, entry.odata_type}:
            yield ordinal, entry


def counted(handler: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
    """Answers `$count` behind a list that counts on its first page, as text."""

    def count(call: Call) -> Answer:
        if not call.options.is_eventual:
            raise bad_request("$count is not currently supported.")
        answer = handler(replace(call, options=replace(call.options, count=True, skiptoken=None)))
        assert not isinstance(answer.body, int)  # noqa: S101 - lists are documents
        return Answer(int(str(answer.body["@odata.count"])))

    return count


def list_body(
    call: Call, context: str, value: Iterable[dict[str, Json]], *, following: int | None, count: int | None
) -> dict[str, Json]:
    """The document of one page; the count only on the first one."""
    body: dict[str, Json] = {"@odata.context": call.context(context)}
    if count is not None and call.options.skiptoken is None:
        body["@odata.count"] = count
    if following is not None:
        body["@odata.nextLink"] = call.next_link(following)
    body["value"] = list(value)
    return body


def rest_body(call: Call, context: str) -> dict[str, Json] | None:
    """The document of an empty page that stands before the real one, where the behaviour asks for such pages."""
    link = call.rest_link()
    if link is None:
        return None
    return {"@odata.context": call.context(context), "@odata.nextLink": link, "value": []}


def _by_key(shelf: Shelf, tree: Tree) -> list[GraphObject] | None:
    ids = ids_asked_for(tree)
    if ids is None:
        return None
    return [found for one in ids if (found := shelf.get(one)) is not None]
