"""The changes that a person or a script can make to a directory, by name, with text arguments. Knows no HTTP."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import orjson

from entraid_emulator.directory import Directory, Entry, UnknownObjectError
from entraid_emulator.objects import GROUP_TYPE, USER_TYPE, GraphObject, Json, ObjectId, object_id, text


class ChangeError(ValueError):
    """A change cannot be made; the text says why and what would do."""


@dataclass(frozen=True, slots=True)
class Command:
    """One kind of change.

    Attributes:
        name: as it is written on the command line.
        takes: names of its arguments.
        does: what it does, one line for people.
        run: makes the change and returns the object changed.
    """

    name: str
    takes: tuple[str, ...]
    does: str
    run: Callable[[Directory, Sequence[str]], ObjectId]


def change(directory: Directory, name: str, arguments: Sequence[str]) -> ObjectId:
    """Make a change and return the id of the object changed.

    Raises:
        ChangeError: the change is unknown, or an argument does not fit.
    """
    command = COMMANDS.get(name)
    if command is None:
        raise ChangeError(f"no change `{name}`; there are `{'`, `'.join(COMMANDS)}`")
    if len(arguments) != len(command.takes):
        wanted = " ".join(command.takes).upper()
        raise ChangeError(f"`{name}` takes {len(command.takes)} arguments: {wanted}; got {len(arguments)}")
    try:
        return command.run(directory, arguments)
    except UnknownObjectError as error:
        raise ChangeError(f"the directory says {error.args[0]}") from error


def _user(directory: Directory, key: str) -> ObjectId:
    user = directory.user(key)
    if user is None:
        raise ChangeError(f"no user `{key}`; name one by object id or user principal name")
    return object_id(user)


def _group(directory: Directory, key: str) -> ObjectId:
    if directory.groups.has(ObjectId(key.lower())):
        return ObjectId(key.lower())
    found = [object_id(group) for _, group in directory.groups.scan() if text(group, "displayName") == key]
    if len(found) != 1:
        several = f"; these are called so: `{'`, `'.join(found)}`" if found else ""
        raise ChangeError(f"no single group `{key}`; name one by object id or by a display name of its own{several}")
    return found[0]


def _object(directory: Directory, key: str) -> ObjectId:
    if directory.kind_of(ObjectId(key.lower())) is not None:
        return ObjectId(key.lower())
    user = directory.user(key)
    return _group(directory, key) if user is None else object_id(user)


def _deleted(directory: Directory, key: str, odata_type: str) -> ObjectId:
    def is_meant(named: ObjectId, entry: Entry) -> bool:
        names = {named, text(entry.thing, "userPrincipalName").lower(), text(entry.thing, "displayName").lower()}
        return entry.odata_type == odata_type and key.lower() in names - {""}

    found = [named for named, entry in directory.deleted.items() if is_meant(named, entry)]
    if len(found) != 1:
        raise ChangeError(f"no single deleted object `{key}`; name one by its object id")
    return found[0]


def _value(given: str) -> Json:
    """A value as JSON, or else as the text it is: `null`, `true`, `["a"]`, Sales."""
    try:
        value: Json = orjson.loads(given)
    except orjson.JSONDecodeError:
        return given
    return value


def _update_user(directory: Directory, key: str, changes: Mapping[str, Json]) -> ObjectId:
    user = _user(directory, key)
    directory.update_user(user, changes)
    return user


def _update_group(directory: Directory, key: str, changes: Mapping[str, Json]) -> ObjectId:
    group = _group(directory, key)
    directory.update_group(group, changes)
    return group


def _applied(act: Callable[[ObjectId], None], named: ObjectId) -> ObjectId:
    act(named)
    return named


def _create_user(directory: Directory, arguments: Sequence[str]) -> ObjectId:
    name, display_name = arguments
    if "@" not in name or directory.user(name) is not None:
        raise ChangeError(
            f"`{name}` is taken or no user principal name; a new one such as `x@contoso.example` would do"
        )
    user: GraphObject = {
        "id": str(uuid.uuid4()),
        "userPrincipalName": name,
        "displayName": display_name,
        "accountEnabled": True,
        "userType": "Member",
    }
    return directory.add_user(user)


def _create_group(directory: Directory, arguments: Sequence[str]) -> ObjectId:
    group: GraphObject = {
        "id": str(uuid.uuid4()),
        "displayName": arguments[0],
        "mailNickname": f"g-{uuid.uuid4().hex[:8]}",
        "groupTypes": [],
        "securityEnabled": True,
        "mailEnabled": False,
    }
    return directory.add_group(group)


def _set_manager(directory: Directory, arguments: Sequence[str]) -> ObjectId:
    user = _user(directory, arguments[0])
    directory.set_manager(user, None if arguments[1] in {"", "none"} else _user(directory, arguments[1]))
    return user


def _member(act: Callable[[ObjectId, ObjectId], None], directory: Directory, arguments: Sequence[str]) -> ObjectId:
    group = _group(directory, arguments[0])
    act(group, _object(directory, arguments[1]))
    return group


def _purge_user(directory: Directory, key: str) -> ObjectId:
    found = directory.user(key)
    return _applied(directory.purge_user, _deleted(directory, key, USER_TYPE) if found is None else object_id(found))


_ALL = (
    Command(
        "disable-user",
        ("user",),
        "Block a user's sign-in.",
        lambda d, a: _update_user(d, a[0], {"accountEnabled": False}),
    ),
    Command(
        "enable-user",
        ("user",),
        "Allow a user's sign-in.",
        lambda d, a: _update_user(d, a[0], {"accountEnabled": True}),
    ),
    Command(
        "rename-user",
        ("user", "name"),
        "Change a display name.",
        lambda d, a: _update_user(d, a[0], {"displayName": a[1]}),
    ),
    Command(
        "set-attribute",
        ("user", "attribute", "value"),
        "Set a property of a user; `null` clears it.",
        lambda d, a: _update_user(d, a[0], {a[1]: _value(a[2])}),
    ),
    Command("set-manager", ("user", "manager"), "Give a user a manager; `none` takes it away.", _set_manager),
    Command("create-user", ("upn", "name"), "Add a user.", _create_user),
    Command(
        "delete-user",
        ("user",),
        "Delete a user, so that it can be restored.",
        lambda d, a: _applied(d.delete_user, _user(d, a[0])),
    ),
    Command(
        "restore-user",
        ("user",),
        "Bring a deleted user back.",
        lambda d, a: _applied(d.restore_user, _deleted(d, a[0], USER_TYPE)),
    ),
    Command("purge-user", ("user",), "Delete a user for good.", lambda d, a: _purge_user(d, a[0])),
    Command(
        "add-member", ("group", "member"), "Make a user or group a member.", lambda d, a: _member(d.add_member, d, a)
    ),
    Command(
        "remove-member", ("group", "member"), "End a direct membership.", lambda d, a: _member(d.remove_member, d, a)
    ),
    Command("create-group", ("name",), "Add a security group.", _create_group),
    Command(
        "rename-group",
        ("group", "name"),
        "Change a display name.",
        lambda d, a: _update_group(d, a[0], {"displayName": a[1]}),
    ),
    Command(
        "set-group-attribute",
        ("group", "attribute", "value"),
        "Set a property of a group; `null` clears it.",
        lambda d, a: _update_group(d, a[0], {a[1]: _value(a[2])}),
    ),
    Command(
        "delete-group",
        ("group",),
        "Delete a group, as Entra does with its kind.",
        lambda d, a: _applied(d.delete_group, _group(d, a[0])),
    ),
    Command(
        "restore-group",
        ("group",),
        "Bring a deleted Microsoft 365 group back.",
        lambda d, a: _applied(d.restore_group, _deleted(d, a[0], GROUP_TYPE)),
    ),
)

COMMANDS: Mapping[str, Command] = {command.name: command for command in _ALL}
"""Every change, by name."""
