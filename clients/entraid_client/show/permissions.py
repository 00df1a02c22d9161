"""The permissions of a connection as a table, and what is to be done about those that are not granted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entraid.v1.connection_service_pb2 import Connection
from entraid_client.show.screen import plain
from entraid_client.show.tables import table
from entraid_client.show.words import permission_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.table import Table

    from entraid_client.show.screen import Screen

_Permission = Connection.Permission

_STYLES: Final[Mapping[int, str]] = {
    _Permission.STATE_GRANTED: "green",
    _Permission.STATE_NOT_GRANTED: "red",
    _Permission.STATE_UNKNOWN: "yellow",
}


def show_permissions(screen: Screen, connection: Connection) -> None:
    """Prints them; nothing for a service that does not tell them."""
    if not connection.permissions:
        return
    screen.out.print(permissions_table(connection.permissions))
    for permission in connection.permissions:
        if permission.remedy and permission.required:
            screen.out.print(plain(f"{permission.name}: {permission.remedy}", "yellow"), soft_wrap=True)


def permissions_table(permissions: Iterable[Connection.Permission]) -> Table:
    """One row per permission."""
    shown = table("permission", "needed", "granted", "for")
    for permission in permissions:
        # Red is for what has to be done; an optional one that is not there is as good as one that is.
        style = _STYLES.get(permission.state, "")
        shown.add_row(
            plain(permission.name, "bold"),
            plain("required" if permission.required else "optional"),
            plain(_granted(permission), style if permission.required or style == "green" else ""),
            plain(permission.feature),
        )
    return shown


def _granted(permission: Connection.Permission) -> str:
    word = permission_state(permission.state)
    return f"{word}, by {permission.granted_by}" if permission.granted_by not in {"", permission.name} else word
