"""Scripted faults: which requests go wrong, how and how often. Decides only; `traffic` carries it out.

The first fault of the script that matches a request and falls decides. Faults are data, so that a test can name, print
and share them; `troubles` has those that are known from the field.
"""

import random
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from entraid_emulator.objects import Json
from entraid_emulator.rewrites import Rewrite


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to fail.

    Attributes:
        path: regular expression, searched in the decoded path and query (`/v1.0/users?$top=5`); for a part of a batch
            the target is `$batch:/v1.0/users?$top=5`.
        method: HTTP method it is limited to.
        after: how many matching requests pass untouched first.
        times: how many requests it then hits; None means all of them.
        chance: which share of the requests that it could hit it does hit, 0 to 1.
        seed: of the dice for `chance` and `any_of`.
        any_of: faults of which one, picked by the dice, is carried out in place of this one.
        status: HTTP status to answer with; None means that the request is served (after `delay`).
        headers: headers of that answer, such as `Retry-After`.
        retry_after_date: how far ahead a `Retry-After` in the form of an HTTP date is to be; None for no such header.
        body: its body: text and bytes as they are, anything else as JSON; None means the usual error body of that
            status.
        delay: how long to wait first; over at once when the fault is taken out of the script.
        drop: close the connection instead of answering.
        cut: serve the request, but send only that many bytes of the body and then close the connection.
        drip: serve the request, but send the body in pieces with that pause after each.
        piece: bytes per piece.
        rewrite: serve the request, but change the document first.
    """

    path: str = ""
    method: str | None = None
    after: int = 0
    times: int | None = 1
    chance: float = 1.0
    seed: int = 0
    any_of: "tuple[Fault, ...]" = ()
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    retry_after_date: timedelta | None = None
    body: Json | bytes = None
    delay: timedelta = timedelta()
    drop: bool = False
    cut: int | None = None
    drip: timedelta | None = None
    piece: int = 64
    rewrite: Rewrite | None = None

    def matches(self, method: str, target: str) -> bool:
        """Whether it is about this request."""
        return self.method in {None, method} and re.search(self.path, target) is not None


class _Scripted:
    """A fault in force, with what it has seen."""

    __slots__ = ("_dice", "_hits", "_seen", "fault")

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._seen = 0
        self._hits = 0
        self._dice = random.Random(fault.seed)  # noqa: S311 - repeatable on purpose, no secret

    def falls(self) -> bool:
        """Count a matching request, and say whether it is hit."""
        self._seen += 1
        is_over = self.fault.times is not None and self._hits >= self.fault.times
        if self._seen <= self.fault.after or is_over or self._dice.random() >= self.fault.chance:
            return False
        self._hits += 1
        return True

    def chosen(self) -> Fault:
        """What to carry out."""
        fault = self.fault
        while fault.any_of:
            fault = self._dice.choice(fault.any_of)
        return fault


class FaultScript:
    """The faults in force, in order. Any thread may change it while requests are served."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._script: list[_Scripted] = []

    def add(self, *faults: Fault) -> None:
        """Append faults."""
        with self._lock:
            self._script.extend(_Scripted(fault) for fault in faults)

    def remove(self, fault: Fault) -> None:
        """Take one fault out; requests that it holds back go on."""
        with self._lock:
            self._script = [one for one in self._script if one.fault is not fault]

    def is_in_force(self, fault: Fault) -> bool:
        """Whether a fault, or the one that it was picked for, is still in the script."""
        with self._lock:
            return any(one.fault is fault or any(fault is given for given in one.fault.any_of) for one in self._script)

    def clear(self) -> None:
        """Let everything go well again; requests that are held back go on."""
        with self._lock:
            self._script.clear()

    def __len__(self) -> int:
        return len(self._script)

    def __iter__(self) -> Iterator[Fault]:
        with self._lock:
            return iter([one.fault for one in self._script])

    def next_for(self, method: str, target: str) -> Fault | None:
        """The fault that hits this request, counted as used; one that is used up no longer counts."""
        with self._lock:
            for one in self._script:
                if one.fault.matches(method, target) and one.falls():
                    return one.chosen()
        return None
