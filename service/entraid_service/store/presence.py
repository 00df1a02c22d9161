"""Which processes have a database open: each keeps a byte of its own locked in a file beside it.

The kernel drops a lock together with its process, however that ends, and shows it to every process of the machine, in
containers too. So a run whose process was killed is known as such at once, by a restarted process as by another one; a
process id could not tell, for it may belong to somebody else by now, or to another container. Nobody is further away:
SQLite's write-ahead log is shared memory (https://www.sqlite.org/wal.html).

The file stays empty, and stays: to delete it would let two processes lock two files of one name.
"""

import fcntl
import os
import secrets
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from entraid_service.errors import StoreUnavailable
from entraid_service.store.files import lock_of, make_private

_MOST = 2**62
_ATTEMPTS = 3
_EVERY_BYTE = (0, 0)
# `struct flock` of Linux: type, whence, start, length, and a process id that is 0 for locks of an open file.
_FLOCK = "hhqqi"


class Presence:
    """One process's lock, under the name `holder`. Two in one process are as strange to each other as two processes."""

    def __init__(self, file: int, *, holder: str) -> None:
        self.holder = holder
        self._file = file

    @classmethod
    @contextmanager
    def announced(cls, path: Path) -> Iterator[Self]:
        """Is there until the block ends, under a name that was never used before.

        Raises:
            StoreUnavailable: the file beside the database cannot be opened or locked, or `alone` is in force.
        """
        with _opened(path) as file:
            for _ in range(_ATTEMPTS):
                number = secrets.randbelow(_MOST)
                if _lock(file, (number, 1)):
                    yield cls(file, holder=str(number))
                    return
            raise StoreUnavailable(
                f"the database `{path}` is being rebuilt by another process; start again once that has ended"
            )

    @staticmethod
    @contextmanager
    def alone(path: Path) -> Iterator[None]:
        """Keeps every other process out until the block ends.

        Raises:
            StoreUnavailable: another process has the database open.
        """
        with _opened(path) as file:
            if not _lock(file, _EVERY_BYTE):
                raise StoreUnavailable(f"the database `{path}` is in use; stop the service first")
            yield

    def is_there(self, holder: str) -> bool:
        """Whether the process of this name still has the database open. Where locks cannot be asked for, it might."""
        if holder == self.holder:
            return True
        try:
            wanted = _flock((int(holder), 1))
        except ValueError:
            return False
        try:
            found = fcntl.fcntl(self._file, fcntl.F_OFD_GETLK, wanted)
        except OSError:
            return True
        kind: int = struct.unpack_from(_FLOCK, found)[0]
        return kind != fcntl.F_UNLCK


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    beside = lock_of(path)
    make_private(beside)
    try:
        file = os.open(beside, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise StoreUnavailable(
            f"the file `{beside}` beside the database cannot be opened ({error.strerror}); give this process write "
            "access to it and to its directory"
        ) from error
    try:
        yield file
    finally:
        os.close(file)


def _lock(file: int, part: tuple[int, int]) -> bool:
    try:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, _flock(part))
    except BlockingIOError:
        return False
    except OSError as error:
        raise StoreUnavailable(
            f"the file system of the database cannot lock files ({error.strerror}); put it on a local one"
        ) from error
    return True


def _flock(part: tuple[int, int]) -> bytes:
    start, length = part
    return struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, start, length, 0)
