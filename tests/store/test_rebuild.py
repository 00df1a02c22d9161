import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from entraid_service.errors import StoreUnavailable
from entraid_service.model.ids import ConnectionId, UserId
from entraid_service.ports.store import SealedCredential
from entraid_service.store import SqliteStore, current_version, migrate
from entraid_service.store.rebuild import rebuild
from store.tenants import NOW, SCOPE, Tenant, connection, edge, ended, group, guid, person, run

CONTOSO = ConnectionId("contoso")
SEALED = SealedCredential("client_secret", b"sealed")
PAGE = 4096


async def filled(path: Path) -> int:
    """A store with two connections and a directory that fills many pages; its last revision."""
    async with SqliteStore.open(path) as store:
        for owner in (connection("fabrikam"), connection()):
            await store.connections.create(owner, SEALED)
        tenant = Tenant(
            [person(number, about="x" * 300) for number in range(500)], [group(900)], [edge(900, n) for n in range(500)]
        )
        version = await tenant.sync(store, connection())
    return version.revision


def files(folder: Path) -> list[Path]:
    """Every file in a folder."""
    return list(folder.iterdir())


def pages_of(path: Path, table: str) -> list[int]:
    """The pages that a table lies on, from 0."""
    with closing(sqlite3.connect(path)) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    return [root - 1]


def damage(path: Path, *pages: int) -> None:
    """Overwrites whole pages."""
    with path.open("r+b") as file:
        for page in pages:
            file.seek(page * PAGE)
            file.write(b"\xa5" * PAGE)


async def test_a_sound_database_is_left_alone(tmp_path: Path) -> None:
    """The command is harmless where nothing is wrong."""
    path = tmp_path / "store.db"
    await filled(path)
    assert await rebuild(path) is None
    async with SqliteStore.open(path) as store:
        assert len((await store.lists.users(CONTOSO, after=None, limit=999)).items) == 500


async def test_a_damaged_directory_costs_no_connection(tmp_path: Path) -> None:
    """Reading it is an error that says what to do; rebuilt, connections and credentials are there, and a sync works."""
    path = tmp_path / "store.db"
    revision = await filled(path)
    damage(path, *pages_of(path, "directory_user"), *pages_of(path, "membership"))
    async with SqliteStore.open(path) as store:
        with pytest.raises(StoreUnavailable, match="--rebuild"):
            await store.lists.users(CONTOSO, after=None, limit=9)
        view = store.views.open()
        version = view.version(CONTOSO)
        assert version is not None
        with pytest.raises(StoreUnavailable, match="damaged"):
            view.user(version, UserId(guid(1)))
        view.close()
        with pytest.raises(StoreUnavailable, match="in use"):
            await rebuild(path)
    original = path.read_bytes()

    rebuilt = await rebuild(path)
    assert rebuilt is not None
    assert rebuilt.connections == 2
    assert rebuilt.moved_to.read_bytes() == original
    assert {file.stat().st_mode & 0o777 for file in files(tmp_path)} == {0o600}
    async with SqliteStore.open(path) as store:
        assert await store.connections.get(CONTOSO) == connection()
        assert await store.connections.credential(CONTOSO) == SEALED
        version = await Tenant([person(1)]).sync(store, connection())
        assert version.revision > revision


@pytest.mark.parametrize("content", [b"this is no database" * 400, b"SQLite format 3\x00" + b"\xff" * 8000])
async def test_a_database_of_which_nothing_can_be_read_is_made_anew(tmp_path: Path, content: bytes) -> None:
    """It is moved aside as it is; the new one has no connection, and a revision that was never told."""
    path = tmp_path / "store.db"
    path.write_bytes(content)
    rebuilt = await rebuild(path)
    assert rebuilt is not None
    assert rebuilt.connections == 0
    assert rebuilt.moved_to.read_bytes() == content
    assert current_version(path) == await migrate(path)
    async with SqliteStore.open(path) as store:
        await store.connections.create(connection(), None)
        begun = await store.runs.start(run(CONTOSO))
        staging = await Tenant([person(1)]).stage(store.directory, connection())
        version = await staging.commit(ended(begun), sync_time=NOW, scope=SCOPE)
        assert version.revision > 1_000_000


async def test_the_log_of_a_damaged_database_goes_with_it(tmp_path: Path) -> None:
    """Beside the new one it would be replayed into it; what it held of connections is kept."""
    path = tmp_path / "store.db"
    await filled(path)
    async with SqliteStore.open(path) as store:
        await store.connections.replace(
            replace(connection(), display_name="Newest", version=2), None, expected_version=1
        )
        kept = {file: file.read_bytes() for file in files(tmp_path)}
    for file, content in kept.items():
        file.write_bytes(content)
    damage(path, *pages_of(path, "directory_user"))
    rebuilt = await rebuild(path)
    assert rebuilt is not None
    async with SqliteStore.open(path) as store:
        assert (await store.connections.get(CONTOSO)).display_name == "Newest"


async def test_what_a_killed_rebuild_left_does_not_stop_the_next(tmp_path: Path) -> None:
    """It is begun anew."""
    path = tmp_path / "store.db"
    await filled(path)
    damage(path, *pages_of(path, "directory_user"))
    (tmp_path / "store.db.rebuilding").write_bytes(b"half of a database")
    rebuilt = await rebuild(path)
    assert rebuilt is not None
    assert rebuilt.connections == 2


async def test_a_database_that_somebody_keeps_is_not_taken_for_damaged(tmp_path: Path) -> None:
    """A tool that has it open for itself alone: it is told, and the file with its connections stays."""
    path = tmp_path / "store.db"
    await filled(path)
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("UPDATE last_revision SET value = value")
        other.commit()
        with pytest.raises(StoreUnavailable, match="locked"):
            await rebuild(path)
    async with SqliteStore.open(path) as store:
        assert await store.connections.get(CONTOSO) == connection()
    assert not [file for file in files(tmp_path) if "corrupt" in file.name]


async def test_nothing_is_rebuilt_out_of_nothing(tmp_path: Path) -> None:
    """A wrong path is told, and no file is made."""
    with pytest.raises(StoreUnavailable, match="no database"):
        await rebuild(tmp_path / "gone.db")
    assert not files(tmp_path)


async def test_nobody_starts_on_a_database_that_is_being_rebuilt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it is done; the start says so."""
    path = tmp_path / "store.db"
    path.write_bytes(b"no database" * 1000)
    refused: list[StoreUnavailable] = []

    async def migrate_slowly(fresh: Path) -> int:
        try:
            async with SqliteStore.open(path):
                pass
        except StoreUnavailable as error:
            refused.append(error)
        await asyncio.sleep(0)
        return await migrate(fresh)

    monkeypatch.setattr("entraid_service.store.rebuild.migrate", migrate_slowly)
    assert await rebuild(path) is not None
    assert "being rebuilt" in str(refused[0])
    async with SqliteStore.open(path):
        pass
