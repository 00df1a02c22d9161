"""Scripted faults: which requests go wrong, how and how often. Decides only; `traffic` carries it out.

The first fault of the script that matches a request decides. Faults are data, so that a test can name, print and share
them.
"""

import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from entraid_emulator.objects import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to fail.

    Attributes:
        path: regular expression, searched in the decoded path and query (`/v1.0/users?$top=5`).
        method: HTTP method it is limited to.
        after: how many matching requests pass untouched first.
        times: how many requests it then hits; None means all of them.
        status: HTTP status to answer with; None means that the request is served (after `delay`).
        headers: headers of that answer, such as `Retry-After`.
        body: its body: text and bytes as they are, anything else as JSON; None means the usual error body of that
            status.
        delay: how long to wait first.
        drop: close the connection instead of answering.
        cut: serve the request, but send only that many bytes of the body and then close the connection.
    """

    path: str = ""
    method: str | None = None
    after: int = 0
    times: int | None = 1
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Json | bytes = None
    delay: timedelta = timedelta()
    drop: bool = False
    cut: int | None = None

    def matches(self, method: str, target: str) -> bool:
        """Whether it is about this request."""
        return self.method in {None, method} and re.search(self.path, target) is not None


class FaultScript:
    """The faults in force, in order. Any thread may change it while requests are served."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._script: list[tuple[Fault, list[int]]] = []

    def add(self, *faults: Fault) -> None:
        """Append faults."""
        with self._lock:
            self._script.extend((fault, [0]) for fault in faults)

    def clear(self) -> None:
        """Let everything go well again."""
        with self._lock:
            self._script.clear()

    def __len__(self) -> int:
        return len(self._script)

    def __iter__(self) -> Iterator[Fault]:
        with self._lock:
            return iter([fault for fault, _ in self._script])

    def next_for(self, method: str, target: str) -> Fault | None:
        """The fault that hits this request, counted as used; one that is used up no longer counts."""
        with self._lock:
            for fault, seen in self._script:
                if not fault.matches(method, target):
                    continue
                seen[0] += 1
                turn = seen[0] - fault.after
                if turn >= 1 and (fault.times is None or turn <= fault.times):
                    return fault
        return None
