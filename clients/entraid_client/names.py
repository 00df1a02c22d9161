"""Builds the resource names of the contract out of what a caller has: a bare ID or a full name. Pure.

Segments are sent as they are: the contract's `{user}` is an object ID, a user principal name or a mail address, none of
which can hold a `/`.
"""

from __future__ import annotations

from typing import Final

_CONNECTIONS: Final = "connections"


def connection_name(connection: str) -> str:
    """`connections/{connection}` of an ID or of that name itself.

    Raises:
        ValueError: It is neither.
    """
    return f"{_CONNECTIONS}/{_last_segment(connection, parent=_CONNECTIONS)}"


def user_name(user: str, connection: str = "") -> str:
    """`connections/{connection}/users/{user}` of an object ID, UPN or mail address, or of that name itself.

    Raises:
        ValueError: It is neither, or a bare user came without a connection.
    """
    return _child_name(user, connection, collection="users")


def group_name(group: str, connection: str = "") -> str:
    """`connections/{connection}/groups/{object_id}`, likewise."""
    return _child_name(group, connection, collection="groups")


def sync_run_name(sync_run: str, connection: str = "") -> str:
    """`connections/{connection}/syncRuns/{sync_run}`, likewise."""
    return _child_name(sync_run, connection, collection="syncRuns")


def _child_name(name: str, connection: str, *, collection: str) -> str:
    if name.startswith(f"{_CONNECTIONS}/"):
        parent, _, rest = name.removeprefix(f"{_CONNECTIONS}/").partition("/")
        if connection and connection_name(connection) != connection_name(parent):
            raise ValueError(f"`{name}` is not in the connection `{connection}`: leave out one or the other")
        if not rest.startswith(f"{collection}/"):
            raise ValueError(f"`{name}` is neither an ID nor a name of the form `{_CONNECTIONS}/.../{collection}/...`")
        connection, name = parent, rest
    if not connection:
        expected = f"{_CONNECTIONS}/.../{collection}/..."
        raise ValueError(f"`{name}` does not say which connection: name the connection, or write `{expected}`")
    return f"{connection_name(connection)}/{collection}/{_last_segment(name, parent=collection)}"


def _last_segment(name: str, *, parent: str) -> str:
    segment = name.removeprefix(f"{parent}/")
    if not segment or "/" in segment or segment != segment.strip():
        raise ValueError(f"`{name}` is neither an ID nor a name of the form `{parent}/...`")
    return segment
