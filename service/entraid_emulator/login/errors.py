"""How Entra refuses: an AADSTS code with its text, in one body shape. The codes themselves are in `codes`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from entraid_emulator.login.codes import CODES, Code
from entraid_emulator.objects import Json


class LoginError(Exception):
    """A refusal of the login side.

    Attributes:
        code: the AADSTS number.
        error: the OAuth word.
        status: HTTP status where the answer is JSON or a page.
        on_page: whether a browser is shown it instead of being sent back to the app.
    """

    def __init__(self, code: int, told: Code) -> None:
        super().__init__(f"AADSTS{code}: {told.text}")
        self.code = code
        self.error = told.error
        self.status = told.status
        self.on_page = told.on_page


class _Values(dict[str, str]):
    """Values for a text; what nobody said is shown as such."""

    def __missing__(self, key: str) -> str:
        return f"({key})"


def refused(code: int, *, error: str | None = None, **values: str) -> LoginError:
    """The refusal of a code, its text filled with `values`; `error` replaces the usual OAuth word.

    Raises:
        KeyError: the table does not know the code.
    """
    known = CODES[code]
    text = known.text.format_map(_Values(values))
    return LoginError(code, Code(error or known.error, text, known.status, known.on_page))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What ties an answer to Entra's logs.

    Attributes:
        trace_id: of this answer, also its `x-ms-request-id`.
        correlation_id: the caller's `client-request-id`, or a new id.
        at: when it was answered.
        origin: the login side's own scheme and host.
    """

    trace_id: str
    correlation_id: str
    at: datetime
    origin: str

    @property
    def timestamp(self) -> str:
        """The moment as Entra prints it."""
        return f"{self.at:%Y-%m-%d %H:%M:%S}Z"


def described(refusal: LoginError, trace: Trace) -> str:
    """The `error_description`; its parts are separated by spaces, as since 2023."""
    ids = f"Trace ID: {trace.trace_id} Correlation ID: {trace.correlation_id} Timestamp: {trace.timestamp}"
    return f"{refusal} {ids}"


def error_body(refusal: LoginError, trace: Trace) -> Mapping[str, Json]:
    """The JSON body of a refusal."""
    return {
        "error": refusal.error,
        "error_description": described(refusal, trace),
        "error_codes": [refusal.code],
        "timestamp": trace.timestamp,
        "trace_id": trace.trace_id,
        "correlation_id": trace.correlation_id,
        "error_uri": f"{trace.origin}/error?code={refusal.code}",
    }
