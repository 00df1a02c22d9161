"""Where output goes and what may be in it.

Results go to standard output, everything else to standard error, so that a pipe gets results alone. Names in a
directory are written by its users: control characters in them are made visible, and rich's markup is never applied
to them.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias
from unicodedata import category

from google.protobuf.json_format import MessageToDict
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from google.protobuf.message import Message

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

# Nobody looks at a pipe, and cells that wrap at 80 columns cannot be searched.
_PIPE_COLUMNS: Final = 200
_CONTROL_CATEGORIES: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
# They turn the direction of what follows, so that one name reads as another (https://www.unicode.org/reports/tr36/).
_DIRECTION_MARKS: Final = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class Screen:
    """Standard output and standard error of one command."""

    out: Console
    err: Console
    is_json: bool

    def document(self, document: Mapping[str, Json]) -> None:
        """Prints the command's one JSON document."""
        _write(self.out, document)

    def error_document(self, document: Mapping[str, Json]) -> None:
        """Prints an error as JSON, where it is not taken for a result."""
        _write(self.err, document)


def open_screen(*, is_json: bool) -> Screen:
    """The screen of this process; no colours where it is not a terminal, or where NO_COLOR is set."""
    return Screen(out=_console(is_error=False), err=_console(is_error=True), is_json=is_json)


def _console(*, is_error: bool) -> Console:
    stream = sys.stderr if is_error else sys.stdout
    width = None if stream.isatty() else shutil.get_terminal_size((_PIPE_COLUMNS, 1)).columns
    return Console(stderr=is_error, width=width, markup=False, highlight=False, emoji=False)


def _write(console: Console, document: Mapping[str, Json]) -> None:
    console.file.write(json.dumps(document, indent=2) + "\n")


def as_json(message: Message) -> dict[str, Json]:
    """A message in protobuf's JSON mapping, with every field there so that programs need not ask which are."""
    found: dict[str, Json] = MessageToDict(message, always_print_fields_with_no_presence=True)
    return found


def clean(text: str) -> str:
    """The text with each character that could steer a terminal made visible."""
    return "".join("\N{REPLACEMENT CHARACTER}" if _steers(character) else character for character in text)


def plain(text: str, style: str = "") -> Text:
    """The text as it is, in a style; folded where it is too long, never cut."""
    return Text(clean(text), style=style, overflow="fold")


def _steers(character: str) -> bool:
    return category(character) in _CONTROL_CATEGORIES or character in _DIRECTION_MARKS
