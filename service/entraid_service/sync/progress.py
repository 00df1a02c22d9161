"""The counters of a run, while it runs."""

from collections.abc import Callable
from dataclasses import dataclass, field

from entraid_service.model.syncrun import Phase, Progress, SyncMode
from entraid_service.ports import RequestCount, Skipped


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
    skipped_objects: int = 0
    requests: RequestCount = field(default_factory=RequestCount)

    def skip(self, skipped: Skipped) -> None:
        """Counts an object that was left out, and names it."""
        self.skipped_objects += 1
        self.on_skipped(skipped)

    def snapshot(self) -> Progress:
        """The counters as they are now."""
        return Progress(
            phase=self.phase,
            users=self.users,
            groups=self.groups,
            memberships=self.memberships,
            graph_requests=self.requests.sent,
            throttled_requests=self.requests.throttled,
            skipped_objects=self.skipped_objects,
        )
