"""What came back from Graph: an answer, or none. Pure."""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import orjson

_SHOWN = 200
"""Characters of Graph's own words that are passed on."""

_DEEPEST = 8
"""Inner errors that are looked at."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def request_id(self) -> str:
        """Graph's id of the request, for Microsoft's support."""
        return _line(self.headers.get("request-id", ""))

    def json(self) -> dict[str, object] | None:
        """The JSON object in it; None for anything else, such as a proxy's HTML with status 200.

        A byte order mark before it is no part of it (https://www.rfc-editor.org/rfc/rfc8259#section-8.1).
        """
        if "html" in self.headers.get("content-type", "").lower():
            return None
        try:
            value = orjson.loads(self.body.removeprefix(codecs.BOM_UTF8))
        except orjson.JSONDecodeError:
            return None
        return value if isinstance(value, dict) else None

    def error(self) -> tuple[str, str]:
        """Code and message of Graph's error body, empty where it is another kind of body.

        https://learn.microsoft.com/graph/errors: codes may be relied on, messages may not.
        """
        body = self.json() or {}
        error = body.get("error")
        if not isinstance(error, dict):
            return "", ""
        return _line(error.get("code")), _line(error.get("message"))

    def codes(self) -> list[str]:
        """Every code of Graph's error body in lower case, the outermost first.

        Inner errors tell it closer: https://learn.microsoft.com/graph/errors#error-resource-type.
        """
        found: list[str] = []
        error = (self.json() or {}).get("error")
        while isinstance(error, dict) and len(found) < _DEEPEST:
            found.append(_line(error.get("code")).lower())
            error = error.get("innerError", error.get("innererror"))
        return found

    def described(self) -> str:
        """Status, code and message in one line."""
        code, message = self.error()
        named = f"{self.status} {code}" if code else f"{self.status} {_phrase(self.status)}"
        return f"{named.strip()}: {message}" if message else named.strip()


class NoAnswer(Exception):  # noqa: N818 - it says what happened
    """No complete answer came; the text says what happened instead. `is_final` where a retry is pointless."""

    def __init__(self, text: str, *, is_final: bool = False) -> None:
        super().__init__(text)
        self.is_final = is_final


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _line(value: object) -> str:
    text = value if isinstance(value, str) else ""
    clean = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return clean if len(clean) <= _SHOWN else clean[:_SHOWN] + "…"
