"""`/users/delta` and `/groups/delta`: rounds of changes, cut into pages.

Order: options or token, age of the token, the page's objects from the log (or all of them in an initial round), the
link to the next page or, at the end, to the next round. A round reports what changed up to its beginning, in the state
of the moment; what changes meanwhile is reported by the next round at the latest, so nothing is lost between.

https://learn.microsoft.com/graph/delta-query-overview, https://learn.microsoft.com/graph/delta-query-groups
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain

from entraid_emulator.changes import Change
from entraid_emulator.graph.call import Answer, Call
from entraid_emulator.graph.delta_options import parse_delta, tracked
from entraid_emulator.graph.delta_records import Record, Told, View, changed, removed, seen_before, whole
from entraid_emulator.graph.delta_tokens import RoundPage, Tracked
from entraid_emulator.graph.errors import GraphError, expired_page_token, gone, old_delta_link, sync_state_not_found
from entraid_emulator.graph.permissions import READ_HIDDEN_MEMBERS, allows
from entraid_emulator.graph.schema import EntityType
from entraid_emulator.graph.shape import group_type, user_type
from entraid_emulator.objects import ObjectId
from entraid_emulator.shelf import Shelf

_MARGIN = timedelta(days=1)  # a link is dated at the end of a round, and holds the version of its beginning
_REMOVED_FROM = 1 << 48  # places of removed objects in an initial round, behind all ordinals
_REPEATED_MEMBERS = 20


def users_delta(call: Call) -> Answer:
    """`GET /users/delta`."""
    return _answer(call, user_type(call.directory), call.directory.users, relation="manager")


def groups_delta(call: Call) -> Answer:
    """`GET /groups/delta`; without `$select` it has the members too."""
    return _answer(call, group_type(call.directory), call.directory.groups, relation="members")


@dataclass(slots=True)
class _Filled:
    """One page as it fills up.

    Attributes:
        value: its records.
        following: the page after it; None at the end of the round.
        last: the last object on it.
    """

    value: list[Record]
    following: RoundPage | None = None
    last: ObjectId | None = None


def _answer(call: Call, entity: EntityType, shelf: Shelf, *, relation: str) -> Answer:
    about, page = _asked(call, entity, relation)
    now, tenant = call.cloud.clock.now(), call.caller.tenant.tenant_id
    names = [name for name in about.select or () if name != relation] if page.is_first else []
    context = call.context(about.resource + (f"({','.join(names)})" if names else ""))
    headers = {"Preference-Applied": "return=minimal"} if call.prefers_minimal else {}
    filled = _filled(call, _view(call, entity, about, relation), page, shelf)
    if filled.following is not None:
        token = call.deltas.write(about, filled.following, tenant=tenant, now=now)
        link = {"@odata.nextLink": call.link("$skiptoken", token)}
    else:
        done = RoundPage(after=page.until, until=page.until)
        link = {"@odata.deltaLink": call.link("$deltatoken", call.deltas.write(about, done, tenant=tenant, now=now))}
    return Answer({"@odata.context": context, **link, "value": filled.value}, headers)


def _asked(call: Call, entity: EntityType, relation: str) -> tuple[Tracked, RoundPage]:
    """What the client is told of, and the page it wants."""
    options = parse_delta(call.query)
    behaviour, log, now = call.cloud.behaviour, call.directory.changes, call.cloud.clock.now()
    if options.skiptoken is None:
        log.forget(now - behaviour.delta_token_lifetime - _MARGIN)
    token = options.skiptoken or options.deltatoken
    if token is None:
        about = tracked(options, entity, relation=relation, roles=call.caller.roles)
        version = log.watch(now)
        # nothing happens between a version and itself, so `latest` is an empty round
        return about, RoundPage(after=version if options.is_latest else None, until=version, is_first=True)
    about, page, issued = call.deltas.read(token, f"{entity.name}s", tenant=call.caller.tenant.tenant_id)
    if options.skiptoken is not None:
        if now - issued > behaviour.page_token_lifetime:
            raise expired_page_token()
        _check_known(call, page)
        return about, page
    if now - issued > behaviour.delta_token_lifetime:
        raise _expired(call)
    _check_known(call, page)
    after = max(log.floor, (page.after or 0) - behaviour.delta_replays)
    return about, RoundPage(after=after, until=log.watch(now), is_first=True)


def _check_known(call: Call, page: RoundPage) -> None:
    if page.after is not None and page.after < call.directory.changes.floor:
        raise _expired(call)


def _expired(call: Call) -> GraphError:
    match call.cloud.behaviour.expired_delta:
        case "gone":
            return gone(call.link("$deltatoken", ""))
        case "sync_state_not_found":
            return sync_state_not_found()
        case "unsupported_query":
            return old_delta_link()


def _view(call: Call, entity: EntityType, about: Tracked, relation: str) -> View:
    behaviour = call.cloud.behaviour
    by_default = relation == "members"
    return View(
        directory=call.directory,
        entity=entity,
        tracked=about,
        relation=relation if (by_default if about.select is None else relation in about.select) else None,
        is_minimal=call.prefers_minimal,
        keeps_deleted_members=behaviour.soft_deleted_members == "kept",
        shows_removed=behaviour.delta_initial_removed,
        hides_members=not allows(call.caller.roles, READ_HIDDEN_MEMBERS),
    )


def _filled(call: Call, view: View, page: RoundPage, shelf: Shelf) -> _Filled:
    behaviour = call.cloud.behaviour
    if behaviour.empty_pages and not page.is_first and not page.is_rested:
        return _Filled([], replace(page, is_rested=True))
    filled = _Filled([])
    if behaviour.delta_disorder and page.former is not None:
        again = _told(view, page, shelf, page.former, offset=0, room=_REPEATED_MEMBERS)
        filled.value += [again.record] if again.record is not None else []
    _fill(filled, view, page, shelf, sizes=(behaviour.delta_page_size, behaviour.delta_page_members))
    if behaviour.delta_disorder:
        random.Random(page.place).shuffle(filled.value)  # noqa: S311 - disorder, not secrecy
    return filled


def _fill(filled: _Filled, view: View, page: RoundPage, shelf: Shelf, *, sizes: tuple[int, int]) -> None:
    objects, room = sizes
    for place, thing in _candidates(view, page, shelf):
        following = RoundPage(after=page.after, until=page.until, place=place, former=filled.last)
        if objects <= 0 or room <= 0:
            filled.following = following
            return
        told = _told(view, page, shelf, thing, offset=page.offset if place == page.place else 0, room=room)
        if told.record is None:
            continue
        filled.value.append(told.record)
        filled.last = thing
        objects, room = objects - 1, room - told.links
        if told.rest is not None:
            filled.following = replace(following, offset=told.rest, former=thing)
            return


def _told(view: View, page: RoundPage, shelf: Shelf, thing: ObjectId, *, offset: int, room: int) -> Told:
    found = shelf.get(thing)
    if page.after is None:
        if found is None:
            return removed(thing, view.directory)
        return whole(view, found, seen_before(view, thing), offset=offset, room=room)
    log = view.directory.changes
    entries = log.of(view.entity.odata_type, thing, after=page.after, until=page.until)
    if found is None:
        # an object that was gone all the while, or went after the round began, is not told of now
        is_told = any(entry.what is Change.REMOVED for entry in entries)
        return removed(thing, view.directory) if is_told else Told(None)
    return changed(view, found, entries, offset=offset, room=room)


def _candidates(view: View, page: RoundPage, shelf: Shelf) -> Iterator[tuple[int, ObjectId]]:
    """The objects that the round may have to tell of, from the page's place on."""
    ids = view.tracked.ids
    if page.after is not None:
        log = view.directory.changes
        found = log.firsts(view.entity.odata_type, after=page.after, until=page.until, start=page.place)
        return found if ids is None else ((place, thing) for place, thing in found if thing in ids)
    live: Iterator[tuple[int, ObjectId]]
    if ids is None:
        live = shelf.ids(page.place)
    else:
        live = ((place, one) for place, one in enumerate(ids) if place >= page.place and shelf.has(one))
    return chain(live, _removed_candidates(view, page)) if view.shows_removed else live


def _removed_candidates(view: View, page: RoundPage) -> Iterator[tuple[int, ObjectId]]:
    directory, ids = view.directory, view.tracked.ids
    kinds = {**directory.gone, **{thing: entry.odata_type for thing, entry in directory.deleted.items()}}
    for place, (thing, odata_type) in enumerate(kinds.items(), start=_REMOVED_FROM):
        if place >= page.place and odata_type == view.entity.odata_type and (ids is None or thing in ids):
            yield place, thing
