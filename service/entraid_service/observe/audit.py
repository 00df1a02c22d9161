"""The audit log: one line of JSON for every decision, written beside the decisions and never in their way.

`note` puts a record on a list and returns; of a few dozen together the lines are made, which in a row takes a fraction
of what one by one does. `run` writes them to the sink twice a second, and at once when there are many, in a thread, so
that the disk holds up no answer; `close` writes the rest. A crash loses at most what the last second decided. What
cannot be written is kept and tried again; of what would not fit into memory the number is told, in the log and in the
audit log itself.
"""

import asyncio
import random
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Protocol

import structlog

from entraid_service.observe.audit_line import LineWriter, Record, line_of_lost

_INTERVAL_SECONDS: Final = 0.5
_TOGETHER: Final = 32
"""Records whose lines are made together: less than a tenth of a millisecond."""
_PORTION: Final = 2_000
"""Lines that are written at once; so many do not wait for the next turn."""
_MOST_WAITING: Final = 100_000
"""Lines, of some 450 bytes each."""

_log = structlog.get_logger(__name__)


class Sink(Protocol):
    """Where lines go."""

    def write(self, lines: bytes) -> None:
        """Appends whole lines; may block.

        Raises:
            OSError: Nothing of them was written.
        """


class DecisionLog(Protocol):
    """Takes note of decisions."""

    @property
    def is_on(self) -> bool:
        """Whether anything comes of it; if not, nobody needs to put a record together."""

    def note(self, record: Record) -> None:
        """Takes note of one, without waiting."""

    def note_all(self, records: Sequence[Record]) -> None:
        """Takes note of several, without waiting."""


class NoAudit:
    """The `DecisionLog` of those who want none."""

    is_on = False

    def note(self, record: Record) -> None:
        """See `DecisionLog`."""

    def note_all(self, records: Sequence[Record]) -> None:
        """See `DecisionLog`."""


class AuditLog:
    """The `DecisionLog` that writes. Belongs to one event loop."""

    is_on = True

    def __init__(self, sink: Sink, *, sample_allows: float = 1.0) -> None:
        """Writes nothing yet.

        Args:
            sink: Where lines go.
            sample_allows: The share of allows that is written, 0 to 1. Denials are all written.
        """
        self._sink = sink
        self._sample_allows = sample_allows
        self._line = LineWriter().line
        self._noted: list[Record] = []
        self._waiting: list[bytes] = []
        self._are_many = asyncio.Event()
        self._lost = 0
        self._is_failing = False
        self._turn = asyncio.Lock()

    def note(self, record: Record) -> None:
        """See `DecisionLog`."""
        if self._sample_allows == 1 or self._is_chosen(record):
            self._noted.append(record)
            if len(self._noted) >= _TOGETHER:
                self._make_lines()

    def note_all(self, records: Sequence[Record]) -> None:
        """See `DecisionLog`."""
        self._noted += records if self._sample_allows == 1 else filter(self._is_chosen, records)
        if len(self._noted) >= _TOGETHER:
            self._make_lines()

    async def run(self) -> None:
        """Writes what is noted, until it is cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._are_many.wait(), _INTERVAL_SECONDS)
            self._are_many.clear()
            await self.flush()

    async def flush(self) -> None:
        """Writes what was noted before the call, as far as it can be written."""
        async with self._turn:
            self._make_lines()
            # What comes meanwhile waits for the next time: one by one it would cost many times as much.
            due = len(self._waiting)
            while due or self._lost:
                portion, lost = self._waiting[: min(due, _PORTION)], self._lost
                due -= len(portion)
                work = asyncio.get_running_loop().run_in_executor(None, self._write, portion, lost)
                try:
                    # The thread goes on when we are cancelled; only with its end it is known what is written.
                    await asyncio.shield(work)
                except asyncio.CancelledError:
                    if await _succeeds(work):
                        self._done(len(portion), lost)
                    raise
                except OSError as error:
                    self._tell_failure(error)
                    return
                self._done(len(portion), lost)

    async def close(self) -> None:
        """Writes the rest."""
        await self.flush()
        if self._waiting or self._lost:
            _log.error("audit_records_lost", count=len(self._waiting) + self._lost)

    def _is_chosen(self, record: Record) -> bool:
        return not record.decision.is_allowed or random.random() < self._sample_allows  # noqa: S311 - chooses, guards nothing

    def _make_lines(self) -> None:
        noted, self._noted = self._noted, []
        before = len(self._waiting)
        kept = noted[: _MOST_WAITING - before]
        self._lost += len(noted) - len(kept)
        self._waiting += [self._line(record) for record in kept]
        # Once: while the disk fails, trying again has the time it has.
        if before < _PORTION <= len(self._waiting):
            self._are_many.set()

    def _write(self, portion: Sequence[bytes], lost: int) -> None:
        self._sink.write(b"".join((*portion, line_of_lost(lost) if lost else b"")))

    def _done(self, written: int, lost: int) -> None:
        del self._waiting[:written]
        self._lost -= lost
        if len(self._waiting) >= _PORTION:
            self._are_many.set()
        if self._is_failing:
            self._is_failing = False
            _log.info("audit_log_recovered")

    def _tell_failure(self, error: OSError) -> None:
        if not self._is_failing:  # told once, not twice a second
            _log.error("audit_log_failed", problem=error.strerror or "unknown", advice="free space, or give access")
        self._is_failing = True


class StandardOutput:
    """The `Sink` for those who collect what a container prints."""

    def write(self, lines: bytes) -> None:
        """See `Sink`. Line by line, as several processes may write: what is short goes into a pipe whole.

        https://man7.org/linux/man-pages/man7/pipe.7.html (PIPE_BUF).
        """
        for line in lines.splitlines(keepends=True):
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()


async def _succeeds(work: "asyncio.Future[None]") -> bool:
    try:
        await work
    except OSError:
        return False
    return True
