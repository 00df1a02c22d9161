"""What decisions read: one moment of the database, on the event loop, some microseconds a read.

A view is a read transaction on a connection of its own, by the standard library: aiosqlite's two thread hops would
take twenty times as long as the read. Closed views give their connection back to be used again.

A read transaction keeps the write-ahead log from being emptied, and a view may be held for days while other tenants
sync. So views are *renewed* when the log is to be emptied: a view whose answers would be the same now moves on to now.
What a view has told is watched by version, and a version's rows never change.
"""

import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from entraid_service.errors import StoreUnavailable
from entraid_service.model.directory import Group
from entraid_service.model.ids import ConnectionId, GroupId, UserId
from entraid_service.model.keys import Key, decode_id, encode_id, key_row
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.ports.decisions import UserRecord
from entraid_service.store import rows
from entraid_service.store.faults import meaning
from entraid_service.store.files import read_only_uri
from entraid_service.store.versions import SERVED, decode_version

_IDLE = 4
_BUSY_SECONDS = 1.0
# 8 MiB hold the inner pages of every table at 300,000 users. No memory map: the whole file would count as memory of
# the process, and the operating system's cache serves a missing page in a microsecond as it is.
_CACHE_KIB = 8 * 1024

_USER = "SELECT record FROM directory_user WHERE generation = ? AND object_id = ?"
_GROUPS_OF = "SELECT group_id FROM member_of WHERE generation = ? AND member_id = ?"
# So many users are read together. Where there are fewer the last one is asked for again: one statement for all numbers.
_TOGETHER = 32
_MARKS = ", ".join("?" * _TOGETHER)
_USERS = f"SELECT object_id, record FROM directory_user WHERE generation = ? AND object_id IN ({_MARKS})"  # noqa: S608
_GROUPS_OF_ALL = f"SELECT member_id, group_id FROM member_of WHERE generation = ? AND member_id IN ({_MARKS})"  # noqa: S608
_NAMED = "SELECT object_id FROM user_name WHERE generation = ? AND kind = ? AND folded = ? LIMIT 2"
_GROUPS = "SELECT object_id, record FROM directory_group WHERE generation = ?"
_NESTING = "SELECT group_id, child_id FROM nesting WHERE generation = ?"

_Value: TypeAlias = str | bytes | int


class SqliteView:
    """The `DirectoryView` of one read transaction."""

    def __init__(self, db: sqlite3.Connection, *, owner: "SqliteViews") -> None:
        self._db: sqlite3.Connection | None = db
        self._owner = owner
        self._told: dict[ConnectionId, tuple[int, int] | None] = {}
        self._walking = 0
        self._lock = threading.Lock()

    def version(self, connection_id: ConnectionId) -> SnapshotVersion | None:
        """What is served of a connection; see the port."""
        with self._lock:
            found = self._rows(SERVED, (connection_id,))
            version = decode_version(connection_id, found[0]) if found else None
            self._told[connection_id] = None if version is None else (version.generation, version.revision)
        return version

    def user(self, version: SnapshotVersion, user_id: UserId) -> UserRecord | None:
        """One user by object id; see the port."""
        key = encode_id(user_id)
        with self._lock:
            found = self._rows(_USER, (version.generation, key))
            if not found:
                return None
            groups = self._rows(_GROUPS_OF, (version.generation, key))
        return UserRecord(rows.decode_user(key, found[0][0]), key_row([row[0] for row in groups]))

    def users(self, version: SnapshotVersion, user_ids: Sequence[UserId]) -> Iterator[UserRecord]:
        """Some users by object id; see the port."""
        for start in range(0, len(user_ids), _TOGETHER):
            keys = [encode_id(user_id) for user_id in user_ids[start : start + _TOGETHER]]
            values = (version.generation, *keys, *keys[-1:] * (_TOGETHER - len(keys)))
            with self._lock:
                found = self._rows(_USERS, values)
                members = self._rows(_GROUPS_OF_ALL, values)
            groups: defaultdict[Key, list[Key]] = defaultdict(list)
            for member, group in members:
                groups[member].append(group)
            for key, record in found:
                yield UserRecord(rows.decode_user(key, record), key_row(groups[key]))

    def users_named(self, version: SnapshotVersion, folded: str) -> list[UserId]:
        """The users of a user principal name; see the port."""
        return self._named(version, rows.UPN, folded)

    def users_mailed(self, version: SnapshotVersion, folded: str) -> list[UserId]:
        """The users of a mail address; see the port."""
        return self._named(version, rows.MAIL, folded)

    def groups(self, version: SnapshotVersion) -> Iterator[Group]:
        """Every group; see the port."""
        for row in self._walk(_GROUPS, (version.generation,)):
            yield rows.decode_group(row[0], row[1])

    def nesting(self, version: SnapshotVersion) -> Iterator[tuple[GroupId, GroupId]]:
        """Every edge from group to group; see the port."""
        for row in self._walk(_NESTING, (version.generation,)):
            yield GroupId(decode_id(row[0])), GroupId(decode_id(row[1]))

    def close(self) -> None:
        """Ends the view; harmless when repeated."""
        with self._lock:
            db, self._db = self._db, None
        if db is not None:
            self._owner.take_back(self, db, is_reusable=not self._walking)

    def renew(self, fresh: sqlite3.Connection) -> sqlite3.Connection:
        """Moves to another connection's moment if all that this view told is the same there.

        Returns:
            The connection that is not used: the former one, or `fresh` itself if the view stays where it is.
        """
        if not self._lock.acquire(blocking=False):
            return fresh
        try:
            if self._db is None or self._walking or not self._is_same(fresh):
                return fresh
            former, self._db = self._db, fresh
            return former
        finally:
            self._lock.release()

    def _is_same(self, fresh: sqlite3.Connection) -> bool:
        for connection_id, told in self._told.items():
            found = fresh.execute(SERVED, (connection_id,)).fetchall()
            if told != ((found[0][1], found[0][2]) if found else None):
                return False
        return True

    def _named(self, version: SnapshotVersion, kind: int, folded: str) -> list[UserId]:
        with self._lock:
            found = self._rows(_NAMED, (version.generation, kind, folded))
        return [UserId(decode_id(row[0])) for row in found]

    def _rows(self, query: str, values: Sequence[_Value]) -> list[sqlite3.Row]:
        try:
            return self._connection().execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise _unavailable(error) from error

    def _walk(self, query: str, values: Sequence[_Value]) -> Iterator[sqlite3.Row]:
        with self._lock:
            connection = self._connection()
            self._walking += 1
        try:
            for row in connection.execute(query, values):
                yield row
                if self._db is not connection:
                    raise _closed()
        except sqlite3.Error as error:
            raise _unavailable(error) from error
        finally:
            self._walking -= 1

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            raise _closed()
        return self._db


class SqliteViews:
    """The `DirectoryViews` of one database file."""

    def __init__(self, path: Path) -> None:
        self._uri = read_only_uri(path)
        self._lock = threading.Lock()
        self._open: set[SqliteView] = set()
        self._idle: list[sqlite3.Connection] = []
        self._is_closed = False

    def open(self) -> SqliteView:
        """A view of this moment; see the port."""
        view = SqliteView(self._begin(), owner=self)
        with self._lock:
            self._open.add(view)
        return view

    def renew(self) -> None:
        """Moves every view that would answer the same on to this moment; the others stay at theirs."""
        with self._lock:
            views = list(self._open)
        for view in views:
            self._put_back(view.renew(self._begin()))

    def take_back(self, view: SqliteView, db: sqlite3.Connection, *, is_reusable: bool) -> None:
        """Takes the connection of a view that was closed; one with a walk that did not end keeps its old moment."""
        with self._lock:
            self._open.discard(view)
        if is_reusable:
            self._put_back(db)
        else:
            db.close()

    def close(self) -> None:
        """Ends every view."""
        with self._lock:
            self._is_closed = True
            views = list(self._open)
        for view in views:
            view.close()
        with self._lock:
            idle, self._idle = self._idle, []
        for db in idle:
            db.close()

    def _begin(self) -> sqlite3.Connection:
        with self._lock:
            db = self._idle.pop() if self._idle else None
        with _opening():
            db = db or self._connect()
            db.execute("BEGIN")
            # The transaction's moment is that of its first read: https://www.sqlite.org/isolation.html
            db.execute("SELECT value FROM last_revision").fetchall()
        return db

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._uri, uri=True, isolation_level=None, check_same_thread=False, timeout=_BUSY_SECONDS)
        db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        db.execute("PRAGMA mmap_size = 0")
        return db

    def _put_back(self, db: sqlite3.Connection) -> None:
        db.rollback()
        with self._lock:
            is_kept = len(self._idle) < _IDLE and not self._is_closed
            if is_kept:
                self._idle.append(db)
        if not is_kept:
            db.close()


@contextmanager
def _opening() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _unavailable(error) from error


def _closed() -> StoreUnavailable:
    return StoreUnavailable("this view of the directory was closed; open another one")


def _unavailable(error: sqlite3.Error) -> Exception:
    return meaning(error) or error
