"""URLs of Graph: every segment and every value encoded exactly once. Pure."""

from collections.abc import Mapping
from urllib.parse import quote

from yarl import URL

_QUERY_SAFE = "$(),="
"""Characters that OData's own samples leave as they are in `manager($select=id)`; none of them ends a value."""


def graph_url(base: URL, *segments: str, query: Mapping[str, str | int]) -> URL:
    """The URL of a resource below the base, which ends in the API version."""
    path = "/".join(quote(segment, safe="") for segment in segments)
    values = "&".join(f"{name}={quote(str(value), safe=_QUERY_SAFE)}" for name, value in query.items())
    return URL(f"{str(base).rstrip('/')}/{path}" + (f"?{values}" if values else ""), encoded=True)
