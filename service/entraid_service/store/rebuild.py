"""A damaged database, moved aside and made anew with the connections that can still be read.

The directory is a copy of Entra's and is synced again; connections and their sealed credentials are no copy of
anything. So nothing of this happens by itself: a service that started without its connections would look well. It is a
person's command, and does nothing to a database that is sound.

1. Nobody else may have the file open. 2. The new file is made beside the damaged one, complete. 3. The damaged one is
moved aside and the new one takes its name in one step: whenever this is killed, one of the two is there under the name.
"""

import asyncio
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from entraid_service.errors import StoreUnavailable
from entraid_service.store.faults import meaning, translated
from entraid_service.store.files import existing_uri, index_of, log_of
from entraid_service.store.migrate import migrate
from entraid_service.store.presence import Presence

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_SAVED = ("connection", "credential")


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """Where the damaged file is now, and how many connections the new one has. Nobody knows how many there were."""

    moved_to: Path
    connections: int


async def rebuild(path: Path) -> Rebuilt | None:
    """Moves a damaged database aside and makes it anew; None if it is sound, which takes reading all of it.

    Raises:
        StoreUnavailable: there is none, another process has it open, or the disk does not let us.
    """
    _refuse_nothing(path)
    with Presence.alone(path):
        if await asyncio.to_thread(_is_sound, path):
            return None
        fresh = path.with_name(f"{path.name}.rebuilding")
        _remove(fresh)
        await migrate(fresh)
        connections = _save(path, fresh)
        moved_to = path.with_name(f"{path.name}.corrupt-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
        _exchange(path, fresh, moved_to)
    return Rebuilt(moved_to, connections)


def _refuse_nothing(path: Path) -> None:
    if not path.exists():
        raise StoreUnavailable(f"there is no database `{path}` to rebuild; check the configured path")


def _is_sound(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(existing_uri(path), uri=True)) as db:
            (found,) = db.execute("PRAGMA integrity_check(1)").fetchone()
            return str(found) == "ok"
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE:
            return False
        raise meaning(error) or error from error


def _save(path: Path, fresh: Path) -> int:
    with translated(), closing(sqlite3.connect(existing_uri(fresh), uri=True)) as new:
        with closing(sqlite3.connect(existing_uri(path), uri=True)) as old:
            for table in _SAVED:
                _copy(old, new, table)
            new.execute("UPDATE last_revision SET value = ?", (_last_revision(old),))
        new.commit()
        # All of it into the file itself: the log would not follow when it is renamed.
        new.execute("PRAGMA journal_mode = DELETE").fetchall()
        (connections,) = new.execute("SELECT count(*) FROM connection").fetchone()
    return int(connections)


def _copy(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> None:
    columns = [str(row[1]) for row in new.execute(f"PRAGMA table_info({table})")]
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    for row in _readable(old, f"SELECT {names} FROM {table}"):  # noqa: S608 - our own schema
        # What damage made of a row may break a rule of the schema; then it is not a row that we wrote.
        new.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", row)  # noqa: S608 - as above


def _last_revision(old: sqlite3.Connection) -> int:
    """A revision that no caller has seen: they compare revisions, and none may come twice."""
    known = [row[0] for row in _readable(old, "SELECT value FROM last_revision") if isinstance(row[0], int)]
    return max(known, default=int(time.time()))


def _readable(db: sqlite3.Connection, query: str) -> Iterator[tuple[object, ...]]:
    """The rows up to the first that cannot be read."""
    try:
        yield from db.execute(query)
    except sqlite3.DatabaseError:
        return


def _exchange(path: Path, fresh: Path, moved_to: Path) -> None:
    try:
        # The log first: beside another database it would be taken for that one's.
        for beside in (log_of, index_of):
            if beside(path).exists():
                beside(path).rename(beside(moved_to))
        os.link(path, moved_to)
        fresh.replace(path)
    except OSError as error:
        raise StoreUnavailable(
            f"the damaged database `{path}` cannot be moved aside ({error.strerror}): give this process write access "
            "to its directory, then try again"
        ) from error


def _remove(path: Path) -> None:
    for file in (path, log_of(path), index_of(path)):
        file.unlink(missing_ok=True)
