"""A file of lines that several processes append to, and that moves aside when it is large.

Each write locks the file, looks whether another process has moved it aside meanwhile, moves it aside itself if it has
grown too large, and appends. A write that does not succeed as a whole is undone.
"""

import fcntl
import os
from pathlib import Path
from typing import Final

LARGEST: Final = 64 * 1024 * 1024
"""Bytes of a file: some 150,000 records."""
KEPT: Final = 10
"""Former files that are kept: `NAME.1` is the newest of them."""

_PRIVATE: Final = 0o600


class RotatedFile:
    """The `Sink` that is a file. Not for several threads at once."""

    def __init__(self, path: Path, *, largest: int = LARGEST, kept: int = KEPT) -> None:
        """Opens the file, with mode 0600 if it is made.

        Raises:
            OSError: It cannot be written.
        """
        self._path = path
        self._largest = largest
        self._kept = kept
        self._file = self._open()

    def write(self, lines: bytes) -> None:
        """See `Sink`."""
        self._lock_current()
        try:
            size = os.fstat(self._file).st_size
            if size and size + len(lines) > self._largest:
                self._rotate()
                size = 0
            self._append(lines, size)
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)

    def _lock_current(self) -> None:
        """Locks the file that the path names, which need not be the one that was opened."""
        while True:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                named = self._path.stat()
            except FileNotFoundError:
                named = None
            opened = os.fstat(self._file)
            if named is not None and (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino):
                return
            self._replace(self._open())

    def _rotate(self) -> None:
        for number in range(self._kept, 0, -1):
            former = self._numbered(number - 1)
            if former.exists():
                former.replace(self._numbered(number))
        fresh = self._open()
        fcntl.flock(fresh, fcntl.LOCK_EX)
        self._replace(fresh)

    def _numbered(self, number: int) -> Path:
        return self._path if number == 0 else self._path.with_name(f"{self._path.name}.{number}")

    def _replace(self, fresh: int) -> None:
        os.close(self._file)  # which lets go of its lock
        self._file = fresh

    def _append(self, lines: bytes, size: int) -> None:
        rest = memoryview(lines)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError:
            os.ftruncate(self._file, size)
            raise
