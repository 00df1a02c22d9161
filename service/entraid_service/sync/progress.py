"""The counters of a run, while it runs."""

from collections.abc import Callable
from dataclasses import dataclass, field

from entraid_service.model.syncrun import Phase, Progress, SkippedObject, SyncMode
from entraid_service.ports import RequestCount, Skipped

_MOST_NAMED = 20
"""Objects left out that the run itself names; the log names them all."""


@dataclass(slots=True)
class ProgressBoard:
    """Where a run stands: written by the read, looked at by watchers. `on_skipped` hears of every object left out.

    `mode` is how it reads, once that is known: what was asked for may not be possible. `is_check` is set where a full
    read is made though an incremental one could have been: what it then changes had been missed, or is very new.
    """

    on_skipped: Callable[[Skipped], None]
    mode: SyncMode | None = None
    is_check: bool = False
    phase: Phase | None = None
    users: int = 0
    groups: int = 0
    memberships: int = 0
    other_members: int = 0
    skipped_objects: int = 0
    skipped: list[SkippedObject] = field(default_factory=list)
    requests: RequestCount = field(default_factory=RequestCount)
    _told: Progress = Progress()

    def skip(self, skipped: Skipped) -> None:
        """Counts an object that was left out, and names it."""
        self.skipped_objects += 1
        if len(self.skipped) < _MOST_NAMED:
            self.skipped.append(SkippedObject(skipped.id, skipped.problem))
        self.on_skipped(skipped)

    def snapshot(self) -> Progress:
        """The counters as they are now; a list that is read again does not take back what was told."""
        told = self._told
        self._told = Progress(
            phase=self.phase,
            users=max(told.users, self.users),
            groups=max(told.groups, self.groups),
            memberships=max(told.memberships, self.memberships),
            graph_requests=self.requests.sent,
            throttled_requests=self.requests.throttled,
            skipped_objects=self.skipped_objects,
            other_members=max(told.other_members, self.other_members),
        )
        return self._told
