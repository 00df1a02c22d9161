"""From the text of a filter to its words: names, strings, operators, parentheses, each with its position.

What the words mean together is `filter_parser`'s business.
"""

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from entraid_service.errors import InvalidFilter
from entraid_service.rpc.names import shown


class Kind(enum.Enum):
    """What sort of word it is."""

    WORD = "word"
    STRING = "string"
    SIGN = "sign"
    OPEN = "("
    CLOSE = ")"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a filter. Of a string, `text` is its content; `has_star` says that it ends in an unescaped `*`."""

    kind: Kind
    text: str
    position: int
    has_star: bool = False


_SIGNS: Final = ("!=", "<=", ">=", "=", ":", "<", ">", ",")
# `*` and `-` can be part of a bare value (`dev*`, `8f14-...`), as can what addresses are made of.
_WORD: Final = re.compile(r"[\w.*@+/#$%&'?^`{}|~-]+")
_SPACE: Final = re.compile(r"\s+")


def tokens(text: str) -> Iterator[Token]:
    """Every word, the last one of the kind `END`.

    Raises:
        InvalidFilter: A string does not end, or a character belongs to no word.
    """
    position = 0
    while position < len(text):
        if space := _SPACE.match(text, position):
            position = space.end()
            continue
        token, position = _next(text, position)
        yield token
    yield Token(Kind.END, "", len(text))


def _next(text: str, position: int) -> tuple[Token, int]:
    first = text[position]
    if first in "()":
        return Token(Kind(first), first, position), position + 1
    if first in "\"'":
        return _string(text, position)
    for sign in _SIGNS:
        if text.startswith(sign, position):
            return Token(Kind.SIGN, sign, position), position + len(sign)
    word = _WORD.match(text, position)
    if word is None:
        raise InvalidFilter(
            f"the character `{first}` at position {position} means nothing in a filter: put values in double quotes",
            position=position,
        )
    found = word.group()
    has_star = found.endswith("*")
    return Token(Kind.WORD, found.removesuffix("*") if has_star else found, position, has_star), word.end()


def _string(text: str, start: int) -> tuple[Token, int]:
    quote = text[start]
    content: list[str] = []
    is_last_escaped = False
    position = start + 1
    while position < len(text):
        char = text[position]
        if char == quote:
            has_star = bool(content) and content[-1] == "*" and not is_last_escaped
            return Token(Kind.STRING, "".join(content[:-1] if has_star else content), start, has_star), position + 1
        is_last_escaped = char == "\\"
        if is_last_escaped:
            position += 1
            if position == len(text):
                break
        content.append(text[position])
        position += 1
    raise InvalidFilter(
        f"the string that starts at position {start} (`{shown(text[start:])}`) does not end: close it with `{quote}`",
        position=start,
    )
