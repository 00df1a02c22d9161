"""Resource names: how they are written and read. Nothing is looked up here.

`connections/{connection}`, and below it `users/{user}`, `groups/{group}`, `syncRuns/{sync_run}`.
"""

import re

from entraid_service.errors import InvalidField
from entraid_service.model.ids import ConnectionId, GroupId, SyncRunId, UserId

_CONNECTION_ID = re.compile(r"[a-z0-9-]{1,63}")
_SYNC_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
CONNECTIONS = "connections/"
"""What every name begins with."""
USERS = "/users/"
"""What stands between a connection and its user."""
LONGEST_ID = 512
"""Characters of a user or group id; the longest that Entra itself makes is a user principal name of 113."""
_SHOWN = 80
"""Characters of a wrong value that an error repeats."""


def connection_name(connection_id: ConnectionId) -> str:
    """`connections/{connection}`."""
    return f"{CONNECTIONS}{connection_id}"


def user_name(connection_id: ConnectionId, user_id: UserId) -> str:
    """`connections/{connection}/users/{object_id}`."""
    return f"{CONNECTIONS}{connection_id}{USERS}{user_id}"


def group_name(connection_id: ConnectionId, group_id: GroupId) -> str:
    """`connections/{connection}/groups/{object_id}`."""
    return f"{CONNECTIONS}{connection_id}/groups/{group_id}"


def sync_run_name(connection_id: ConnectionId, run_id: SyncRunId) -> str:
    """`connections/{connection}/syncRuns/{sync_run}`."""
    return f"{CONNECTIONS}{connection_id}/syncRuns/{run_id}"


def parse_connection_id(text: str, field: str) -> ConnectionId:
    """A connection id as a caller chose it.

    Raises:
        InvalidField: It is not made of 1 to 63 lower-case letters, digits and hyphens.
    """
    if _CONNECTION_ID.fullmatch(text) is None:
        raise InvalidField(
            field,
            f"`{shown(text)}` is not a connection ID: use 1 to 63 lower-case letters, digits and hyphens",
        )
    return ConnectionId(text)


def parse_connection(name: str, field: str) -> ConnectionId:
    """The connection of `connections/{connection}`.

    Raises:
        InvalidField: The name has another form.
    """
    if not name.startswith(CONNECTIONS) or _CONNECTION_ID.fullmatch(name, len(CONNECTIONS)) is None:
        raise _malformed(name, field, form="connections/{connection}")
    return ConnectionId(name[len(CONNECTIONS) :])


def parse_user(name: str, field: str) -> tuple[ConnectionId, str]:
    """Connection and user of `connections/{connection}/users/{user}`; the user is whatever stands behind `users/`.

    Raises:
        InvalidField: The name has another form.
    """
    return _split(name, USERS, field=field, form="connections/{connection}/users/{user}")


def parse_group(name: str, field: str) -> tuple[ConnectionId, GroupId]:
    """Connection and group of `connections/{connection}/groups/{object_id}`.

    Raises:
        InvalidField: The name has another form.
    """
    connection_id, group = _split(name, "/groups/", field=field, form="connections/{connection}/groups/{object_id}")
    return connection_id, GroupId(group.lower())


def parse_sync_run(name: str, field: str) -> tuple[ConnectionId, SyncRunId]:
    """Connection and run of `connections/{connection}/syncRuns/{sync_run}`.

    Raises:
        InvalidField: The name has another form.
    """
    form = "connections/{connection}/syncRuns/{sync_run}"
    connection_id, run = _split(name, "/syncRuns/", field=field, form=form)
    if _SYNC_RUN_ID.fullmatch(run) is None:
        raise _malformed(name, field, form=form)
    return connection_id, SyncRunId(run)


def shown(text: str) -> str:
    """A caller's value as far as an error repeats it."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _split(name: str, collection: str, *, field: str, form: str) -> tuple[ConnectionId, str]:
    # The first `/users/` ends the connection, which cannot hold a slash; what a user is called is not looked into.
    parent, separator, rest = name.partition(collection)
    is_parent = parent.startswith(CONNECTIONS) and _CONNECTION_ID.fullmatch(parent, len(CONNECTIONS)) is not None
    if not (is_parent and separator and 0 < len(rest) <= LONGEST_ID):
        raise _malformed(name, field, form=form)
    return ConnectionId(parent[len(CONNECTIONS) :]), rest


def _malformed(name: str, field: str, *, form: str) -> InvalidField:
    if not name:
        return InvalidField(field, f"`{field}` is empty: give a resource name of the form `{form}`")
    return InvalidField(field, f"`{shown(name)}` is not a resource name of the form `{form}`")
