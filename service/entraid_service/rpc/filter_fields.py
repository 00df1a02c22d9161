"""What can be filtered: the fields and functions of users and groups, and which values each takes.

What is wrong is told with the nearest name that would be right. Whether an attribute is synced depends on the data
and is checked by `check_synced` once the scope is known.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from entraid_service.errors import InvalidFilter
from entraid_service.model.conditions import Operator
from entraid_service.model.directory import CORE_ATTRIBUTES, PARTS, GroupKind
from entraid_service.model.filters import (
    ATTRIBUTES,
    GROUP_FIELDS,
    MEMBER_COUNT,
    USER_FIELDS,
    Comparison,
    Filter,
    Membership,
    leaves,
)
from entraid_service.model.ids import is_guid
from entraid_service.model.scope import Scope
from entraid_service.rpc.filter_tokens import Token
from entraid_service.rpc.names import shown

_KINDS: Final = tuple(f"KIND_{kind.name}" for kind in GroupKind)
_BOOLEANS: Final = ("true", "false")
_WHOLE: Final = (Operator.IS, Operator.IS_SET)
_MOST_DIGITS: Final = 10


class UserSchema:
    """Fields and functions of `ListUsersRequest.filter`."""

    def comparison(self, field: Token, operator: Operator, value: Token) -> Comparison:
        """See `Schema`."""
        text = value.text
        if field.text.startswith(ATTRIBUTES) and field.text != ATTRIBUTES:
            if field.text.removeprefix(ATTRIBUTES).partition(".")[0] == "manager":
                raise InvalidFilter(
                    f"the manager, at position {field.position}, is no attribute: write `manager`",
                    position=field.position,
                )
        elif field.text not in USER_FIELDS:
            raise _unknown_field(field, USER_FIELDS, may_be_attribute=True)
        elif field.text == "account_enabled":
            text = _one_of(field, operator, value, _BOOLEANS)
        return Comparison(field.text, operator, text, field.position)

    def membership(self, function: Token, argument: Token) -> Membership:
        """See `Schema`."""
        is_direct = _is_direct(function, ("member_of", "direct_member_of"))
        if not is_guid(argument.text):
            raise InvalidFilter(
                f"`{shown(argument.text)}` at position {argument.position} is not a group's object ID, which "
                f"`{function.text}` takes: names of groups are not unique",
                position=argument.position,
            )
        return Membership(argument.text.lower(), is_direct, argument.position)


class GroupSchema:
    """Fields and functions of `ListGroupsRequest.filter`."""

    def comparison(self, field: Token, operator: Operator, value: Token) -> Comparison:
        """See `Schema`."""
        text = value.text
        if field.text not in GROUP_FIELDS:
            raise _unknown_field(field, GROUP_FIELDS)
        if field.text == "kind":
            named = value.text.upper()
            prefixed = named if named.startswith("KIND_") else f"KIND_{named}"
            text = _one_of(field, operator, Token(value.kind, prefixed, value.position), _KINDS)
        elif field.text == MEMBER_COUNT:
            text = _number(operator, value)
        return Comparison(field.text, operator, text, field.position)

    def membership(self, function: Token, argument: Token) -> Membership:
        """See `Schema`."""
        is_direct = _is_direct(function, ("has_member", "has_direct_member"))
        if not argument.text.strip():
            raise InvalidFilter(
                f"`{function.text}` at position {function.position} names no user: give an object ID, a user principal "
                "name or a mail address",
                position=argument.position,
            )
        return Membership(argument.text, is_direct, argument.position)


def check_synced(tree: Filter | None, scope: Scope) -> None:
    """Returns if every attribute that is asked for is synced.

    Raises:
        InvalidFilter: One is not: nobody could tell who has it, and `!=` would hold of everybody.
    """
    for leaf in leaves(tree) if tree is not None else ():
        if isinstance(leaf, Comparison) and leaf.field.startswith(ATTRIBUTES):
            name = leaf.field.removeprefix(ATTRIBUTES)
            if name in PARTS and leaf.operator is not Operator.IS_SET:
                raise InvalidFilter(
                    f"`{leaf.field}` at position {leaf.position} consists of several attributes: compare one of them, "
                    f"`{leaf.field}.…`",
                    position=leaf.position,
                )
            if name not in (*CORE_ATTRIBUTES, "id") and not scope.knows_attribute(name):
                raise InvalidFilter(
                    f"the attribute `{shown(name)}` at position {leaf.position} is not synced"
                    f"{_nearest(name, (*CORE_ATTRIBUTES, *sorted(scope.attributes)), prefix=ATTRIBUTES)}",
                    position=leaf.position,
                )


def _is_direct(function: Token, names: tuple[str, str]) -> bool:
    if function.text not in names:
        raise InvalidFilter(
            f"`{shown(function.text)}` at position {function.position} is not a function of this list: there are "
            f"`{names[0]}` and `{names[1]}`",
            position=function.position,
        )
    return function.text == names[1]


def _one_of(field: Token, operator: Operator, value: Token, choices: tuple[str, ...]) -> str:
    if operator not in _WHOLE:
        raise InvalidFilter(
            f"`{field.text}` at position {field.position} is compared as a whole: use `=` or `!=`, without `*`",
            position=field.position,
        )
    text = value.text if value.text in choices else value.text.lower()
    if operator is Operator.IS and text not in choices:
        raise InvalidFilter(
            f"`{shown(value.text)}` at position {value.position} is no value of `{field.text}`, which takes "
            f"{', '.join(choices)}",
            position=value.position,
        )
    return text


def _number(operator: Operator, value: Token) -> str:
    if operator is not Operator.IS or not (value.text.isascii() and value.text.isdigit()):
        raise InvalidFilter(
            f"`{MEMBER_COUNT}` is compared with a whole number by `=` or `!=`, position {value.position}",
            position=value.position,
        )
    if len(value.text) > _MOST_DIGITS:
        raise InvalidFilter(f"the number at position {value.position} is too large", position=value.position)
    return str(int(value.text))


def _unknown_field(field: Token, known: tuple[str, ...], *, may_be_attribute: bool = False) -> InvalidFilter:
    attribute = f"; an attribute is written as `{ATTRIBUTES}{shown(field.text)}`" if may_be_attribute else ""
    return InvalidFilter(
        f"`{shown(field.text)}` at position {field.position} is not a field of this list"
        f"{_nearest(field.text, known)}{attribute}",
        position=field.position,
    )


def _nearest(name: str, known: Iterable[str], *, prefix: str = "") -> str:
    folded = {each.casefold(): each for each in known}
    found = get_close_matches(name.casefold(), folded, n=3, cutoff=0.6)
    if not found:
        return ""
    return f"; did you mean {' or '.join(f'`{prefix}{folded[each]}`' for each in found)}?"
