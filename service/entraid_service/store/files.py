"""The database file: where it is, and that nobody else may read it."""

import os
from pathlib import Path

from entraid_service.errors import StoreUnavailable

_PRIVATE = 0o600


def read_only_uri(path: Path) -> str:
    """The address under which SQLite opens a file for reading only."""
    return f"{path.resolve().as_uri()}?mode=ro"


def existing_uri(path: Path) -> str:
    """The address under which SQLite opens a file that must exist; unlike a reader it may undo what a crash left."""
    return f"{path.resolve().as_uri()}?mode=rw"


def log_of(path: Path) -> Path:
    """The write-ahead log beside a database file."""
    return path.with_name(f"{path.name}-wal")


def index_of(path: Path) -> Path:
    """The index of the write-ahead log, shared memory, beside a database file."""
    return path.with_name(f"{path.name}-shm")


def lock_of(path: Path) -> Path:
    """The file beside a database file in which processes lock a byte each."""
    return path.with_name(f"{path.name}-lock")


def make_private(path: Path) -> None:
    """Gives the database file and those beside it mode 0600, and creates the file with it.

    SQLite gives the files that it makes beside a database the mode of the database.

    Raises:
        StoreUnavailable: the file system does not let us.
    """
    try:
        _create(path)
        for file in (path, log_of(path), index_of(path)):
            if file.exists() and file.stat().st_mode & 0o077:
                file.chmod(_PRIVATE)
    except OSError as error:
        raise StoreUnavailable(
            f"the database file `{path}` cannot be created or made private ({error.strerror}); create its directory "
            "and give it to the user this process runs as"
        ) from error


def _create(path: Path) -> None:
    # A file that is there is not opened: closing it would drop every lock that SQLite has on it in this process
    # (https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_).
    try:
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDONLY | os.O_CLOEXEC, _PRIVATE)
    except FileExistsError:
        return
    os.close(file)
