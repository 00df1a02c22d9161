"""What each read needs, by the names of application permissions, and how to say that it is missing. Pure.

What the permissions are and what they are for is in `model.permissions`.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from entraid_service.errors import PermissionMissing
from entraid_service.model.permissions import (
    GROUP_MEMBER_READ,
    GUARDED_ATTRIBUTES,
    MEMBER_READ_HIDDEN,
    PERMISSIONS,
    USER_READ,
    Permission,
)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is read, in words, and the permissions for it; `has_attributes` where settings say what of it."""

    name: str
    permissions: tuple[str, ...]
    has_attributes: bool = False


USERS = Subject("users", (USER_READ.name,), has_attributes=True)
GROUPS = Subject("groups", (GROUP_MEMBER_READ.name,))
GROUPS_OF_USER = Subject("the groups of a user", (USER_READ.name, GROUP_MEMBER_READ.name))
MEMBERS = Subject("the members of a group", (GROUP_MEMBER_READ.name,))
HIDDEN_MEMBERS = Subject("the members of a group with hidden membership", (MEMBER_READ_HIDDEN.name,))


def users_with(attributes: Iterable[str]) -> Subject:
    """Users with these attributes; some ask for more than the others."""
    guarded = [name for name in attributes if name in GUARDED_ATTRIBUTES]
    if not guarded:
        return USERS
    shown = ", ".join(f"`{name}`" for name in guarded)
    more = tuple(GUARDED_ATTRIBUTES[name][0] for name in guarded)
    return Subject(f"users with {shown}", (*USERS.permissions, *more), has_attributes=True)


def permission_missing(subject: Subject, *, said: str = "") -> PermissionMissing:
    """The error for a read that the app may not do; `said` is Graph's refusal in one line."""
    refused = f" (Microsoft Graph answered {said})" if said else ""
    names = " and ".join(f"`{name}`" for name in subject.permissions)
    return PermissionMissing(
        f"the app may not read {subject.name}{refused}: add the Microsoft Graph application permission {names} under "
        "App registrations > API permissions, and let an administrator grant consent; it takes some minutes to work; "
        f"see {PERMISSIONS}",
        missing=subject.permissions,
    )


def attribute_of_users(attribute: str) -> Subject:
    """Users with one attribute that asks for more than the others do."""
    return Subject(f"users with `{attribute}`", (GUARDED_ATTRIBUTES[attribute][0],), has_attributes=True)


def is_known_to_lack(roles: Collection[str] | None, permission: Permission) -> bool:
    """Whether the token's permissions are known, and neither the permission nor a wider one is among them."""
    return roles is not None and not permission.among(roles)
