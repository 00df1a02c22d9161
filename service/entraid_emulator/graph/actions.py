"""Membership questions and reads by id that are POSTs: checkMemberGroups, getMemberGroups, getByIds."""

from collections.abc import Mapping, Sequence

from entraid_emulator.graph.call import Answer, Call
from entraid_emulator.graph.closures import groups_above
from entraid_emulator.graph.errors import bad_request, malformed_query, not_found, result_too_large
from entraid_emulator.graph.shape import check_member_select, context_list, printed_member
from entraid_emulator.objects import GROUP_TYPE, USER_TYPE, Json, ObjectId, object_id

MAX_CHECKED = 20
MAX_MEMBER_GROUPS = 11_000
MAX_BY_IDS = 1000

_STRINGS = "Collection(Edm.String)"


def check_member_groups(call: Call) -> Answer:
    """`POST .../checkMemberGroups`: which of at most 20 groups hold the object, also through nesting.

    https://learn.microsoft.com/graph/api/directoryobject-checkmembergroups
    """
    asked = _texts(call, "groupIds")
    if len(asked) > MAX_CHECKED:
        raise bad_request(f"Number of included identifiers cannot exceed '{MAX_CHECKED}'.")
    held = set(groups_above(call.directory, _object(call)))
    return _strings(call, [one for one in asked if ObjectId(one.lower()) in held])


def get_member_groups(call: Call) -> Answer:
    """`POST .../getMemberGroups`: all groups of the object, also through nesting; at most 11,000.

    https://learn.microsoft.com/graph/api/directoryobject-getmembergroups
    """
    only_security = _body(call).get("securityEnabledOnly", False)
    if not isinstance(only_security, bool):
        raise malformed_query("The parameter 'securityEnabledOnly' has to be a boolean.")
    found = _object(call)
    if only_security and not call.directory.users.has(found):
        raise bad_request("securityEnabledOnly can be true for users only.")
    groups = groups_above(call.directory, found)
    if only_security:
        groups = [one for one in groups if (call.directory.groups.get(one) or {}).get("securityEnabled") is True]
    if len(groups) > MAX_MEMBER_GROUPS:
        raise result_too_large()
    return _strings(call, groups)


def get_by_ids(call: Call) -> Answer:
    """`POST /directoryObjects/getByIds`: the objects of at most 1,000 ids; what is not there is left out.

    https://learn.microsoft.com/graph/api/directoryobject-getbyids
    """
    ids = _texts(call, "ids")
    if not ids or len(ids) > MAX_BY_IDS:
        raise bad_request(f"Number of included identifiers cannot exceed '{MAX_BY_IDS}'.")
    check_member_select(call.options, call.directory)
    types = {one.lower() for one in _texts(call, "types")} if "types" in _body(call) else set[str]()
    value: list[Json] = []
    for one in dict.fromkeys(ObjectId(one.lower()) for one in ids):
        entry = call.directory.find(one)
        if entry is None or (types and entry.odata_type.rpartition(".")[2].lower() not in types):
            continue
        value.append(printed_member(entry, call.options, call.caller.roles, call.directory))
    context = call.context(f"directoryObjects{context_list(call.options)}")
    return Answer({"@odata.context": context, "value": value})


def _object(call: Call) -> ObjectId:
    key = call.keys["object"]
    resource = call.path.strip("/").split("/")[0].casefold()
    if resource == "users":
        user = call.directory.user(key)
        found = None if user is None else object_id(user)
    else:
        found = ObjectId(key.lower()) if call.directory.kind_of(ObjectId(key.lower())) else None
    kind = None if found is None else call.directory.kind_of(found)
    if found is None or (resource in _KINDS and kind != _KINDS[resource]):
        raise not_found(key)
    return found


_KINDS = {"users": USER_TYPE, "groups": GROUP_TYPE}


def _body(call: Call) -> Mapping[str, Json]:
    if not isinstance(call.body, Mapping):
        raise malformed_query("The request body has to be a JSON object.")
    return call.body


def _texts(call: Call, name: str) -> Sequence[str]:
    given = _body(call).get(name)
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise malformed_query(f"The parameter '{name}' has to be a collection of strings.")
    return [str(one) for one in given]


def _strings(call: Call, value: Sequence[str]) -> Answer:
    return Answer({"@odata.context": call.context(_STRINGS), "value": value})
