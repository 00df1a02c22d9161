"""The journal: which requests came and how they were answered. No headers, no bodies, so no secret and no token."""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

_KEPT = 200_000  # requests; a full read of the largest generated tenant makes about 60,000
_SECRET_OPTIONS = re.compile(r"(?i)([?&](?:code|client_secret|client_assertion|id_token_hint|code_verifier)=)[^&]*")


@dataclass(frozen=True, slots=True)
class Served:
    """One request.

    Attributes:
        at: when it came.
        method: its HTTP method.
        target: its path and query, percent-decoded, credentials in the query replaced by `***`.
        status: the answer's HTTP status; 0 when the connection was dropped instead.
    """

    at: datetime
    method: str
    target: str
    status: int

    def __str__(self) -> str:
        return f"{self.method} {self.target} {self.status}"


class Journal:
    """The latest requests, oldest first."""

    def __init__(self) -> None:
        self._served: deque[Served] = deque(maxlen=_KEPT)

    def write(self, at: datetime, method: str, target: str, *, status: int) -> None:
        """Note a request that was answered."""
        self._served.append(Served(at, method, _SECRET_OPTIONS.sub(r"\1***", target), status))

    def clear(self) -> None:
        """Forget everything so far."""
        self._served.clear()

    def __len__(self) -> int:
        return len(self._served)

    def __iter__(self) -> Iterator[Served]:
        return iter(tuple(self._served))

    def matching(self, path: str, *, method: str | None = None) -> list[Served]:
        """Requests whose target holds the regular expression `path`."""
        found = re.compile(path)
        return [one for one in self if found.search(one.target) and method in {None, one.method}]
