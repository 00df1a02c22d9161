"""One pass over a directory: where it stands, what it counted, what it changed."""

import enum
from dataclasses import dataclass
from datetime import datetime

from entraid_service.model.ids import ConnectionId, SyncRunId
from entraid_service.model.report import ErrorReport
from entraid_service.model.scope import GroupResolution


class RunState(enum.Enum):
    """Where a run stands; numbers are the contract's."""

    PENDING = 1
    RUNNING = 2
    SUCCEEDED = 3
    FAILED = 4
    CANCELLED = 5
    HELD = 6

    @property
    def is_final(self) -> bool:
        """Whether the run will not move any more by itself."""
        return self not in (RunState.PENDING, RunState.RUNNING)


class SyncMode(enum.Enum):
    """How much a run reads; numbers are the contract's."""

    INCREMENTAL = 1
    FULL = 2


class Phase(enum.Enum):
    """What a run is reading; numbers are the contract's."""

    USERS = 1
    GROUPS = 2
    MEMBERSHIPS = 3
    COMMIT = 4


@dataclass(frozen=True, slots=True)
class Progress:
    """Counters of a run; they only grow."""

    phase: Phase | None = None
    users: int = 0
    groups: int = 0
    memberships: int = 0
    graph_requests: int = 0
    throttled_requests: int = 0
    skipped_objects: int = 0
    other_members: int = 0


@dataclass(frozen=True, slots=True)
class SkippedObject:
    """An object that a run left out: its id, if it had one, and what was odd about it."""

    id: str
    problem: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What a run changed against the snapshot before it; a membership counts once its user is there."""

    users_upserted: int = 0
    users_deleted: int = 0
    groups_upserted: int = 0
    groups_deleted: int = 0
    memberships_added: int = 0
    memberships_removed: int = 0


@dataclass(frozen=True, slots=True)
class SyncRun:
    """A run. `revision` and `sync_time` name the snapshot that it produced, once it succeeded.

    `skipped` holds the first of the objects that it left out. `changes` of a held run are those that it would make.
    """

    id: SyncRunId
    connection_id: ConnectionId
    mode: SyncMode
    state: RunState
    create_time: datetime
    request_id: str = ""
    progress: Progress = Progress()
    changes: Changes | None = None
    resolutions: tuple[GroupResolution, ...] = ()
    error: ErrorReport | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    revision: int | None = None
    sync_time: datetime | None = None
    skipped: tuple[SkippedObject, ...] = ()
