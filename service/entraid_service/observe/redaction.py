"""What never stands in a log: secrets by their type, their name or their look, and requests.

Pure: takes what is about to be logged and returns what may be.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypeAlias

from google.protobuf.message import Message

from entraid_service.model.secret import Secret

MASK = "***"
_MOST_LEVELS = 8
_NAMES = re.compile(
    r"secret|passw|token|authorization|assertion|certificate|cookie|credential|private_?key|client_?state|api_?key",
    re.IGNORECASE,
)
_NAMED_IN_TEXT = (
    r"client_secret|client_assertion|assertion|password|passwd|access_token|refresh_token|id_token|authorization|"
    r"certificate_pem|certificate_pfx|cookie"
)
_PATTERNS = (
    # A private key or certificate in PEM, also where its end is cut off.
    (re.compile(r"-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)", re.DOTALL), MASK),
    (re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE), rf"\1 {MASK}"),
    # A JSON web token: its header is JSON, whose first two bytes encode to `eyJ`.
    (re.compile(r"\beyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){1,4}"), MASK),
    # `client_secret=...` in a form, `"client_secret": "..."` in JSON, `client_secret: "..."` as protobuf prints.
    (
        re.compile(rf"((?:{_NAMED_IN_TEXT})['\"]?\s*[=:]\s*)(?:\"[^\"]*\"|'[^']*'|[^\s&,;}}]+)", re.IGNORECASE),
        rf"\1{MASK}",
    ),
    # What Entra hands out in a redirect.
    (re.compile(r"([?&](?:code|state|session_state)=)[^&\s\"']+", re.IGNORECASE), rf"\1{MASK}"),
)

Plain: TypeAlias = "str | int | float | bool | datetime | timedelta | list[Plain] | dict[str, Plain] | None"


def redacted_fields(fields: Mapping[str, object]) -> dict[str, Plain]:
    """Fields of a log line, as they may be written."""
    return {name: redacted(value, name=name) for name, value in fields.items()}


def redacted(value: object, *, name: str = "", level: int = 0) -> Plain:  # noqa: PLR0911 - one per kind of value
    """A value as it may be written; `name` is the field's."""
    match value:
        case None | bool() | int() | float() | datetime() | timedelta():
            return value
        case Secret():
            return MASK
        case Message():
            # Its text prints every field, secrets too, whatever `debug_redact` says.
            return f"[{value.DESCRIPTOR.full_name} left out]"
        case _ if _NAMES.search(name):
            return MASK
        case str():
            return redacted_text(value)
        case bytes() | bytearray() | memoryview():
            return f"[{len(value)} bytes left out]"
        case _ if level >= _MOST_LEVELS:
            return "[nested too deeply]"
        case Mapping():
            return {str(key): redacted(item, name=str(key), level=level + 1) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [redacted(item, level=level + 1) for item in value]
        case _:
            return redacted_text(str(value))


def redacted_text(text: str) -> str:
    """A text without what looks like a secret in it."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text
