"""From the text of a filter to its tree: the subset of AIP-160 that the contract names.

A recursive descent over `filter_tokens`: AND of OR of NOT of (comparison, function call, parentheses). As AIP-160
has it, OR binds closer than AND (https://google.aip.dev/160). Which fields there are, and what they take, is told by a
`Schema`; bounds keep a hostile filter from exhausting the stack.
"""

from collections.abc import Callable
from typing import Final, Protocol

from entraid_service.errors import InvalidFilter
from entraid_service.model.conditions import Operator
from entraid_service.model.filters import Comparison, Filter, Junction, Membership, Negation
from entraid_service.rpc.filter_tokens import Kind, Token, tokens
from entraid_service.rpc.names import shown

LONGEST_FILTER: Final = 8 * 1024
"""Characters of a filter."""
MOST_TERMS: Final = 64
"""Comparisons and function calls of one filter."""
MOST_LEVELS: Final = 32

_KEYWORDS: Final = ("AND", "OR", "NOT")


class Schema(Protocol):
    """The fields and functions of one kind of row; see `filter_fields`."""

    def comparison(self, field: Token, operator: Operator, value: Token) -> Comparison:
        """The comparison of a field with a value.

        Raises:
            InvalidFilter: There is no such field, or it does not take this value.
        """

    def membership(self, function: Token, argument: Token) -> Membership:
        """The call of a function.

        Raises:
            InvalidFilter: There is no such function, or it does not take this argument.
        """


def parse_filter(text: str, schema: Schema) -> Filter | None:
    """The tree of a filter; None for an empty one.

    Raises:
        InvalidFilter: It is none, with the position where that shows.
    """
    if len(text) > LONGEST_FILTER:
        raise InvalidFilter(
            f"the filter has {len(text)} characters: at most {LONGEST_FILTER} are taken", position=LONGEST_FILTER
        )
    if not text.strip():
        return None
    return _Parser(list(tokens(text)), schema).parse()


class _Parser:
    """One filter on its way."""

    def __init__(self, words: list[Token], schema: Schema) -> None:
        self._words = words
        self._schema = schema
        self._next = 0
        self._terms = 0

    def parse(self) -> Filter:
        tree = self._all(level=1)
        rest = self._peek()
        if rest.kind is Kind.CLOSE:
            raise _unexpected(rest, "has no `(` before it")
        if rest.kind is not Kind.END:
            raise _unexpected(rest, f"follows without AND or OR{_capitals(rest)}")
        return tree

    def _all(self, *, level: int) -> Filter:
        if level > MOST_LEVELS:
            raise InvalidFilter(
                f"the filter is nested deeper than {MOST_LEVELS} levels", position=self._peek().position
            )
        return self._joined("AND", lambda: self._any(level=level))

    def _any(self, *, level: int) -> Filter:
        return self._joined("OR", lambda: self._term(level=level))

    def _joined(self, keyword: str, part: Callable[[], Filter]) -> Filter:
        parts = [part()]
        while self._take_keyword(keyword):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Junction(keyword == "AND", tuple(parts))

    def _term(self, *, level: int) -> Filter:
        negations = 0
        while self._take_keyword("NOT"):
            negations += 1
        self._terms += 1
        word = self._take()
        if self._terms > MOST_TERMS:
            raise InvalidFilter(f"the filter has more than {MOST_TERMS} parts", position=word.position)
        if word.kind is Kind.OPEN:
            tree = self._all(level=level + 1)
            if self._peek().kind is not Kind.CLOSE:
                raise _unexpected(self._peek(), f"stands where the `(` of position {word.position} has to be closed")
            self._take()
        else:
            tree = self._leaf(word)
        return Negation(tree) if negations % 2 else tree

    def _leaf(self, word: Token) -> Filter:
        if word.kind is not Kind.WORD or word.has_star or word.text in _KEYWORDS:
            raise _unexpected(word, "stands where a field such as `display_name` is expected")
        if self._peek().kind is Kind.OPEN:
            return self._call(word)
        sign = self._take()
        if sign.kind is not Kind.SIGN or sign.text == ",":
            raise _unexpected(sign, f"stands where `=`, `!=` or `:` is expected after `{shown(word.text)}`")
        if sign.text in ("<", ">", "<=", ">="):
            raise InvalidFilter(
                f"`{sign.text}` at position {sign.position} is not offered: compare with `=`, `!=` or `:`",
                position=sign.position,
            )
        return self._comparison(word, sign, self._value(after=sign))

    def _comparison(self, field: Token, sign: Token, value: Token) -> Filter:
        operator = _operator(sign, value)
        tree = self._schema.comparison(field, operator, value)
        return Negation(tree) if sign.text == "!=" else tree

    def _call(self, function: Token) -> Filter:
        opening = self._take()
        argument = self._value(after=opening)
        if argument.has_star:
            raise _unexpected(argument, f"is not taken by `{shown(function.text)}`: give one whole value")
        closing = self._take()
        if closing.kind is not Kind.CLOSE:
            raise _unexpected(closing, f"stands where `)` is expected: `{shown(function.text)}` takes one value")
        return self._schema.membership(function, argument)

    def _value(self, *, after: Token) -> Token:
        value = self._take()
        if value.kind not in (Kind.WORD, Kind.STRING) or (value.kind is Kind.WORD and value.text in _KEYWORDS):
            raise _unexpected(value, f'stands where a value such as "Sales" is expected after `{after.text}`')
        return value

    def _peek(self) -> Token:
        return self._words[self._next]

    def _take(self) -> Token:
        word = self._words[self._next]
        if word.kind is not Kind.END:
            self._next += 1
        return word

    def _take_keyword(self, keyword: str) -> bool:
        word = self._peek()
        if word.kind is not Kind.WORD or word.text != keyword or word.has_star:
            return False
        self._next += 1
        return True


def _operator(sign: Token, value: Token) -> Operator:
    if value.has_star and not value.text:
        return Operator.IS_SET
    if sign.text == ":":
        if value.has_star:
            raise InvalidFilter(
                f"`*` at the end of a value goes with `=`, position {value.position}: `:` looks for any part already",
                position=value.position,
            )
        return Operator.CONTAINS
    return Operator.STARTS_WITH if value.has_star else Operator.IS


def _unexpected(word: Token, problem: str) -> InvalidFilter:
    if word.kind is Kind.END:
        what = "the end of the filter"
    else:
        what = f"`{shown(word.text)}{'*' if word.has_star else ''}` at position {word.position}"
    return InvalidFilter(f"{what} {problem}", position=word.position)


def _capitals(word: Token) -> str:
    """A hint for those who write `and`."""
    is_keyword = word.kind is Kind.WORD and word.text.upper() in _KEYWORDS
    return f": write `{word.text.upper()}` in capitals" if is_keyword else ""
