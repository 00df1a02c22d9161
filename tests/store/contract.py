"""What every engine has to bring: all ports of one store, and a way to open it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from entraid_service.ports.decisions import DirectoryViews
from entraid_service.ports.store import ConnectionStore, DirectoryLists, DirectoryStore, RunStore


class Store(Protocol):
    """Every port of a store."""

    @property
    def connections(self) -> ConnectionStore:
        """Connections."""

    @property
    def directory(self) -> DirectoryStore:
        """The write side of directory data."""

    @property
    def lists(self) -> DirectoryLists:
        """The read side for lists."""

    @property
    def runs(self) -> RunStore:
        """Runs."""

    @property
    def views(self) -> DirectoryViews:
        """The read side for decisions."""


Factory = Callable[[Path], AbstractAsyncContextManager[Store]]
