"""Small worlds in plain values: what a tenant holds, what of it is synced, and conditions as nested tuples.

The tests' own words, so that an oracle can be written over them without the service's types. `directory` and
`condition` translate into those.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

from entraid_service.model.conditions import (
    AttributeCondition,
    Combination,
    Combinator,
    Condition,
    GroupCondition,
    ManagerCondition,
    Operator,
    UserCondition,
)
from entraid_service.model.directory import CORE_ATTRIBUTES, AttributeValue, Group, User
from entraid_service.model.ids import GroupId, UserId
from entraid_service.model.scope import GroupResolution, ResolutionState, Scope
from snapshot.memory import Directory

Value: TypeAlias = AttributeValue


@dataclass(frozen=True, slots=True)
class Joined:
    """`all_of`, `any_of` or `none_of` some rules."""

    how: str
    rules: "tuple[Rule, ...]"


@dataclass(frozen=True, slots=True)
class Test:
    """A leaf: `what` is `group`, `user`, `manager` or `attribute`, the last with its `name`."""

    __test__ = False
    what: str
    operator: str
    values: tuple[str, ...] = ()
    name: str = ""
    direct_only: bool = False


Rule: TypeAlias = Joined | Test


@dataclass(frozen=True, slots=True)
class Human:
    """A user: attributes by Graph name, dotted where complex; what is empty is absent."""

    attributes: dict[str, Value]
    manager: str | None = None


@dataclass(frozen=True, slots=True)
class World:
    """A tenant as synced. `groups` are display names by id."""

    users: dict[str, Human]
    groups: dict[str, str] = field(default_factory=dict)
    opaque: frozenset[str] = frozenset()
    members: frozenset[tuple[str, str]] = frozenset()
    nesting: frozenset[tuple[str, str]] = frozenset()
    attributes: frozenset[str] = frozenset({"department", "otherMails", "proxyAddresses", "manager"})
    is_whole: bool = True
    ambiguous_entries: tuple[str, ...] = ()

    def knows(self, attribute: str) -> bool:
        """Whether an attribute, or the complex one that it is a part of, is synced."""
        return bool({attribute, attribute.partition(".")[0]} & (self.attributes | set(CORE_ATTRIBUTES)))

    def directory(self) -> Directory:
        """The same for the service: what is not synced is not there."""
        return Directory(
            users=tuple(self._user(user_id, human) for user_id, human in self.users.items()),
            groups=tuple(Group(GroupId(i), name, is_opaque=i in self.opaque) for i, name in self.groups.items()),
            members=frozenset((GroupId(group), UserId(member)) for group, member in self.members),
            nesting=frozenset((GroupId(group), GroupId(child)) for group, child in self.nesting),
            scope=Scope(
                frozenset((*CORE_ATTRIBUTES, *self.attributes)),
                is_whole_directory=self.is_whole,
                resolutions=tuple(GroupResolution(e, ResolutionState.AMBIGUOUS) for e in self.ambiguous_entries),
            ),
        )

    def _user(self, user_id: str, human: Human) -> User:
        synced = {name: value for name, value in human.attributes.items() if self.knows(name)}
        manager = human.manager if "manager" in self.attributes else None
        return User(UserId(user_id), synced, UserId(manager) if manager else None)


def condition(rule: Rule, path: str = "condition") -> Condition:
    """A rule for the service, with the field paths of the contract."""
    if isinstance(rule, Joined):
        path = f"{path}.{rule.how}"
        inner = (condition(part, f"{path}.conditions[{index}]") for index, part in enumerate(rule.rules))
        return Combination(path, Combinator(rule.how), tuple(inner))
    path = f"{path}.{rule.what}"
    operator = Operator[rule.operator]
    match rule.what:
        case "group":
            return GroupCondition(path, operator, rule.values, direct_only=rule.direct_only)
        case "attribute":
            return AttributeCondition(path, rule.name, operator, rule.values)
        case "user":
            return UserCondition(path, operator, rule.values)
        case _:
            return ManagerCondition(path, operator, rule.values)


def guid(kind: str, number: int) -> str:
    """An object id: a hexadecimal digit for the kind, and a number."""
    return f"{kind * 8}-0000-4000-8000-{number:012}"


def all_of(*rules: Rule) -> Joined:
    """Every rule."""
    return Joined("all_of", rules)


def any_of(*rules: Rule) -> Joined:
    """One rule at least."""
    return Joined("any_of", rules)


def none_of(*rules: Rule) -> Joined:
    """No rule."""
    return Joined("none_of", rules)


def group(operator: str, *values: str, direct_only: bool = False) -> Test:
    """A test of the groups."""
    return Test("group", operator, values, direct_only=direct_only)


def attribute(name: str, operator: str, *values: str) -> Test:
    """A test of an attribute."""
    return Test("attribute", operator, values, name=name)


def user(operator: str, *values: str) -> Test:
    """A test of the user."""
    return Test("user", operator, values)


def manager(operator: str, *values: str) -> Test:
    """A test of the manager."""
    return Test("manager", operator, values)
