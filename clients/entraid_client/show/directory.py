"""Tables of users and groups, and one user or group in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.json_format import MessageToDict
from rich.table import Table

from entraid_client.show.screen import plain
from entraid_client.show.tables import table
from entraid_client.show.words import group_kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from entraid.v1.directory_service_pb2 import Group, User


def users_table(users: Iterable[User]) -> Table:
    """One row per user."""
    shown = table("name", "user principal name", "type", "object id")
    for user in users:
        kind = plain(user.user_type) if user.account_enabled else plain(f"{user.user_type}, disabled", "yellow")
        shown.add_row(plain(user.display_name), plain(user.user_principal_name), kind, plain(user.object_id, "dim"))
    return shown


def groups_table(groups: Iterable[Group]) -> Table:
    """One row per group."""
    shown = table("name", "kind", "members", "object id")
    for group in groups:
        shown.add_row(
            plain(group.display_name),
            plain(group_kind(group.kind)),
            plain(f"{group.member_count:,}"),
            plain(group.object_id, "dim"),
        )
    return shown


def user_details(user: User) -> Table:
    """Everything about one user, a row per field and per attribute."""
    return _details(
        {
            "name": user.display_name,
            "user principal name": user.user_principal_name,
            "mail": user.mail,
            "type": user.user_type,
            "enabled": "yes" if user.account_enabled else "no",
            "manager": user.manager,
            "object id": user.object_id,
            **{key: _attribute(value) for key, value in sorted(MessageToDict(user.attributes).items())},
        }
    )


def group_details(group: Group) -> Table:
    """Everything about one group, a row per field."""
    return _details(
        {
            "name": group.display_name,
            "description": group.description,
            "kind": group_kind(group.kind),
            "mail": group.mail,
            "membership rule": group.membership_rule,
            "members": f"{group.member_count:,}",
            "object id": group.object_id,
        }
    )


def _attribute(value: object) -> str:
    return ", ".join(str(item) for item in value) if isinstance(value, list) else str(value)


def _details(fields: dict[str, str]) -> Table:
    details = Table(box=None, show_header=False, pad_edge=False)
    details.add_column(style="bold", no_wrap=True)
    details.add_column(overflow="fold")
    for name, value in fields.items():
        details.add_row(plain(name), plain(value or "-"))
    return details
