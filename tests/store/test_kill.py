import asyncio
import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from entraid_service.model.ids import ConnectionId, UserId
from entraid_service.store import SqliteStore
from store.contract import Store
from store.tenants import Tenant, connection, edge, group, guid, person

CONTOSO = ConnectionId("contoso")
PEOPLE = 300
KILLS = 10

SYNC_FOR_EVER = """
import asyncio, itertools, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from store.test_kill import generation
from store.tenants import connection
from entraid_service.store import SqliteStore

async def main():
    async with SqliteStore.open(Path(sys.argv[1])) as store:
        await store.directory.clean_up()
        print("ready", flush=True)
        for number in itertools.count(int(sys.argv[3])):
            await generation(number).sync(store, connection())

asyncio.run(main())
"""


def generation(number: int) -> Tenant:
    """A tenant of which every row tells the sync that it belongs to."""
    name = f"sync{number}"
    return Tenant(
        [person(user, f"{name}.{user}", sync=name) for user in range(PEOPLE)],
        [group(1000, name)],
        [edge(1000, user) for user in range(PEOPLE)],
    )


async def test_a_killed_sync_leaves_old_or_new(tmp_path: Path) -> None:
    """After kill -9 at random points users, names, groups and edges are all of one sync, and the file is sound."""
    path = tmp_path / "store.db"
    async with SqliteStore.open(path) as store:
        await store.connections.create(connection(), None)
        await generation(0).sync(store, connection())
    chance = random.Random(4711)  # noqa: S311 - moments, not secrets
    moved = 0
    for kill in range(KILLS):
        await asyncio.to_thread(_sync_and_kill, path, seconds=chance.uniform(0, 0.25), first=1000 * (kill + 1))
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        async with SqliteStore.open(path) as store:
            moved += await _check_whole(store) != "sync0"
            await store.directory.clean_up()
            await _check_whole(store)
    assert moved, "no child ever committed, so nothing was tried"


def _sync_and_kill(path: Path, *, seconds: float, first: int) -> None:
    command = [sys.executable, "-c", SYNC_FOR_EVER, str(path), str(Path(__file__).parents[1]), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL


async def _check_whole(store: Store) -> str:
    users = (await store.lists.users(CONTOSO, after=None, limit=PEOPLE + 1)).items
    (name,) = {user.text("sync") for user in users}
    assert len(users) == PEOPLE
    (listed,) = (await store.lists.groups(CONTOSO, after=None, limit=9)).items
    assert (listed.group.display_name, listed.member_count) == (name, PEOPLE)
    view = store.views.open()
    version = view.version(CONTOSO)
    assert version is not None
    for user in range(PEOPLE):
        record = view.user(version, UserId(guid(user)))
        assert record is not None
        assert record.direct_groups == {guid(1000)}
        assert view.users_named(version, f"{name}.{user}@contoso.com") == [guid(user)]
    view.close()
    return name
