"""Comparing folded texts with folded values: equal, containing, starting with. Knows no users and no groups."""

from collections.abc import Callable, Collection
from typing import TypeAlias

from entraid_service.model.conditions import Operator

Matcher: TypeAlias = Callable[[Collection[str]], bool]
"""Whether any of the texts matches any of the values it was made for."""


def matcher(operator: Operator, values: Collection[str]) -> Matcher:
    """The positive comparison of an operator; a negative one is its opposite, which is the caller's business.

    Texts and values have to be folded the same way. `IS_SET` matches any text at all.
    """
    match operator:
        case Operator.IS | Operator.IS_NOT:
            return _equals(values)
        case Operator.CONTAINS | Operator.DOES_NOT_CONTAIN:
            return _contains(values)
        case Operator.STARTS_WITH:
            return _starts_with(values)
        case Operator.IS_SET:
            return bool


def _equals(values: Collection[str]) -> Matcher:
    wanted = frozenset(values)
    return lambda texts: not wanted.isdisjoint(texts)


def _contains(values: Collection[str]) -> Matcher:
    pieces = tuple(values)

    def matches(texts: Collection[str]) -> bool:
        for text in texts:  # plain loops: this is several times as fast as any() over a generator
            for piece in pieces:
                if piece in text:
                    return True
        return False

    return matches


def _starts_with(values: Collection[str]) -> Matcher:
    beginnings = tuple(values)

    def matches(texts: Collection[str]) -> bool:
        for text in texts:  # noqa: SIM110 - see above
            if text.startswith(beginnings):
                return True
        return False

    return matches
