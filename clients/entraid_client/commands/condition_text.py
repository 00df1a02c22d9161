"""Reads conditions from the command line: short options for the common ones, protobuf JSON for every other. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from google.protobuf.json_format import Parse, ParseError

from entraid.v1.access_service_pb2 import Condition, MatchOperator
from entraid_client import conditions as build

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ATTRIBUTE: Final = re.compile(r"(?P<name>[A-Za-z_][\w.]*)(?:(?P<sign>!~|!=|~|\^|=)(?P<value>.*))?", re.DOTALL)
_SIGNS: Final[Mapping[str | None, MatchOperator.ValueType]] = {
    "=": build.IS,
    "!=": build.IS_NOT,
    "~": build.CONTAINS,
    "!~": build.DOES_NOT_CONTAIN,
    "^": build.STARTS_WITH,
    None: build.IS_SET,
}
ATTRIBUTE_FORMS: Final = "name=value, name!=value, name~part, name!~part, name^start, or name alone if it must be set"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionOptions:
    """The options of `evaluate` that add a condition each, in the order of the fields."""

    group: tuple[str, ...] = ()
    not_group: tuple[str, ...] = ()
    group_contains: tuple[str, ...] = ()
    group_starts_with: tuple[str, ...] = ()
    attribute: tuple[str, ...] = ()
    is_user: tuple[str, ...] = ()
    manager: tuple[str, ...] = ()
    not_manager: tuple[str, ...] = ()
    direct_only: bool = False

    def conditions(self) -> Iterator[Condition]:
        """One condition per option given.

        Raises:
            ValueError: An attribute is not in one of `ATTRIBUTE_FORMS`.
        """
        for values, operator in (
            (self.group, build.IS),
            (self.not_group, build.IS_NOT),
            (self.group_contains, build.CONTAINS),
            (self.group_starts_with, build.STARTS_WITH),
        ):
            yield from (build.group(value, operator=operator, direct_only=self.direct_only) for value in values)
        yield from (attribute_condition(text) for text in self.attribute)
        yield from (build.user(value) for value in self.is_user)
        yield from (build.manager(value) for value in self.manager)
        yield from (build.manager(value, operator=build.IS_NOT) for value in self.not_manager)


def combine(conditions: list[Condition], *, is_any: bool) -> Condition:
    """One condition out of several: all of them, or any. A single one stays as it is.

    Raises:
        ValueError: There are none.
    """
    if len(conditions) == 1:
        return conditions[0]
    return build.any_of(*conditions) if is_any else build.all_of(*conditions)


def attribute_condition(text: str) -> Condition:
    """A condition on an attribute, for example of `department=Sales`.

    Raises:
        ValueError: It has none of `ATTRIBUTE_FORMS`.
    """
    found = _ATTRIBUTE.fullmatch(text)
    if found is None:
        raise ValueError(f"`{text}` is no condition on an attribute: write {ATTRIBUTE_FORMS}")
    values = () if found["sign"] is None else (found["value"],)
    return build.attribute(found["name"], *values, operator=_SIGNS[found["sign"]])


def json_condition(text: str) -> Condition:
    """A condition in protobuf's JSON mapping, for example `{"group": {"values": ["Sales"]}}`.

    Raises:
        ValueError: It is no JSON, or no condition.
    """
    try:
        condition = Parse(text, Condition())
    except (ParseError, RecursionError) as error:
        raise ValueError(f"the condition is not valid: {error}") from error
    if condition.WhichOneof("kind") is None:  # protobuf reads `[]` and `null` as an empty message
        raise ValueError("the condition is not valid: it says nothing")
    return condition
