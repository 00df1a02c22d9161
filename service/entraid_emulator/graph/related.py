"""Membership in both directions: transitiveMembers of a group, memberOf and transitiveMemberOf of users and groups.

Lists are ordered by a hash of the id, which is also where their pages are cut: what is a member throughout is neither
skipped nor repeated while others come and go.
"""

from bisect import bisect_left
from collections.abc import Iterator

from entraid_emulator.directory import Directory, Entry
from entraid_emulator.graph.call import Answer, Call
from entraid_emulator.graph.closures import Ranked, groups_above, rank
from entraid_emulator.graph.errors import not_emulated, not_found, unsupported_query
from entraid_emulator.graph.groups import visible_group
from entraid_emulator.graph.lists import list_body, page_of, rest_body
from entraid_emulator.graph.shape import (
    check_member_select,
    check_properties,
    context_list,
    entity_for,
    printed_member,
)
from entraid_emulator.objects import GROUP_TYPE, ODATA_TYPE, USER_TYPE, Json, ObjectId, object_id

_CONTEXTS = {None: "directoryObjects", USER_TYPE: "users", GROUP_TYPE: "groups"}


def transitive_members(call: Call) -> Answer:
    """`GET /groups/{id}/transitiveMembers`."""
    return _members(call, None)


def transitive_users(call: Call) -> Answer:
    """`GET /groups/{id}/transitiveMembers/microsoft.graph.user`."""
    return _members(call, USER_TYPE)


def transitive_groups(call: Call) -> Answer:
    """`GET /groups/{id}/transitiveMembers/microsoft.graph.group`."""
    return _members(call, GROUP_TYPE)


def user_member_of(call: Call) -> Answer:
    """`GET /users/{id}/memberOf`."""
    return _groups(call, call.directory.groups_of(_user(call)), None)


def user_groups(call: Call) -> Answer:
    """`GET /users/{id}/memberOf/microsoft.graph.group`."""
    return _groups(call, call.directory.groups_of(_user(call)), GROUP_TYPE)


def user_transitive_member_of(call: Call) -> Answer:
    """`GET /users/{id}/transitiveMemberOf`."""
    return _groups(call, groups_above(call.directory, _user(call)), None)


def user_transitive_groups(call: Call) -> Answer:
    """`GET /users/{id}/transitiveMemberOf/microsoft.graph.group`."""
    return _groups(call, groups_above(call.directory, _user(call)), GROUP_TYPE)


def group_member_of(call: Call) -> Answer:
    """`GET /groups/{id}/memberOf`."""
    return _groups(call, call.directory.groups_of(_group(call)), None)


def group_groups(call: Call) -> Answer:
    """`GET /groups/{id}/memberOf/microsoft.graph.group`."""
    return _groups(call, call.directory.groups_of(_group(call)), GROUP_TYPE)


def group_transitive_member_of(call: Call) -> Answer:
    """`GET /groups/{id}/transitiveMemberOf`."""
    return _groups(call, groups_above(call.directory, _group(call)), None)


def group_transitive_groups(call: Call) -> Answer:
    """`GET /groups/{id}/transitiveMemberOf/microsoft.graph.group`."""
    return _groups(call, groups_above(call.directory, _group(call)), GROUP_TYPE)


def _members(call: Call, odata_type: str | None) -> Answer:
    group = visible_group(call)
    ranked = [] if group is None else call.closures.below(call.directory, group)
    return _listed(call, ranked, odata_type)


def _groups(call: Call, found: list[ObjectId], odata_type: str | None) -> Answer:
    return _listed(call, rank(found), odata_type)


def _listed(call: Call, ranked: Ranked, odata_type: str | None) -> Answer:
    _check_options(call, odata_type)
    context = f"{_CONTEXTS[odata_type]}{context_list(call.options)}"
    if (rest := rest_body(call, context)) is not None:
        return Answer(rest)
    taken, following = page_of(_from(call.directory, ranked, call.start(), odata_type), call.page_size)
    value: list[dict[str, Json]] = []
    for entry in taken:
        shown = printed_member(entry, call.options, call.caller.roles, call.directory)
        if odata_type is not None:
            del shown[ODATA_TYPE]  # the cast says it already
        value.append(shown)
    count = sum(1 for _ in _from(call.directory, ranked, 0, odata_type)) if _wants_count(call) else None
    return Answer(list_body(call, context, value, following=following, count=count))


def _from(directory: Directory, ranked: Ranked, start: int, odata_type: str | None) -> Iterator[tuple[int, Entry]]:
    for place in range(bisect_left(ranked, (start, "")), len(ranked)):
        position, one = ranked[place]
        entry = directory.find(one)
        if entry is not None and odata_type in {None, entry.odata_type}:
            yield position, entry


def _wants_count(call: Call) -> bool:
    return call.options.is_advanced and call.options.skiptoken is None


def _check_options(call: Call, odata_type: str | None) -> None:
    """A cast needs advanced query parameters: https://learn.microsoft.com/graph/aad-advanced-queries."""
    if call.options.filter is not None or call.options.expand is not None:
        raise not_emulated("`$filter` and `$expand` on members and memberships")
    entity = None if odata_type is None else entity_for(call.directory, odata_type)
    if entity is None:
        check_member_select(call.options, call.directory)
        return
    check_properties(call.options, entity, call.caller.roles, over_collection=True)
    if not call.options.is_advanced:
        raise unsupported_query("The specified filter to the reference property query is currently not supported.")


def _user(call: Call) -> ObjectId:
    user = call.directory.user(call.keys["object"])
    if user is None:
        raise not_found(call.keys["object"])
    return object_id(user)


def _group(call: Call) -> ObjectId:
    key = call.keys["object"]
    if not call.directory.groups.has(ObjectId(key.lower())):
        raise not_found(key)
    return ObjectId(key.lower())
