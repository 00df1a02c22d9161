"""`$filter` as text -> tree. Tokenizer and recursive-descent parser of the OData subset that directory objects take.

Grammar, loosest first: or, and, not, then a leaf: `p eq 'x'`, `startswith(p,'x')`, `endswith(p,'x')`, `p in ('x','y')`,
`p/any(x:...)` or a tree in parentheses.
Knows nothing of properties and objects: `filters` gives the tree its meaning.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from entraid_emulator.graph.errors import GraphError, malformed_query

Literal = str | bool | int | None

_MAX_LENGTH = 16_000  # characters; Graph's URL limit is of this order
_MAX_NESTING = 25
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?![\w:.-]))|(?P<word>[\w/$.:-]+)|(?P<mark>[(),]))", re.UNICODE
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")  # dates and moments stand without quotes


@dataclass(frozen=True, slots=True)
class Comparison:
    """A leaf: a property, an operator (`eq`, `ne`, `in`, `startswith`, ...) and what it is compared with.

    Attributes:
        element: whether it is about any element of a collection (`p/any(x:x eq 'y')`).
    """

    prop: str
    operator: str
    values: tuple[Literal, ...]
    element: bool = False


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a tree."""

    inner: "Tree"


@dataclass(frozen=True, slots=True)
class Both:
    """All of several trees."""

    parts: tuple["Tree", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Any of several trees."""

    parts: tuple["Tree", ...]


Tree = Comparison | Not | Both | Either


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    value: str


def parse_filter(expression: str) -> Tree:
    """Parse a filter.

    Raises:
        GraphError: 400, it does not follow the grammar.
    """
    if len(expression) > _MAX_LENGTH:
        raise malformed_query(f"The $filter is longer than {_MAX_LENGTH} characters.")
    parser = _Parser(list(_tokens(expression)), expression)
    tree = parser.disjunction(0)
    parser.end()
    return tree


def _tokens(expression: str) -> Iterator[_Token]:
    position = 0
    stripped = expression.rstrip()
    while position < len(stripped):
        match = _TOKEN.match(stripped, position)
        if match is None or match.lastgroup is None:
            raise malformed_query(f"Invalid filter clause: syntax error at position {position} in '{expression}'.")
        yield _Token(match.lastgroup, match[match.lastgroup])
        position = match.end()


class _Parser:
    """Walks the tokens once, from left to right."""

    def __init__(self, tokens: list[_Token], expression: str) -> None:
        self._tokens = tokens
        self._expression = expression
        self._next = 0

    def end(self) -> None:
        if self._next < len(self._tokens):
            raise self._error()

    def disjunction(self, depth: int) -> Tree:
        parts = [self._conjunction(depth)]
        while self._accept("or"):
            parts.append(self._conjunction(depth))
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _conjunction(self, depth: int) -> Tree:
        parts = [self._negation(depth)]
        while self._accept("and"):
            parts.append(self._negation(depth))
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def _negation(self, depth: int) -> Tree:
        if depth > _MAX_NESTING:
            raise malformed_query("The $filter is nested too deeply.")
        if self._accept("not"):
            return Not(self._negation(depth + 1))
        if self._accept("("):
            inner = self.disjunction(depth + 1)
            self._expect(")")
            return inner
        return self._leaf()

    def _leaf(self) -> Tree:
        word = self._word()
        if word.lower() in {"startswith", "endswith"}:
            return self._function(word.lower())
        if word.endswith("/any"):
            return self._any(word.removesuffix("/any"))
        operator = self._word().lower()
        if operator == "in":
            return Comparison(word, "in", self._list())
        if operator not in {"eq", "ne", "ge", "le", "gt", "lt"}:
            raise self._error()
        return Comparison(word, operator, (self._literal(),))

    def _function(self, name: str) -> Comparison:
        self._expect("(")
        prop = self._word()
        self._expect(",")
        value = self._literal()
        self._expect(")")
        return Comparison(prop, name, (value,))

    def _any(self, prop: str) -> Comparison:
        """`(x:x eq 'y')` or `(x:startswith(x,'y'))`: the colon sticks to the words, so they are split here."""
        self._expect("(")
        variable, _, first = self._word().partition(":")
        if first.lower() in {"startswith", "endswith"}:
            inner = self._function(first.lower())
        elif first == variable:
            inner = Comparison(first, self._word().lower(), (self._literal(),))
        else:
            raise self._error()
        self._expect(")")
        if inner.prop != variable:
            raise self._error()
        return Comparison(prop, inner.operator, inner.values, element=True)

    def _list(self) -> tuple[Literal, ...]:
        self._expect("(")
        values = [self._literal()]
        while self._accept(","):
            values.append(self._literal())
        self._expect(")")
        return tuple(values)

    def _literal(self) -> Literal:
        token = self._take()
        if token.kind == "text":
            return token.value[1:-1].replace("''", "'")
        if token.kind == "number":
            return int(token.value)
        words: dict[str, Literal] = {"true": True, "false": False, "null": None}
        if token.value in words:
            return words[token.value]
        if not _DATE.match(token.value):
            raise self._error()
        return token.value

    def _word(self) -> str:
        token = self._take()
        if token.kind != "word":
            raise self._error()
        return token.value

    def _take(self) -> _Token:
        if self._next >= len(self._tokens):
            raise self._error()
        self._next += 1
        return self._tokens[self._next - 1]

    def _accept(self, value: str) -> bool:
        at_hand = self._tokens[self._next] if self._next < len(self._tokens) else None
        if at_hand is None or at_hand.kind == "text" or at_hand.value.lower() != value:
            return False
        self._next += 1
        return True

    def _expect(self, value: str) -> None:
        if not self._accept(value):
            raise self._error()

    def _error(self) -> GraphError:
        return malformed_query(f"Invalid filter clause: syntax error in '{self._expression}'.")
