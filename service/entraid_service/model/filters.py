"""What a list is narrowed to, as a tree: comparisons of fields, memberships, and how they are joined.

Written by whoever reads a filter, answered by whoever holds the rows. A comparison here is always positive: `!=` is a
`Negation` of it, so that it holds where there is no value, as a negative operator of a condition does. `position`
counts the characters of the filter from 0, for errors that only the data can tell.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from entraid_service.model.conditions import Operator

ATTRIBUTES: Final = "attributes."
"""What a field of a user begins with that is an attribute; the Microsoft Graph name follows."""

USER_FIELDS: Final = (
    "name",
    "object_id",
    "display_name",
    "user_principal_name",
    "mail",
    "account_enabled",
    "user_type",
    "manager",
)
GROUP_FIELDS: Final = (
    "name",
    "object_id",
    "display_name",
    "description",
    "mail",
    "kind",
    "membership_rule",
    "member_count",
)
MEMBER_COUNT: Final = "member_count"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field against a text.

    `operator` is `IS`, `STARTS_WITH`, `CONTAINS` or `IS_SET` (which has no text); of a list one element suffices.
    """

    field: str
    operator: Operator
    text: str
    position: int = 0


@dataclass(frozen=True, slots=True)
class Membership:
    """In a list of users: is a member of the group `other`. In a list of groups: has the user `other` as a member."""

    other: str
    is_direct: bool
    position: int = 0


@dataclass(frozen=True, slots=True)
class Negation:
    """Whatever the inner one does not hold of."""

    inner: "Filter"


@dataclass(frozen=True, slots=True)
class Junction:
    """All of the parts (`is_all`), or one at least; never empty."""

    is_all: bool
    parts: "tuple[Filter, ...]"


Filter: TypeAlias = Comparison | Membership | Negation | Junction


def leaves(tree: Filter) -> Iterator[Comparison | Membership]:
    """Every comparison and membership, from left to right."""
    match tree:
        case Negation(inner=inner):
            yield from leaves(inner)
        case Junction(parts=parts):
            for part in parts:
                yield from leaves(part)
        case _:
            yield tree
