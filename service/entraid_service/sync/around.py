"""What sync runs have around them: the stores that they read and write, and who hears of them."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from entraid_service.model.ids import ConnectionId
from entraid_service.model.syncrun import Changes, SyncRun
from entraid_service.ports import ConnectionStore, DirectoryLists, DirectoryStore, RunStore


@dataclass(frozen=True, slots=True)
class Stores:
    """Where connections, directories and runs are kept."""

    connections: ConnectionStore
    directory: DirectoryStore
    lists: DirectoryLists
    runs: RunStore


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the runner needs of those around it.

    `spawn` gives a coroutine to a task group that outlives it; `on_commit` is awaited after each commit, before the
    run is told to have succeeded; `on_end` hears of every run that ended, `on_drift` of what a full read changed though
    incremental ones had followed everything.
    """

    spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
    on_commit: Callable[[ConnectionId], Awaitable[None]]
    on_end: Callable[[SyncRun], None]
    on_drift: Callable[[Changes], None] = lambda _: None
