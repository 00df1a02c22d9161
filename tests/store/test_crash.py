"""Kill -9 at random moments: some by default, 300 with `pytest -m slow tests/store/test_crash.py`."""

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from entraid_service.model.ids import SyncRunId
from entraid_service.model.syncrun import RunState
from entraid_service.store import SqliteStore, current_version, migrate, rows
from store.crashing import CONTOSO, LOST, State
from store.dumps import World, dump, dump_generation
from store.tenants import NOW, connection, ended, running

MIGRATIONS = Path(sys.modules[migrate.__module__].__file__ or "").with_name("migrations")
BATCH = 20


class Forks:
    """The process that forks workers."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def kill_after(self, seconds: float, *, number: int) -> int:
        """Starts a worker and kills it; its wait status."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(number, file=self._process.stdin, flush=True)
        worker = int(self._process.stdout.readline())
        time.sleep(seconds)
        os.kill(worker, signal.SIGKILL)
        return int(self._process.stdout.readline())


@contextmanager
def forks(mode: str, path: Path) -> Iterator[Forks]:
    """Workers on one file."""
    command = [sys.executable, "-m", "store.crashing", mode, str(path)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield Forks(process)
        finally:
            process.stdin.close() if process.stdin is not None else None


async def test_a_killed_sync_leaves_old_or_new(tmp_path: Path) -> None:
    """Full reads, increments, held and released ones: what is served is wholly of one state, and the file is sound."""
    await kill_syncs(tmp_path / "store.db", kills=10, seed=4711)


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(10))
async def test_a_sync_killed_very_often_leaves_old_or_new(tmp_path: Path, batch: int) -> None:
    """As above, 200 times in all."""
    await kill_syncs(tmp_path / "store.db", kills=BATCH, seed=batch)


async def kill_syncs(path: Path, *, kills: int, seed: int) -> None:
    """Kills workers and looks after each."""
    async with SqliteStore.open(path) as store:
        await store.connections.create(connection(), None)
        staging = await State(0).tenant.stage(store.directory, connection())
        async with running(store, CONTOSO) as begun:
            await staging.commit(ended(begun), sync_time=NOW, scope=State(0).scope, links=State(0).links)
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    seen = set()
    with forks("work", path) as workers:
        for kill in range(kills):
            seconds = chance.uniform(0.01, 0.3)
            status = await asyncio.to_thread(workers.kill_after, seconds, number=1000 * (kill + 1))
            assert status == signal.SIGKILL, "the worker ended by itself"
            seen.add(await look(path))
    assert len(seen) > 1, "no worker ever committed, so nothing was tried"


async def look(path: Path) -> int:
    """Whether everything is of one state, before and after the next start has tidied up; which one."""
    check_sound(path)
    async with SqliteStore.open(path) as store:
        state = await check_whole(store, path)
        await store.runs.fail_interrupted(LOST, end_time=NOW)
        await store.directory.clean_up()
        assert await check_whole(store, path) == state
        states = {found.state for found in await store.runs.page(CONTOSO, after=None, limit=1000)}
        assert not states & {RunState.RUNNING, RunState.PENDING}
        check_nothing_is_left(path)
    return state


def check_sound(path: Path) -> None:
    """SQLite's own judgement."""
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def check_whole(store: SqliteStore, path: Path) -> int:
    """Rows, names, edges, counts, scope, links and run belong to one state."""
    version = await store.lists.version(CONTOSO)
    state = State.of(version.scope)
    assert dump(path, CONTOSO) == world_of(state)
    assert await store.directory.links(connection()) == state.links
    if state.number:
        newest = await store.runs.get(CONTOSO, SyncRunId(f"r-{state.number}"))
        assert (newest.state, newest.revision) == (RunState.SUCCEEDED, version.revision)
    return state.number


def world_of(state: State) -> World:
    """A state as plain Python."""
    tenant = state.tenant
    return World(
        {user.id: user for user in tenant.users}, {found.id: found for found in tenant.groups}, set(tenant.edges)
    )


def check_nothing_is_left(path: Path) -> None:
    """Only what is served or held has rows, and what is held is whole."""
    with closing(sqlite3.connect(path)) as db:
        kept = {row[0] for row in db.execute("SELECT generation FROM snapshot UNION SELECT generation FROM held_read")}
        for table in ("directory_user", "user_name", "directory_group", "membership", "member_of", "nesting"):
            found = {row[0] for row in db.execute(f"SELECT DISTINCT generation FROM {table}")}  # noqa: S608 - constants
            assert found <= kept
        for generation, scope in db.execute("SELECT generation, scope FROM held_read").fetchall():
            state = State.of(rows.decode_scope(scope))
            assert dump_generation(db, generation) == world_of(state)


async def test_a_killed_migration_leaves_old_or_new(tmp_path: Path) -> None:
    """Of a store with data too: the schema is of one version, and the next start completes it and reads everything."""
    await kill_migrations(tmp_path, kills=6, seed=4711)


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(5))
async def test_a_migration_killed_very_often_leaves_old_or_new(tmp_path: Path, batch: int) -> None:
    """As above, 100 times in all."""
    await kill_migrations(tmp_path, kills=BATCH, seed=batch)


async def kill_migrations(folder: Path, *, kills: int, seed: int) -> None:
    """Kills migrations from the first version on, at moments that a migration takes."""
    path = folder / "store.db"
    newest = len(list(MIGRATIONS.glob("*.sql")))
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    with forks("migrate", path) as workers:
        for _ in range(kills):
            make_first_version(path)
            await asyncio.to_thread(workers.kill_after, chance.uniform(0, 0.03), number=0)
            assert 1 <= current_version(path) <= newest
            check_sound(path)
            assert await migrate(path) == newest
            with closing(sqlite3.connect(path)) as db:
                counted = db.execute("SELECT user_count, group_count, membership_count FROM generation").fetchall()
                assert counted == [(2, 1, 3)]
            async with SqliteStore.open(path) as store:
                assert (await store.lists.version(CONTOSO)).revision == 4


def make_first_version(path: Path) -> None:
    """A store of the first release that serves something, written as that release did."""
    for file in path.parent.iterdir():
        file.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL").fetchall()
        db.execute("CREATE TABLE schema_version (version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL)")
        db.execute("INSERT INTO schema_version VALUES (1, '0001_first')")
        db.executescript((MIGRATIONS / "0001_first.sql").read_text())
        db.execute(
            "INSERT INTO connection VALUES ('contoso', 'u', '', 't', 'c', 2, 0, 0, 1, '[]', '[]', '[]', NULL, NULL)"
        )
        db.execute(
            "INSERT INTO generation (id, connection_id, connection_uid, tenant_id) VALUES (9, 'contoso', 'u', 't')"
        )
        db.execute("INSERT INTO snapshot VALUES ('contoso', 't', 9, 4, 0, '{\"attributes\":[]}')")
        db.execute("INSERT INTO directory_user VALUES (9, 'u-1', x'9280C0'), (9, 'u-2', x'9280C0')")
        db.execute("INSERT INTO directory_group VALUES (9, 'g-1', x'92A14701')")
        db.execute("INSERT INTO membership VALUES (9, 'g-1', 'u-1'), (9, 'g-1', 'u-2'), (9, 'g-1', 'gone')")
        db.execute("INSERT INTO nesting VALUES (9, 'g-1', 'g-2')")
        db.commit()
