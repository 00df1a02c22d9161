"""What SQLite's errors mean to people.

One table: SQLite's primary result code to what happened, why, and what to do next. SQLite's own text is never shown,
for it may hold data. Codes that are not in the table are our bugs and pass through unchanged.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from entraid_service.errors import StoreUnavailable

_MEANINGS = {
    sqlite3.SQLITE_FULL: "the disk is full: the database file cannot grow; free some space, then try again",
    sqlite3.SQLITE_READONLY: (
        "the database is read-only: this process may not write the file, its directory, or the file system; "
        "give it write access to both, then try again"
    ),
    sqlite3.SQLITE_BUSY: "the database is locked: another process keeps writing to it; try again in some seconds",
    sqlite3.SQLITE_LOCKED: "the database is locked: another statement keeps it; try again in some seconds",
    sqlite3.SQLITE_CORRUPT: (
        "the database file is damaged; stop the service and restore a backup, or run `entraid migrate --rebuild`: it "
        "moves the file aside and keeps the connections that can still be read; then sync again"
    ),
    sqlite3.SQLITE_NOTADB: (
        "the database file is no database of SQLite, or its head is damaged; check the configured path, restore a "
        "backup, or run `entraid migrate --rebuild`, which moves the file aside and starts anew; then connect the "
        "tenants and sync"
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "the database file cannot be opened: its directory is missing or may not be entered or written; create it and "
        "give this process access"
    ),
    sqlite3.SQLITE_PERM: "the database file may not be accessed by this process; give it read and write access",
    sqlite3.SQLITE_IOERR: (
        "reading or writing the database file failed: the disk or its file system reported an error or a limit; check "
        "both, then try again"
    ),
    sqlite3.SQLITE_NOLFS: "the file system cannot hold a file of this size; move the database to another one",
    sqlite3.SQLITE_NOMEM: "the database ran out of memory; give the process more, then try again",
    sqlite3.SQLITE_PROTOCOL: "the database is locked: others keep starting on it; try again in some seconds",
}


def meaning(error: sqlite3.Error) -> StoreUnavailable | None:
    """What an error of SQLite tells the caller, None where it is our own bug."""
    # Extended codes carry the primary one in their low byte: https://www.sqlite.org/rescode.html
    code = getattr(error, "sqlite_errorcode", None)
    text = _MEANINGS.get(code & 0xFF) if isinstance(code, int) else None
    return StoreUnavailable(text) if text else None


@contextmanager
def translated() -> Iterator[None]:
    """Turns SQLite's errors into `StoreUnavailable`, except for those that are our bugs."""
    try:
        yield
    except sqlite3.Error as error:
        if known := meaning(error):
            raise known from error
        raise
