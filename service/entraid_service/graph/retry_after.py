"""`Retry-After` in every form in which it comes. Pure.

Seconds (https://www.rfc-editor.org/rfc/rfc9110#field.retry-after), seconds with a fraction as in older samples of
https://learn.microsoft.com/graph/throttling, an HTTP date, empty, or not at all.
"""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_LONGEST = timedelta(days=1).total_seconds()


def parse_retry_after(text: str | None, *, now: datetime) -> timedelta | None:
    """How long to wait; None where the header does not tell, so that the caller backs off on its own.

    Args:
        text: The header's value, None if there is none.
        now: The answer's own date, or the present; a date in the past means no wait.
    """
    stripped = (text or "").strip()
    if not stripped:
        return None
    seconds = plain_number(stripped)
    if seconds is None:
        moment = parse_http_date(stripped)
        if moment is None:
            return None
        seconds = (moment - now).total_seconds()
    return timedelta(seconds=min(max(seconds, 0.0), _LONGEST))


def parse_http_date(text: str) -> datetime | None:
    """An HTTP date, aware; None if it is none."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def plain_number(text: str) -> float | None:
    """A number as headers hold it: digits, a point, a sign; None for everything else that Python takes for one."""
    if not text.isascii() or not text.replace(".", "", 1).replace("-", "", 1).isdigit():
        return None  # `nan`, `inf`, `1e9` and `1_0` are floats to Python and nonsense here
    try:
        return float(text)
    except ValueError:
        return None
