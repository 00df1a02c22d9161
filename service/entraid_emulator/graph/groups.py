"""`/groups`, `/groups/$count`, `/groups/{id}`, `/groups/{id}/members` and its casts to user and group."""

from entraid_emulator.graph.call import Answer, Call
from entraid_emulator.graph.errors import bad_request, denied, not_emulated, not_found, unsupported_query
from entraid_emulator.graph.lists import count_matching, list_body, matching, members, page_of, rest_body
from entraid_emulator.graph.permissions import READ_HIDDEN_MEMBERS, allows
from entraid_emulator.graph.schema import EntityType
from entraid_emulator.graph.shape import (
    check_expand,
    check_member_select,
    check_properties,
    context_list,
    group_type,
    printed,
    printed_member,
    user_type,
)
from entraid_emulator.objects import GraphObject, Json, ObjectId, object_id, text


def list_groups(call: Call) -> Answer:
    """`GET /groups`."""
    entity = group_type(call.directory)
    options, roles = call.options, call.caller.roles
    check_properties(options, entity, roles, over_collection=True)
    check_expand(options.expand, entity)
    shelf = call.directory.groups
    context = f"groups{context_list(options)}"
    if (rest := rest_body(call, context)) is not None:
        return Answer(rest)
    taken, following = page_of(matching(call, shelf, entity, start=call.start()), call.page_size)
    value = [printed(group, entity, options, roles) for group in taken]
    count = count_matching(call, shelf, entity) if options.is_advanced else None
    return Answer(list_body(call, context, value, following=following, count=count))


def count_groups(call: Call) -> Answer:
    """`GET /groups/$count`, as text."""
    if not call.options.is_eventual:
        raise bad_request("$count is not currently supported.")
    return Answer(count_matching(call, call.directory.groups, group_type(call.directory)))


def read_group(call: Call) -> Answer:
    """`GET /groups/{id}`."""
    entity = group_type(call.directory)
    check_properties(call.options, entity, call.caller.roles, over_collection=False)
    check_expand(call.options.expand, entity)
    shown = printed(_group(call), entity, call.options, call.caller.roles)
    return Answer({"@odata.context": call.context(f"groups{context_list(call.options)}/$entity"), **shown})


def list_members(call: Call) -> Answer:
    """`GET /groups/{id}/members`: direct members of every type, each with its `@odata.type`."""
    check_member_select(call.options, call.directory)
    _check_options(call)
    group = visible_group(call)
    if (rest := rest_body(call, f"directoryObjects{context_list(call.options)}")) is not None:
        return Answer(rest)
    start = call.start()
    if group is None:
        return _members_answer(call, "directoryObjects", [], following=None, count=0)
    taken, following = page_of(members(call, group, odata_type=None, start=start), call.page_size)
    value = [printed_member(entry, call.options, call.caller.roles, call.directory) for entry in taken]
    count = sum(1 for _ in members(call, group, odata_type=None, start=0)) if call.options.is_advanced else None
    return _members_answer(call, "directoryObjects", value, following=following, count=count)


def list_user_members(call: Call) -> Answer:
    """`GET /groups/{id}/members/microsoft.graph.user`."""
    return _cast_members(call, user_type(call.directory), "users")


def list_group_members(call: Call) -> Answer:
    """`GET /groups/{id}/members/microsoft.graph.group`."""
    return _cast_members(call, group_type(call.directory), "groups")


def _cast_members(call: Call, entity: EntityType, context: str) -> Answer:
    """A cast needs advanced query parameters: https://learn.microsoft.com/graph/aad-advanced-queries."""
    check_properties(call.options, entity, call.caller.roles, over_collection=True)
    _check_options(call)
    if not call.options.is_advanced:
        raise unsupported_query("The specified filter to the reference property query is currently not supported.")
    group = visible_group(call)
    start = call.start()
    if group is None:
        return _members_answer(call, context, [], following=None, count=0)
    found = members(call, group, odata_type=entity.odata_type, start=start)
    taken, following = page_of(found, call.page_size)
    value = []
    for entry in taken:
        shown = printed_member(entry, call.options, call.caller.roles, call.directory)
        shown.pop("@odata.type")  # the cast says it already
        value.append(shown)
    count = sum(1 for _ in members(call, group, odata_type=entity.odata_type, start=0))
    return _members_answer(call, context, value, following=following, count=count)


def _members_answer(
    call: Call, context: str, value: list[dict[str, Json]], *, following: int | None, count: int | None
) -> Answer:
    body = list_body(call, f"{context}{context_list(call.options)}", value, following=following, count=count)
    return Answer(body)


def _check_options(call: Call) -> None:
    if call.options.filter is not None:
        raise not_emulated("`$filter` on members")
    if call.options.expand is not None:
        raise not_emulated("`$expand` on members")


def _group(call: Call) -> GraphObject:
    key = call.keys["group"]
    group = call.directory.groups.get(ObjectId(key.lower()))
    if group is None:
        raise not_found(key)
    return group


def visible_group(call: Call) -> ObjectId | None:
    """The group's id; None when its members are to look like none.

    A hidden membership needs Member.Read.Hidden. What Graph answers without it is not published, so it is a choice of
    the emulator's behaviour: 403, or an empty list.
    """
    group = _group(call)
    is_hidden = text(group, "visibility") == "HiddenMembership" and not allows(call.caller.roles, READ_HIDDEN_MEMBERS)
    if not is_hidden:
        return object_id(group)
    if call.cloud.behaviour.hidden_membership == "forbidden":
        raise denied()
    return None
