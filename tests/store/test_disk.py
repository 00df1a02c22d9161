import asyncio
import os
import resource
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from entraid_service.errors import StoreUnavailable
from entraid_service.model.changes import ChangeSet, FeedLinks
from entraid_service.model.ids import ConnectionId, UserId
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.ports.store import SealedCredential
from entraid_service.store import SqliteStore
from entraid_service.store.files import log_of
from store.contract import Store
from store.tenants import NOW, Tenant, commit, connection, edge, ended, group, guid, people, person, run

CONTOSO = ConnectionId("contoso")
CANARY = "canary-4711"
NOBODY = 65534


def raw(folder: Path) -> bytes:
    """Every byte of the database and the files beside it."""
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))


def modes(folder: Path) -> dict[str, int]:
    """Who may access each file of a folder."""
    return {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}


def size(file: Path) -> int:
    """Its bytes."""
    return file.stat().st_size


def largest(folder: Path) -> int:
    """The bytes of the largest file."""
    return max(file.stat().st_size for file in folder.iterdir())


async def test_the_files_are_private(tmp_path: Path) -> None:
    """Database, log and index have mode 0600, also where a file lay open before."""
    path = tmp_path / "store.db"
    path.touch(mode=0o666)
    path.chmod(0o666)
    async with SqliteStore.open(path) as store:
        await store.connections.create(connection(), None)
        assert modes(tmp_path) == dict.fromkeys(("store.db", "store.db-wal", "store.db-shm", "store.db-lock"), 0o600)


async def test_a_disconnection_leaves_no_byte(tmp_path: Path) -> None:
    """Credential, people, groups and runs are in no file any more, while a view of another tenant is held."""
    async with SqliteStore.open(tmp_path / "store.db") as store:
        await store.connections.create(connection("fabrikam"), None)
        await Tenant(people(1)).sync(store, connection("fabrikam"))
        view = store.views.open()
        version = view.version(ConnectionId("fabrikam"))
        assert version is not None

        credential = SealedCredential("client_secret", CANARY.encode())
        await store.connections.create(connection(display_name=CANARY), credential)
        await store.runs.start(ended(run(CONTOSO, request_id=CANARY)))
        tenant = Tenant(
            [person(number, f"{CANARY}{number}", about=CANARY * 50) for number in range(2000)],
            [group(5000 + number, CANARY) for number in range(100)],
            [edge(5000, number) for number in range(2000)],
        )
        await tenant.sync(store, connection())
        await tenant.sync(store, connection())
        await tenant.stage(store.directory, connection())
        assert CANARY.encode() in raw(tmp_path)

        await store.connections.delete(CONTOSO)
        assert CANARY.encode() not in raw(tmp_path)
        assert view.user(version, UserId(guid(1))) is not None
        view.close()


async def test_a_view_that_outlived_a_disconnection_gives_its_bytes_up_at_the_clean_up(tmp_path: Path) -> None:
    """As long as it is held it can be read; once closed, the next clean-up overwrites the rest."""
    async with SqliteStore.open(tmp_path / "store.db") as store:
        await store.connections.create(connection(), None)
        await Tenant([person(1, CANARY)]).sync(store, connection())
        view = store.views.open()
        assert view.version(CONTOSO) is not None
        await store.connections.delete(CONTOSO)
        view.close()
        await store.directory.clean_up()
        assert CANARY.encode() not in raw(tmp_path)


async def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    """Connections, runs and served data outlive the process; what was staged does not, and its space is cleaned."""
    path = tmp_path / "store.db"
    async with SqliteStore.open(path) as store:
        await store.connections.create(connection(), None)
        await store.runs.start(ended(run(CONTOSO)))
        version = await Tenant(people(1), [group(8)], [edge(8, 1)]).sync(store, connection())
        staging = await Tenant([person(2, CANARY)]).stage(store.directory, connection())
        await staging.changes()
    async with SqliteStore.open(path) as store:
        await store.directory.clean_up()
        assert await store.lists.version(CONTOSO) == version
        assert [user.id for user in (await store.lists.users(CONTOSO, after=None, limit=9)).items] == [guid(1)]
        assert CANARY.encode() not in raw(tmp_path)


@pytest.mark.parametrize("content", [b"this is no database" * 400, b"SQLite format 3\x00" + b"\xff" * 8000])
async def test_a_damaged_file_is_told_from_the_start(tmp_path: Path, content: bytes) -> None:
    """The error says so and what to do, and shows nothing of the content."""
    path = tmp_path / "store.db"
    path.write_bytes(content)
    with pytest.raises(StoreUnavailable, match=r"damaged|no database") as refused:
        async with SqliteStore.open(path):
            pass
    assert "entraid migrate --rebuild" in str(refused.value)
    assert path.read_bytes() == content


async def test_a_missing_directory_is_told(tmp_path: Path) -> None:
    """The error names the file."""
    with pytest.raises(StoreUnavailable, match=r"gone/store\.db"):
        async with SqliteStore.open(tmp_path / "gone" / "store.db"):
            pass


@contextmanager
def unprivileged() -> Iterator[None]:
    """Without root's right to write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in which somebody other than root may look around, unlike pytest's."""
    made = Path(tempfile.mkdtemp())
    yield made
    made.chmod(0o755)
    shutil.rmtree(made)


def set_writable(folder: Path, *, is_writable: bool) -> None:
    """Gives or takes the right to write in a folder and its files, which belong to nobody in particular."""
    for path in (*folder.iterdir(), folder):
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)
        path.chmod((0o755 if path is folder else 0o600) if is_writable else (0o555 if path is folder else 0o400))


async def test_a_read_only_disk_is_told_and_nothing_is_lost(folder: Path) -> None:
    """Where files and folder may not be written, opening says that they are read-only and how to go on."""
    path = folder / "store.db"
    async with SqliteStore.open(path) as store:
        await store.connections.create(connection(), None)
    set_writable(folder, is_writable=False)
    with unprivileged(), pytest.raises(StoreUnavailable, match=r"read-only|write access"):
        async with SqliteStore.open(path):
            pass
    set_writable(folder, is_writable=True)
    async with SqliteStore.open(path) as store:
        assert await store.connections.get(CONTOSO) == connection()


async def test_a_file_that_may_only_be_read_is_told(folder: Path) -> None:
    """What is in it answers; what would be written is refused in plain words, and nothing is lost."""
    path = folder / "store.db"
    async with SqliteStore.open(path) as store:
        await store.connections.create(connection(), None)
    set_writable(folder, is_writable=True)
    path.chmod(0o400)
    with unprivileged():
        async with SqliteStore.open(path) as store:
            with pytest.raises(StoreUnavailable, match="the database is read-only"):
                await store.connections.create(connection("fabrikam"), None)
            assert await store.connections.get(CONTOSO) == connection()


async def test_a_database_without_room_says_so(tmp_path: Path) -> None:
    """What SQLite itself calls full, in plain words; afterwards everything is as before."""
    async with SqliteStore.open(tmp_path / "store.db") as store:
        await store.connections.create(connection(), None)
        writer = store._database._writer
        (pages,) = next(iter(await writer.execute_fetchall("PRAGMA page_count")))
        await writer.execute_fetchall(f"PRAGMA max_page_count = {pages}")
        staging = await Tenant([person(number, about="x" * 500) for number in range(3000)]).stage(
            store.directory, connection()
        )
        with pytest.raises(StoreUnavailable, match="the disk is full"):
            await staging.changes()
        assert await store.connections.get(CONTOSO) == connection()


@contextmanager
def file_size_limit(limit: int) -> Iterator[None]:
    """No file may grow beyond a size, as on a disk that is full."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
        signal.signal(signal.SIGXFSZ, handler)


async def test_a_disk_that_takes_no_more_fails_the_write_only(store: Store, tmp_path: Path) -> None:
    """The sync fails with a clear error; what is served goes on, and once there is room the next sync succeeds."""
    await store.connections.create(connection(), None)
    await Tenant(people(1)).sync(store, connection())
    large = Tenant([person(number, about="x" * 500) for number in range(3000)])
    staging = await large.stage(store.directory, connection())
    with file_size_limit(largest(tmp_path) + 100_000), pytest.raises(StoreUnavailable, match="disk"):
        await commit(store, staging)
    assert [user.id for user in (await store.lists.users(CONTOSO, after=None, limit=9)).items] == [guid(1)]
    view = store.views.open()
    version = view.version(CONTOSO)
    assert version is not None
    assert view.user(version, UserId(guid(1))) is not None
    view.close()
    await commit(store, staging)
    assert len((await store.lists.users(CONTOSO, after=None, limit=5000)).items) == 3000


async def test_a_full_disk_does_not_end_the_care_of_the_log(tmp_path: Path) -> None:
    """It goes on trying, and empties the log once there is room."""
    path = tmp_path / "store.db"
    async with SqliteStore.open(path) as store, asyncio.TaskGroup() as tasks:
        await store.connections.create(connection(), None)
        log = log_of(path)
        with file_size_limit(4096):
            with pytest.raises(StoreUnavailable):
                await store._database.checkpoint()
            tending = tasks.create_task(store.tend(timedelta(milliseconds=1)))
            await asyncio.sleep(0.1)
            assert not tending.done()
            assert size(log) > 0
        for _ in range(2_000):
            await asyncio.sleep(0.01)
            if not size(log):
                break
        tending.cancel()
        assert size(log) == 0
        assert await store.connections.get(CONTOSO) == connection()


async def test_an_increment_on_a_full_disk_changes_nothing(store: Store, tmp_path: Path) -> None:
    """It fails clearly, decisions go on from what was served, and repeated with room it succeeds."""
    await store.connections.create(connection(), None)
    base = await Tenant(people(1), [group(8)], [edge(8, 1)]).sync(store, connection())
    everybody = range(3000)
    changes = ChangeSet(
        users=[person(number, about="x" * 500) for number in everybody],
        groups=[group(9000)],
        added=[edge(9000, number) for number in everybody],
    )
    begun = await store.runs.start(run(CONTOSO))

    async def apply() -> SnapshotVersion:
        return await store.directory.apply(
            base, changes, run=ended(begun), sync_time=NOW, scope=base.scope, links=FeedLinks("", "", {})
        )

    with file_size_limit(largest(tmp_path) + 100_000):
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="disk"):
                await apply()
        view = store.views.open()
        assert view.version(CONTOSO) == base
        assert view.user(base, UserId(guid(1))) is not None
        view.close()
        assert await store.lists.version(CONTOSO) == base
        assert await store.runs.get(CONTOSO, begun.id) == begun
    version = await apply()
    assert version.revision > base.revision
    assert len((await store.lists.users(CONTOSO, after=None, limit=5000)).items) == 3000
