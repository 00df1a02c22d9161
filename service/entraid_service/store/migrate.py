"""The schema, brought up to date.

Numbered SQL files in `migrations/` are applied in their order, each in one transaction together with its row in
`schema_version`: a process that is killed leaves the schema before or after a migration. A store that is newer than
this code is refused. Nothing here converts data in Python.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import aiosqlite

from entraid_service.errors import StoreUnavailable
from entraid_service.store.faults import translated
from entraid_service.store.files import existing_uri, make_private

_VERSIONS = "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL)"


@dataclass(frozen=True, slots=True)
class _Migration:
    version: int
    name: str
    sql: str


async def migrate(path: Path) -> int:
    """Creates the database file if there is none, and brings its schema up to date.

    Args:
        path: the database file; its directory must exist. It and the files beside it get mode 0600.

    Returns:
        The version of the schema, which is that of this code.

    Raises:
        StoreUnavailable: the file cannot be opened, is damaged, or was written by newer code.
    """
    with translated():
        make_private(path)
        async with aiosqlite.connect(path, isolation_level=None) as db:
            await db.execute("PRAGMA busy_timeout = 30000")
            # Readers go on while one writes; the mode is a property of the file, not of this connection.
            await db.execute_fetchall("PRAGMA journal_mode = WAL")
            return await _apply(db, _migrations(), path)


def current_version(path: Path) -> int:
    """The version of a store's schema, 0 for a file that holds none yet; changes nothing of it.

    Raises:
        StoreUnavailable: the file is missing, cannot be read or is damaged.
    """
    with translated(), closing(sqlite3.connect(existing_uri(path), uri=True)) as db:
        (exists,) = db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'schema_version'").fetchone()
        if not exists:
            return 0
        (version,) = db.execute("SELECT coalesce(max(version), 0) FROM schema_version").fetchone()
        return int(version)


async def _apply(db: aiosqlite.Connection, migrations: list[_Migration], path: Path) -> int:
    newest = migrations[-1].version
    for migration in migrations:
        await db.execute("BEGIN IMMEDIATE")
        try:
            # Read inside of the transaction: another process may have started at the same time.
            await db.execute(_VERSIONS)
            found = await _version(db)
            _refuse_newer(found, newest, path)
            if found < migration.version:
                for statement in _statements(migration.sql):
                    await db.execute(statement)
                await db.execute("INSERT INTO schema_version VALUES (?, ?)", (migration.version, migration.name))
            await db.commit()
        except BaseException:
            await db.rollback()
            raise
    return newest


def _refuse_newer(found: int, newest: int, path: Path) -> None:
    if found > newest:
        raise StoreUnavailable(
            f"the database `{path}` has schema version {found} and this release knows {newest}: it was used by a newer "
            "release; run that one, or restore the backup from before the upgrade"
        )


async def _version(db: aiosqlite.Connection) -> int:
    for row in await db.execute_fetchall("SELECT coalesce(max(version), 0) FROM schema_version"):
        return int(row[0])
    return 0


def _migrations() -> list[_Migration]:
    files = resources.files("entraid_service.store").joinpath("migrations").iterdir()
    return sorted((_read(file) for file in files if file.name.endswith(".sql")), key=lambda found: found.version)


def _read(file: Traversable) -> _Migration:
    name = file.name.removesuffix(".sql")
    return _Migration(int(name.partition("_")[0]), name, file.read_text(encoding="utf-8"))


def _statements(sql: str) -> Iterator[str]:
    # `executescript` would commit what came before it, and with it half of a migration.
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
