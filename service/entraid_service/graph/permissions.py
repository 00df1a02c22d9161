"""What each read needs, by the names of application permissions, and how to say that it is missing. Pure.

Sources: the permission table of each API page and https://learn.microsoft.com/graph/permissions-reference. Microsoft
lists smaller permissions for some of these (`User.ReadBasic.All`); they hide attributes that decisions need.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from entraid_service.errors import PermissionMissing

MEMBER_READ_HIDDEN = "Member.Read.Hidden"

_READ_USERS = frozenset({"User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"})


@dataclass(frozen=True, slots=True)
class Subject:
    """What is read, in words, and the permissions for it; `has_attributes` where settings say what of it."""

    name: str
    permissions: tuple[str, ...]
    has_attributes: bool = False


USERS = Subject("users", ("User.Read.All",), has_attributes=True)
GROUPS = Subject("groups", ("GroupMember.Read.All",))
GROUPS_OF_USER = Subject("the groups of a user", ("User.Read.All", "GroupMember.Read.All"))
MEMBERS = Subject("the members of a group", ("GroupMember.Read.All",))
HIDDEN_MEMBERS = Subject("the members of a group with hidden membership", (MEMBER_READ_HIDDEN,))

_GUARDED_ATTRIBUTES = {
    "customSecurityAttributes": "CustomSecAttributeAssignment.Read.All",
    "employeeLeaveDateTime": "User-LifeCycleInfo.Read.All",
    "signInActivity": "AuditLog.Read.All",
}
"""Attributes that need a permission of their own, https://learn.microsoft.com/graph/api/resources/user#properties."""


def users_with(attributes: Iterable[str]) -> Subject:
    """Users with these attributes; some ask for more than the others."""
    guarded = [name for name in attributes if name in _GUARDED_ATTRIBUTES]
    if not guarded:
        return USERS
    shown = ", ".join(f"`{name}`" for name in guarded)
    more = tuple(_GUARDED_ATTRIBUTES[name] for name in guarded)
    return Subject(f"users with {shown}", (*USERS.permissions, *more), has_attributes=True)


def permission_missing(subject: Subject, *, said: str = "") -> PermissionMissing:
    """The error for a read that the app may not do; `said` is Graph's refusal in one line."""
    refused = f" (Microsoft Graph answered {said})" if said else ""
    names = " and ".join(f"`{name}`" for name in subject.permissions)
    return PermissionMissing(
        f"the app may not read {subject.name}{refused}: add the Microsoft Graph application permission {names} under "
        "App registrations > API permissions, and let an administrator grant consent; it takes some minutes to work",
        missing=subject.permissions,
    )


def shows_basic_users_only(roles: Collection[str] | None) -> bool:
    """Whether the token's permissions are known and show less of users than decisions need."""
    return roles is not None and _READ_USERS.isdisjoint(roles)
