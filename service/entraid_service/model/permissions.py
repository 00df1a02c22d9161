"""Which application permissions for Microsoft Graph the settings need, for what, and which of them an app has. Pure.

Sources: the permission table of each API page and https://learn.microsoft.com/graph/permissions-reference. Microsoft
lists smaller permissions for some reads (`User.ReadBasic.All`); they hide attributes that decisions need.
"""

import enum
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from entraid_service.model.connection import Connection, ConnectionState
from entraid_service.model.report import ErrorReport

PERMISSIONS = "https://learn.microsoft.com/graph/permissions-reference"
"""Where each permission is described."""

_DIRECTORY = frozenset({"Directory.Read.All", "Directory.ReadWrite.All"})


class Grant(enum.Enum):
    """Whether an app has a permission; numbers are the contract's."""

    GRANTED = 1
    NOT_GRANTED = 2
    UNKNOWN = 3
    """The latest token does not tell, and nothing was read that would."""


@dataclass(frozen=True, slots=True)
class Permission:
    """One application permission: the sentence says what is read with it; each of `wider` does as well."""

    name: str
    feature: str
    is_required: bool = True
    wider: frozenset[str] = frozenset()

    def among(self, granted: Collection[str]) -> str:
        """The permission in a token that serves: this one, else a wider one, empty if there is none."""
        return self.name if self.name in granted else min(self.wider.intersection(granted), default="")


@dataclass(frozen=True, slots=True)
class PermissionStatus:
    """How a permission stands for a connection. `granted_by` is what the token carries for it, as far as known."""

    permission: Permission
    grant: Grant
    granted_by: str = ""
    remedy: str = ""


USER_READ = Permission(
    "User.Read.All",
    "reads users, their attributes and managers: every sync, list and decision needs them",
    wider=_DIRECTORY | {"User.ReadWrite.All"},
)
GROUP_MEMBER_READ = Permission(
    "GroupMember.Read.All",
    "reads groups and who is in them: for Groups to Sync, lists of groups, and conditions over groups",
    wider=_DIRECTORY | {"Group.Read.All", "Group.ReadWrite.All", "GroupMember.ReadWrite.All"},
)
MEMBER_READ_HIDDEN = Permission(
    "Member.Read.Hidden",
    "reads who is in groups with hidden membership: without it, conditions over such a group are never met",
    is_required=False,
)
GUARDED_ATTRIBUTES = {
    "customSecurityAttributes": ("CustomSecAttributeAssignment.Read.All", "CustomSecAttributeAssignment.ReadWrite.All"),
    "employeeLeaveDateTime": ("User-LifeCycleInfo.Read.All", "User-LifeCycleInfo.ReadWrite.All"),
    "signInActivity": ("AuditLog.Read.All",),
}
"""Attributes that need a permission of their own, and the wider one, if there is one:
https://learn.microsoft.com/graph/api/resources/user#properties."""


def permissions_for(attributes: Iterable[str]) -> tuple[Permission, ...]:
    """What a service needs that syncs these attributes (Microsoft Graph names), and at last what it could use."""
    whole = dict.fromkeys(name.partition(".")[0] for name in attributes)
    guarded = (_of_attribute(name) for name in whole if name in GUARDED_ATTRIBUTES)
    return (USER_READ, GROUP_MEMBER_READ, *guarded, MEMBER_READ_HIDDEN)


def lacking(granted: Collection[str], attributes: Iterable[str]) -> tuple[str, ...]:
    """The names of those that are needed and that a token with these permissions lacks."""
    needed = (one for one in permissions_for(attributes) if one.is_required)
    return tuple(one.name for one in needed if not one.among(granted))


def missing_after(error: ErrorReport | None, connection: Connection, *, attributes: Iterable[str]) -> tuple[str, ...]:
    """What is known to be missing once a sync has ended: by the token, and by what Graph asked for in a refusal."""
    if error is None:
        granted = connection.granted_permissions
        return lacking(granted, attributes) if granted else ()
    asked = filter(None, error.metadata.get("missing_permissions", "").split(","))
    return tuple(dict.fromkeys((*connection.missing_permissions, *asked)))


def permission_statuses(connection: Connection, attributes: Iterable[str]) -> tuple[PermissionStatus, ...]:
    """How each permission stands, by what was found out last."""
    return tuple(_status(one, connection) for one in permissions_for(attributes))


def _of_attribute(attribute: str) -> Permission:
    name, *wider = GUARDED_ATTRIBUTES[attribute]
    return Permission(name, f"reads the attribute `{attribute}`, which the settings name", wider=frozenset(wider))


def _status(permission: Permission, connection: Connection) -> PermissionStatus:
    found = permission.among(connection.granted_permissions)
    if found and permission.name not in connection.missing_permissions:
        return PermissionStatus(permission, Grant.GRANTED, granted_by=found)
    grant = _untold(permission, connection)
    return PermissionStatus(permission, grant, remedy=_remedy(permission, connection, grant))


def _untold(permission: Permission, connection: Connection) -> Grant:
    """How a permission stands that the latest token does not carry, or that is not known to be in it.

    A token may be opaque (https://learn.microsoft.com/entra/identity-platform/access-tokens): then what was read with
    it tells. What is needed and was not refused was read before the connection became active.
    """
    is_waiting = connection.state is ConnectionState.PENDING_CONSENT
    if is_waiting or connection.granted_permissions or permission.name in connection.missing_permissions:
        return Grant.NOT_GRANTED
    return Grant.GRANTED if permission.is_required and not connection.missing_permissions else Grant.UNKNOWN


def _remedy(permission: Permission, connection: Connection, grant: Grant) -> str:
    if grant is Grant.GRANTED:
        return ""
    registered = f"app `{connection.client_id}` (App registrations > API permissions > Application permissions)"
    if grant is Grant.UNKNOWN:
        return f"the token does not tell: look whether `{permission.name}` is granted to {registered}"
    if connection.state is ConnectionState.PENDING_CONSENT:
        return f"it comes with the consent that is waited for, if `{permission.name}` is among those of {registered}"
    purpose = "" if permission.is_required else "only if you need it: "
    return f"{purpose}add `{permission.name}` to {registered} and let an administrator of the tenant grant consent"
