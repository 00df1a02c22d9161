"""A tenant from a file: what Graph printed of any real tenant, served back.

The file is one JSON object:

    {
      "tenantId": "...", "displayName": "...", "domains": ["contoso.com"],      all optional
      "users":    OBJECTS,
      "groups":   OBJECTS,
      "members":  {"<group id>": OBJECTS, ...},                                 full objects, {"id": ...} or bare ids
      "managers": {"<user id>": "<manager id>" or an object, ...},              optional
      "others":   OBJECTS,                                                      devices, contacts, ...; optional
      "administrators": ["<user id>", ...]                                      who may consent; optional
    }

OBJECTS is a list of objects, one answer as Graph printed it (`{"value": [...]}`), or a list of such pages. Members that
appear nowhere else are added by their `@odata.type`; nothing that was recorded is dropped, also not properties that
Graph's documentation does not know. An expanded `manager` inside a user counts as its manager.
"""

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import orjson

from entraid_emulator.directory import Directory
from entraid_emulator.graph.schema import TYPES, EntityType
from entraid_emulator.objects import (
    GROUP_TYPE,
    ODATA_TYPE,
    USER_TYPE,
    GraphObject,
    Json,
    ObjectId,
    TenantId,
    object_id,
    text,
)
from entraid_emulator.tenant import Tenant

_UNKNOWN_TYPE = "#microsoft.graph.directoryObject"
_GUID = re.compile(r"(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_KEYS = frozenset(
    {"tenantId", "displayName", "domains", "users", "groups", "members", "managers", "others", "administrators"}
)
_NOT_PROPERTIES = frozenset({ODATA_TYPE, "manager"})
_RECORDED = uuid.UUID("a3d1c7f0-94e2-4b5b-8a6e-0f1d2c3b4a59")  # makes a tenant id from a file's content


class DirectoryFileError(ValueError):
    """The file is not of the shape above; the text says where."""


def recorded(path: Path) -> Tenant:
    """Load a tenant.

    Raises:
        DirectoryFileError: the file is no JSON or not of the shape above.
        OSError: it cannot be read.
    """
    raw = path.read_bytes()
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise DirectoryFileError(f"`{path}` is no JSON: {error}") from error
    whole = _mapping(document, "the file")
    if unknown := whole.keys() - _KEYS:
        raise DirectoryFileError(f"unknown keys `{'`, `'.join(sorted(unknown))}` in `{path}`")
    domains = tuple(_text(name, "domains").lower() for name in _list(whole.get("domains") or [], "domains"))
    named = whole.get("tenantId") or str(uuid.uuid5(_RECORDED, raw.hex()))
    return Tenant(
        tenant_id=TenantId(_text(named, "tenantId").lower()),
        display_name=_text(whole.get("displayName") or "Recorded", "displayName"),
        domains=domains or ("recorded.example",),
        directory=directory_of(whole),
        administrators={object_id(one) for one in _objects(whole.get("administrators"), "administrators")},
    )


def directory_of(document: Mapping[str, Json]) -> Directory:
    """The directory of such a document.

    Raises:
        DirectoryFileError: it is not of the shape above.
    """
    directory = Directory()
    for user in _objects(document.get("users"), "users"):
        directory.add_user(_without(user, "manager"))
    for group in _objects(document.get("groups"), "groups"):
        directory.add_group(group)
    for other in _objects(document.get("others"), "others"):
        _add(directory, other)
    _add_members(directory, _mapping(document.get("members") or {}, "members"))
    _add_managers(directory, document)
    _learn(directory)
    return directory


def _add_members(directory: Directory, members: Mapping[str, Json]) -> None:
    for key, listed in members.items():
        group = ObjectId(key.lower())
        where = f"members of `{key}`"
        if directory.groups.get(group) is None:
            raise DirectoryFileError(f"`members` names group `{key}`, which is not in `groups`")
        found = list(_objects(listed, where))
        for member in found:
            _add(directory, member)
        directory.set_members(group, [object_id(member) for member in found])


def _add(directory: Directory, thing: GraphObject) -> None:
    """Add an object that is not there yet, or what its listing elsewhere did not say about one that is."""
    known = directory.find(object_id(thing))
    if known is None:
        _add_new(directory, thing)
        return
    more = {name: value for name, value in thing.items() if name not in known.thing and name != ODATA_TYPE}
    if more and known.odata_type == USER_TYPE:
        directory.update_user(object_id(thing), more)
    elif more and known.odata_type == GROUP_TYPE:
        directory.update_group(object_id(thing), more)
    elif more:
        directory.add_other({**known.thing, **more})


def _add_new(directory: Directory, thing: GraphObject) -> None:
    odata_type = text(thing, ODATA_TYPE) or (USER_TYPE if "userPrincipalName" in thing else _UNKNOWN_TYPE)
    bare = _without(thing, ODATA_TYPE)
    if odata_type == USER_TYPE:
        directory.add_user(bare)
    elif odata_type == GROUP_TYPE:
        directory.add_group(bare)
    else:
        directory.add_other({ODATA_TYPE: odata_type, **bare})


def _add_managers(directory: Directory, document: Mapping[str, Json]) -> None:
    managers = dict(_mapping(document.get("managers") or {}, "managers"))
    for user in _objects(document.get("users"), "users"):
        if user.get("manager") is not None:
            managers.setdefault(object_id(user), user["manager"])
    for key, value in managers.items():
        manager = _object(value, f"manager of `{key}`")
        _add(directory, {ODATA_TYPE: USER_TYPE, **manager})
        if directory.users.get(ObjectId(key.lower())) is None:
            raise DirectoryFileError(f"`managers` names user `{key}`, who is not in `users`")
        directory.set_manager(ObjectId(key.lower()), object_id(manager))


def _learn(directory: Directory) -> None:
    """Note the properties that these objects have and the schema does not know."""
    everything: dict[str, list[GraphObject]] = {
        USER_TYPE: [user for _, user in directory.users.scan()],
        GROUP_TYPE: [group for _, group in directory.groups.scan()],
    }
    for _, other in directory.others.scan():
        everything.setdefault(text(other, ODATA_TYPE), []).append(other)
    for odata_type, things in everything.items():
        if odata_type in TYPES:
            _note(directory, TYPES[odata_type], things)


def _note(directory: Directory, entity: EntityType, things: Sequence[GraphObject]) -> None:
    names = {name for thing in things for name in thing if not entity.knows(name) and name not in _NOT_PROPERTIES}
    directory.extra_properties[entity.odata_type] = frozenset(names)


def _objects(value: Json, where: str) -> Iterator[GraphObject]:
    """The objects of a list, of one answer or of a list of answers."""
    if value is None:
        return
    if isinstance(value, Mapping):
        yield from _objects(_answer(value, where), where)
        return
    for item in _list(value, where):
        if isinstance(item, Mapping) and "value" in item and "id" not in item:
            yield from _objects(_answer(item, where), where)
        else:
            yield _object(item, where)


def _answer(page: Mapping[str, Json], where: str) -> Sequence[Json]:
    if "value" not in page:
        raise DirectoryFileError(f"{where}: an answer of Graph needs `value`, found `{'`, `'.join(page)}`")
    return _list(page["value"], where)


def _object(value: Json, where: str) -> GraphObject:
    thing = {"id": value} if isinstance(value, str) else _mapping(value, where)
    try:
        named = object_id(thing)
    except ValueError as error:
        raise DirectoryFileError(f"{where}: {error}") from error
    if not _GUID.fullmatch(named):
        raise DirectoryFileError(f"{where}: `{named}` is no object id (a GUID)")
    return thing


def _mapping(value: Json, where: str) -> Mapping[str, Json]:
    if not isinstance(value, Mapping):
        raise DirectoryFileError(f"{where}: expected a JSON object, got `{type(value).__name__}`")
    return value


def _list(value: Json, where: str) -> Sequence[Json]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise DirectoryFileError(f"{where}: expected a list or an answer of Graph, got `{type(value).__name__}`")
    return value


def _text(value: Json, where: str) -> str:
    if not isinstance(value, str):
        raise DirectoryFileError(f"`{where}`: expected text, got `{type(value).__name__}`")
    return value


def _without(thing: GraphObject, name: str) -> GraphObject:
    return {key: value for key, value in thing.items() if key != name}
