"""Permissions as people read them, and the scopes of a request. Data and pure questions.

https://learn.microsoft.com/graph/permissions-reference tells which delegated permission needs an administrator.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from entraid_emulator.apps import AppRegistration
from entraid_emulator.login.errors import refused
from entraid_emulator.login.tokens import GRAPH_APP_ID, GRAPH_RESOURCE

OPENID_SCOPES: Mapping[str, str] = {
    "openid": "Sign you in",
    "profile": "See your name and picture",
    "email": "See your e-mail address",
    "offline_access": "Keep the access that you give it",
}
OFFLINE = "offline_access"

_DEFAULT = ".default"


@dataclass(frozen=True, slots=True)
class Permission:
    """One permission of Microsoft Graph.

    Attributes:
        text: what it lets an app do.
        needs_administrator: whether, as a delegated permission, a user cannot allow it alone.
    """

    text: str
    needs_administrator: bool = True


PERMISSIONS: Mapping[str, Permission] = {
    "User.Read": Permission("Sign you in and read your profile", needs_administrator=False),
    "User.ReadBasic.All": Permission("Read the basic profiles of all users", needs_administrator=False),
    "User.Read.All": Permission("Read the full profiles of all users"),
    "User-LifeCycleInfo.Read.All": Permission("Read when employees leave"),
    "GroupMember.Read.All": Permission("Read the members of all groups"),
    "Group.Read.All": Permission("Read all groups"),
    "Member.Read.Hidden": Permission("Read hidden memberships"),
    "Directory.Read.All": Permission("Read the whole directory"),
    "Organization.Read.All": Permission("Read what is known of the organization"),
    "CustomSecAttributeAssignment.Read.All": Permission("Read custom security attributes"),
    "AuditLog.Read.All": Permission("Read the audit log"),
}


def text_of(name: str) -> str:
    """What a permission or scope lets an app do."""
    if name in OPENID_SCOPES:
        return OPENID_SCOPES[name]
    return PERMISSIONS[name].text if name in PERMISSIONS else f"Use the permission {name}"


def delegated(scope: str, app: AppRegistration) -> frozenset[str]:
    """The scopes of a sign-in, by short name; `.default` becomes what the app asks for.

    Raises:
        LoginError: there are none, one is of another resource, or Graph has no such permission.
    """
    if not scope.split():
        raise refused(900144, field="scope")
    names: set[str] = set()
    for one in scope.split():
        name = short(one)
        if name == _DEFAULT:
            names |= app.delegated
        elif name in OPENID_SCOPES or name in PERMISSIONS:
            names.add(name)
        else:
            raise refused(650053, name=app.display_name, scope=name)
    return frozenset(names)


def consented_roles(scope: str, app: AppRegistration) -> tuple[frozenset[str], frozenset[str]]:
    """What admin consent to `scope` gives: application permissions (by `.default` only) and delegated ones.

    Raises:
        LoginError: as in `delegated`.
    """
    scopes = delegated(scope, app)
    asks_for_all = any(short(one) == _DEFAULT for one in scope.split())
    return (app.permissions if asks_for_all else frozenset()), scopes


def short(scope: str) -> str:
    """A scope without the name of Microsoft Graph.

    Raises:
        LoginError: it names another resource.
    """
    for resource in (GRAPH_RESOURCE, GRAPH_APP_ID):
        if scope.startswith(f"{resource}/"):
            return scope.removeprefix(f"{resource}/").removeprefix("/")
    if "/" in scope:
        raise refused(70011, scope=scope)
    return scope


def needs_administrator(scopes: Iterable[str]) -> bool:
    """Whether one of these cannot be allowed by a user alone."""
    return any(name in PERMISSIONS and PERMISSIONS[name].needs_administrator for name in scopes)
