"""A tenant in the short form of the scenarios: people and groups by name, everything else left to rules.

Somebody's sign-in name is `first.last@contoso.example` unless told otherwise; object ids are made from the order in the
file. Conditions and filters name an object id as `<id of Somebody>`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, cast

from entraid_service.model.directory import CORE_ATTRIBUTES, AttributeValue, Group, GroupKind, MemberKind, User
from entraid_service.model.ids import GroupId, UserId
from entraid_service.model.scope import GroupResolution, ResolutionState, Scope

Yaml: TypeAlias = "str | bool | int | float | Sequence[Yaml] | Mapping[str, Yaml] | None"
Edge: TypeAlias = tuple[GroupId, str, MemberKind]

ATTRIBUTES = (
    *("department", "jobTitle", "city", "employeeId", "onPremisesSyncEnabled", "businessPhones", "manager"),
    *("onPremisesExtensionAttributes", "otherMails", "proxyAddresses"),
)
_ID = re.compile(r"<id of ([^>]+)>")


@dataclass(frozen=True, slots=True)
class Tenant:
    """What is in the copy. `ids` are object ids by the names that the file gives, `names` the other way round."""

    ids: dict[str, str]
    users: list[User]
    groups: list[Group]
    edges: list[Edge]
    scope: Scope
    names: dict[str, str] = field(default_factory=dict)

    def resolved(self, text: str) -> str:
        """A text with `<id of Somebody>` replaced."""
        return _ID.sub(lambda found: self.ids[found[1]], text)


def read_tenant(form: Mapping[str, Yaml]) -> Tenant:
    """The tenant as it is synced: with `synced groups` these, what is in them, and nobody else."""
    people, groups = mapping(form["people"]), mapping(form.get("groups"))
    ids = {name: f"aaaaaaaa-0000-4000-8000-{number:012d}" for number, name in enumerate(people)}
    ids |= {name: f"bbbbbbbb-0000-4000-8000-{number:012d}" for number, name in enumerate(groups)}
    edges = [edge for name, details in groups.items() for edge in _edges(name, mapping(details), ids)]
    is_whole = "synced groups" not in form
    kept = set(groups) if is_whole else _inside(texts(form["synced groups"]), groups)
    edges = [edge for edge in edges if _name(ids, edge[0]) in kept]
    members = {member for _, member, kind in edges if kind is MemberKind.USER}
    scope = Scope(
        frozenset((*CORE_ATTRIBUTES, *texts(form.get("synced attributes", list(ATTRIBUTES))))),
        is_whole_directory=is_whole,
        resolutions=tuple(
            GroupResolution(entry, ResolutionState.AMBIGUOUS) for entry in texts(form.get("ambiguous entries"))
        ),
    )
    return Tenant(
        ids,
        [_user(name, mapping(about), ids) for name, about in people.items() if is_whole or ids[name] in members],
        [_group(name, mapping(about), ids) for name, about in groups.items() if name in kept],
        edges,
        scope,
        {identifier: name for name, identifier in ids.items()},
    )


def mapping(value: Yaml) -> Mapping[str, Yaml]:
    """A mapping, empty where nothing is given."""
    if value is None:
        return {}
    assert isinstance(value, Mapping), value
    return value


def texts(value: Yaml) -> list[str]:
    """A text or a list of them, as a list."""
    if value is None:
        return []
    items = [value] if isinstance(value, str | bool | int | float) else value
    assert isinstance(items, Sequence), value
    return [str(item).lower() if isinstance(item, bool) else str(item) for item in items]


def _user(name: str, about: Mapping[str, Yaml], ids: Mapping[str, str]) -> User:
    attributes: dict[str, AttributeValue] = {
        "displayName": name,
        "userPrincipalName": f"{name.lower().replace(' ', '.')}@contoso.example",
        "accountEnabled": True,
        "userType": "Member",
    }
    manager = about.get("manager")
    renamed = {"sign in": "userPrincipalName", "enabled": "accountEnabled", "type": "userType", "aliases": "otherMails"}
    for key, value in about.items():
        if key == "manager":
            continue
        if value is None:
            attributes.pop(renamed.get(key, key), None)
        else:
            attributes[renamed.get(key, key)] = cast("AttributeValue", value)
    return User(UserId(ids[name]), attributes, UserId(ids[str(manager)]) if manager else None)


def _group(name: str, about: Mapping[str, Yaml], ids: Mapping[str, str]) -> Group:
    return Group(
        GroupId(ids[name]),
        str(about.get("named", name)),
        GroupKind[str(about.get("kind", "SECURITY"))],
        description=str(about.get("description", "")),
        mail=str(about.get("mail", "")),
        is_opaque=bool(about.get("hidden", False)),
    )


def _edges(name: str, about: Mapping[str, Yaml], ids: Mapping[str, str]) -> list[Edge]:
    group = GroupId(ids[name])
    if about.get("hidden"):
        return []  # nobody can read who is in it
    people = [(group, ids[member], MemberKind.USER) for member in texts(about.get("members"))]
    return people + [(group, ids[child], MemberKind.GROUP) for child in texts(about.get("groups"))]


def _inside(chosen: Sequence[str], groups: Mapping[str, Yaml]) -> set[str]:
    found: set[str] = set()
    waiting = list(chosen)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += texts(mapping(groups[name]).get("groups"))
    return found


def _name(ids: Mapping[str, str], identifier: str) -> str:
    return next(name for name, each in ids.items() if each == identifier)
