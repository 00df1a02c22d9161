"""A run while this process drives it: where it stands, and what its log lines name."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import structlog

from entraid_service.model.syncrun import SyncRun
from entraid_service.ports import Skipped
from entraid_service.sync.progress import ProgressBoard

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class LiveRun:
    """A run in this process.

    `outcome` is set as soon as it took effect or is held, before that is told; `is_unsaved` while its end is not kept.
    """

    run: SyncRun
    board: ProgressBoard
    task: asyncio.Task[None] | None = None
    ticker: asyncio.Task[None] | None = None
    outcome: SyncRun | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    stopped_by: str = "the service shut down"
    is_unsaved: bool = False

    def stop(self, reason: str) -> None:
        """Ends the run, for this reason."""
        self.stopped_by = reason
        if self.task is not None:
            self.task.cancel()

    def now(self) -> SyncRun:
        """The run with its counters as they are now."""
        if self.run.state.is_final:
            return self.run
        mode, progress = self.board.mode or self.run.mode, self.board.snapshot()
        return replace(self.run, mode=mode, progress=progress, skipped=tuple(self.board.skipped))


def names_of(run: SyncRun) -> dict[str, str]:
    """What every log line about a run names."""
    return {"connection": run.connection_id, "sync_run": run.id}


def skipped_logger(run: SyncRun) -> Callable[[Skipped], None]:
    """Names each object that a run leaves out."""

    def note(skipped: Skipped) -> None:
        _log.warning("object_skipped", object_id=skipped.id, problem=skipped.problem, **names_of(run))

    return note
