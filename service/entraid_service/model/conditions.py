"""The conditions of an access flow, as the caller states them.

A tree: all of, any of, none of; leaves compare the user's groups, one attribute, the user or the manager. `field` is
the path of each in the request, for example `condition.all_of.conditions[1].attribute`, so that a reason can point at
it.
"""

import enum
from dataclasses import dataclass
from typing import TypeAlias


class Operator(enum.Enum):
    """How a value is compared; numbers are the contract's, which has one more for "left out", the same as `IS`."""

    IS = 1
    IS_NOT = 2
    CONTAINS = 3
    DOES_NOT_CONTAIN = 4
    STARTS_WITH = 5
    IS_SET = 6

    @property
    def is_negative(self) -> bool:
        """Whether it holds if no value matches, also where there is nothing to compare."""
        return self in (Operator.IS_NOT, Operator.DOES_NOT_CONTAIN)


class Combinator(enum.Enum):
    """How conditions are joined."""

    ALL_OF = "all_of"
    ANY_OF = "any_of"
    NONE_OF = "none_of"


@dataclass(frozen=True, slots=True)
class Combination:
    """Conditions joined; never empty."""

    field: str
    combinator: Combinator
    conditions: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class GroupCondition:
    """Compares the groups that the user is in, nested ones included unless `direct_only`."""

    field: str
    operator: Operator
    values: tuple[str, ...]
    direct_only: bool = False


@dataclass(frozen=True, slots=True)
class AttributeCondition:
    """Compares one attribute by its Microsoft Graph name."""

    field: str
    attribute: str
    operator: Operator
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UserCondition:
    """Compares the user's object id, user principal name and mail addresses."""

    field: str
    operator: Operator
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ManagerCondition:
    """Compares the user's manager as `UserCondition` compares the user."""

    field: str
    operator: Operator
    values: tuple[str, ...]


Leaf: TypeAlias = GroupCondition | AttributeCondition | UserCondition | ManagerCondition
Condition: TypeAlias = Combination | Leaf
