import asyncio
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from entraid_service import store
from entraid_service.errors import StoreUnavailable
from entraid_service.store import SqliteStore, current_version, migrate

NEWEST = len(list(Path(store.__file__).with_name("migrations").glob("*.sql")))
MIGRATE = """
import asyncio, sys
from pathlib import Path
from entraid_service.store import migrate
print("ready", flush=True)
asyncio.run(migrate(Path(sys.argv[1])))
"""


def schema(path: Path) -> list[tuple[str, str]]:
    """Every table and index as SQLite has it."""
    with closing(sqlite3.connect(path)) as db:
        return list(db.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name"))


async def test_an_empty_file_is_brought_to_the_newest_version(tmp_path: Path) -> None:
    """Once; the second time changes nothing."""
    path = tmp_path / "store.db"
    path.touch()
    assert current_version(path) == 0
    assert await migrate(path) == NEWEST
    before = schema(path)
    assert await migrate(path) == NEWEST
    assert schema(path) == before
    assert current_version(path) == NEWEST


async def test_a_newer_store_is_refused_and_left_alone(tmp_path: Path) -> None:
    """The error names both versions and the way out."""
    path = tmp_path / "store.db"
    await migrate(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO schema_version VALUES (999, '0999_future')")
        db.commit()
    with pytest.raises(StoreUnavailable, match=r"999.*newer release"):
        await migrate(path)
    with pytest.raises(StoreUnavailable, match="newer release"):
        async with SqliteStore.open(path):
            pass
    assert current_version(path) == 999


async def test_a_failing_migration_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Statements before the one that fails are undone, and the schema is that of before."""
    path = tmp_path / "store.db"
    await migrate(path)
    before = schema(path)
    from entraid_service.store import migrate as function  # noqa: PLC0415 - beside the room of the same name

    module = sys.modules[function.__module__]
    broken = module._Migration(999, "0999_broken", "CREATE TABLE extra (x);\nINSERT INTO missing VALUES (1);\n")
    monkeypatch.setattr(module, "_migrations", lambda: [broken])
    with pytest.raises(sqlite3.OperationalError):
        await migrate(path)
    assert schema(path) == before
    assert current_version(path) == NEWEST


async def test_starts_at_the_same_time_migrate_once(tmp_path: Path) -> None:
    """Processes that start together on an empty file all succeed."""
    path = tmp_path / "store.db"
    command = [sys.executable, "-c", MIGRATE, str(path)]
    children = [await asyncio.create_subprocess_exec(*command) for _ in range(4)]
    assert [await asyncio.wait_for(child.wait(), 30) for child in children] == [0, 0, 0, 0]
    assert current_version(path) == NEWEST


def test_a_killed_migration_leaves_old_or_new(tmp_path: Path) -> None:
    """Killed at any moment: each migration is there wholly or not at all, and the next start completes them."""
    for attempt in range(6):
        path = tmp_path / f"store{attempt}.db"
        with subprocess.Popen([sys.executable, "-c", MIGRATE, str(path)], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            try:
                child.wait(0.002 * attempt)
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
        if path.exists():
            assert current_version(path) in range(NEWEST + 1)
        assert asyncio.run(migrate(path)) == NEWEST
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_missing_store_has_no_version(tmp_path: Path) -> None:
    """Asking does not create the file."""
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        current_version(tmp_path / "gone.db")
    assert not list(tmp_path.iterdir())
