"""The audit log: one line of JSON for every decision, written beside the decisions and never in their way.

`note` puts a record on a list and returns. `run` empties the list twice a second into the sink, in a thread and in
small portions, so that neither the disk nor the encoding holds up an answer for long; `close` writes the rest. A crash
loses at most what the last second decided. What cannot be written is kept and tried again; of what would not fit into
memory the number is told, in the log and in the audit log itself.

A record names the user by object id. Whoever was asked for and not found is named by a digest: the log must not become
a list of addresses that the tenant does not have.
"""

import asyncio
import hashlib
import random
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

import msgspec
import structlog

from entraid_service.model.decision import Decision
from entraid_service.model.ids import fold_name
from entraid_service.model.snapshot import SnapshotVersion

_INTERVAL_SECONDS: Final = 0.5
_PORTION: Final = 200
"""Records that are encoded at once: about a millisecond in which Python runs nothing else."""
_MOST_WAITING: Final = 200_000

_log = structlog.get_logger(__name__)


class Sink(Protocol):
    """Where lines go."""

    def write(self, lines: bytes) -> None:
        """Appends whole lines; may block.

        Raises:
            OSError: Nothing of them was written.
        """


class Asker(msgspec.Struct, frozen=True, gc=False):
    """Who asked: the peer's address as gRPC writes it, and the name in its certificate if it showed one."""

    peer: str
    identity: str = ""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One decision. Thousands wait to be written, and garbage collection is spared them.

    `asked` is the user's name as the caller gave it, `condition` the digest of what had to hold.
    """

    decision_id: str
    time: datetime
    asker: Asker
    asked: str
    condition: str
    decision: Decision
    version: SnapshotVersion
    token: str


class DecisionLog(Protocol):
    """Takes note of decisions."""

    @property
    def is_on(self) -> bool:
        """Whether anything comes of it; if not, nobody needs to put a record together."""

    def note(self, record: Record) -> None:
        """Takes note of one, without waiting."""


class NoAudit:
    """The `DecisionLog` of those who want none."""

    is_on = False

    def note(self, record: Record) -> None:
        """See `DecisionLog`."""


class _Line(msgspec.Struct, omit_defaults=True):
    """A line as it is written; without `decision_id` it tells of records that were lost."""

    time: datetime
    decision_id: str = ""
    peer: str = ""
    client: str = ""
    connection: str = ""
    tenant: str = ""
    user: str = ""
    user_digest: str = ""
    condition: str = ""
    outcome: str = ""
    reasons: tuple[str, ...] = ()
    snapshot: str = ""
    revision: int = 0
    age_seconds: float | None = None
    lost_records: int = 0


_encode: Final = msgspec.json.Encoder().encode


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
        self._waiting: list[Record] = []
        self._lost = 0
        self._is_failing = False
        self._turn = asyncio.Lock()

    def note(self, record: Record) -> None:
        """See `DecisionLog`."""
        if record.decision.is_allowed and self._sample_allows < 1 and random.random() >= self._sample_allows:  # noqa: S311 - chooses, guards nothing
            return
        if len(self._waiting) >= _MOST_WAITING:
            self._lost += 1
            return
        self._waiting.append(record)

    async def run(self) -> None:
        """Writes what is noted, until it is cancelled."""
        while True:
            await asyncio.sleep(_INTERVAL_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Writes what was noted before the call, as far as it can be written."""
        async with self._turn:
            while self._waiting or self._lost:
                portion, lost = self._waiting[:_PORTION], self._lost
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

    def _write(self, portion: Sequence[Record], lost: int) -> None:
        lines = [_encode(_line(record)) for record in portion]
        if lost:
            lines.append(_encode(_Line(time=datetime.now(UTC), lost_records=lost)))
        self._sink.write(b"\n".join((*lines, b"")))

    def _done(self, written: int, lost: int) -> None:
        del self._waiting[:written]
        self._lost -= lost
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


def _line(record: Record) -> _Line:
    decision, version = record.decision, record.version
    return _Line(
        time=record.time,
        decision_id=record.decision_id,
        peer=record.asker.peer,
        client=record.asker.identity,
        connection=version.connection_id,
        tenant=version.tenant_id,
        user=decision.user_id or "",
        user_digest="" if decision.user_id else digest(fold_name(record.asked).encode()),
        condition=record.condition,
        outcome="ALLOW" if decision.is_allowed else "DENY",
        reasons=tuple(dict.fromkeys(reason.code.name for reason in decision.reasons)),
        snapshot=record.token,
        revision=version.revision,
        age_seconds=round((record.time - version.sync_time).total_seconds(), 3),
    )


def digest(data: bytes) -> str:
    """`sha256:` and the digest in hexadecimal digits."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
