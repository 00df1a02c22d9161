"""`/users`, `/users/$count`, `/users/{id or UPN}` and `/users/{id or UPN}/manager`."""

from entraid_emulator.graph.call import Answer, Call
from entraid_emulator.graph.errors import bad_request, not_found
from entraid_emulator.graph.lists import count_matching, list_body, matching, page_of, rest_body
from entraid_emulator.graph.schema import USER
from entraid_emulator.graph.shape import (
    check_expand,
    check_not_advanced,
    check_properties,
    context_list,
    manager_entry,
    printed,
    user_type,
    with_manager,
)
from entraid_emulator.objects import ODATA_TYPE, USER_TYPE, GraphObject


def list_users(call: Call) -> Answer:
    """`GET /users`."""
    entity = user_type(call.directory)
    options, roles = call.options, call.caller.roles
    check_properties(options, entity, roles, over_collection=True)
    check_expand(options.expand, entity)
    check_not_advanced(options)
    shelf = call.directory.users
    context = f"users{context_list(options)}"
    if (rest := rest_body(call, context)) is not None:
        return Answer(rest)
    taken, following = page_of(matching(call, shelf, entity, start=call.start()), call.page_size)
    value = []
    for user in taken:
        shown = printed(user, entity, options, roles)
        with_manager(shown, user, options.expand, call.directory)
        value.append(shown)
    count = count_matching(call, shelf, entity) if options.is_advanced else None
    return Answer(list_body(call, context, value, following=following, count=count))


def count_users(call: Call) -> Answer:
    """`GET /users/$count`, as text."""
    if not call.options.is_eventual:
        raise bad_request("$count is not currently supported.")
    return Answer(count_matching(call, call.directory.users, user_type(call.directory)))


def read_user(call: Call) -> Answer:
    """`GET /users/{id or UPN}`."""
    entity = user_type(call.directory)
    options, roles = call.options, call.caller.roles
    check_properties(options, entity, roles, over_collection=False)
    check_expand(options.expand, entity)
    user = _user(call)
    shown = printed(user, entity, options, roles)
    with_manager(shown, user, options.expand, call.directory)
    return Answer({"@odata.context": call.context(f"users{context_list(options)}/$entity"), **shown})


def read_manager(call: Call) -> Answer:
    """`GET /users/{id or UPN}/manager`; 404 when there is none."""
    check_properties(call.options, USER, call.caller.roles, over_collection=False)
    entry = manager_entry(_user(call), call.directory)
    if entry is None:
        raise not_found("manager")
    context = call.context(f"directoryObjects{context_list(call.options)}/$entity")
    shown = printed(entry.thing, user_type(call.directory), call.options, call.caller.roles)
    return Answer({"@odata.context": context, ODATA_TYPE: USER_TYPE, **shown})


def _user(call: Call) -> GraphObject:
    user = call.directory.user(call.keys["user"])
    if user is None:
        raise not_found(call.keys["user"])
    return user
