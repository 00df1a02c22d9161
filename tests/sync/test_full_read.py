"""A complete read: everything that is there, nothing of it before it is complete."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from entraid_emulator import Emulator, Fault, ObjectId, Tenant, contoso
from entraid_service.errors import StoreUnavailable
from entraid_service.model.syncrun import Phase, RunState, SyncMode
from entraid_service.store.staging import SqliteStaging
from sync.lab import laboratory, service_side, without_hidden

WORKS_COUNCIL = frozenset({"bbbbbbbb-0000-4000-8000-000000000020"})


async def test_a_full_read_is_the_tenant(tmp_path: Path) -> None:
    """Every user with attributes and manager, every group, every edge; hidden members excepted."""
    async with laboratory(contoso(), tmp_path) as lab:
        run = await lab.sync()
        assert (run.state, run.mode) == (RunState.SUCCEEDED, SyncMode.FULL)
        found, true = await lab.served(), without_hidden(lab.truth(), WORKS_COUNCIL)
        assert found == true, found.difference(true)
        assert (run.progress.users, run.progress.groups) == (40, 22)
        assert run.changes is not None
        assert (run.changes.users_upserted, run.changes.groups_upserted) == (40, 22)


async def test_a_read_tells_what_it_reads_from_its_first_request_on(tmp_path: Path) -> None:
    """Also while Graph holds that one up, a watcher sees that the run has begun with users."""
    async with laboratory(contoso(), tmp_path) as lab:
        held_up = Fault(path="/users/delta", delay=timedelta(hours=1))
        lab.emulator.faults.add(held_up)
        run = await lab.runner.start(lab.connection.id)
        phases: list[Phase | None] = []
        async for step in lab.runner.watch(lab.connection.id, run.id):
            if step.progress.graph_requests:
                phases.append(step.progress.phase)
                lab.emulator.faults.remove(held_up)
        assert phases[0] is Phase.USERS
        assert phases[-1] is Phase.COMMIT


async def test_a_read_that_fails_on_a_later_page_changes_nothing(tmp_path: Path) -> None:
    """Row 2: what was read before the failure is dropped, what was served stays."""
    tenant = contoso()
    async with laboratory(tenant, tmp_path) as lab:
        await lab.sync()
        before = await lab.served()
        for number in range(1, 21):
            tenant.directory.delete_user(lab_user(tenant, number))
        lab.emulator.faults.add(Fault(path="/v1.0/groups", times=None, status=403, body={"error": {"code": "X"}}))
        run = await lab.sync(SyncMode.FULL)
        assert run.state is RunState.FAILED
        assert await lab.served() == before


def lab_user(tenant: Tenant, number: int) -> ObjectId:
    """The id of a person of Contoso."""
    return next(key for key in tenant.directory.truth().users if key.endswith(f"{number:012d}"))


async def test_a_failed_read_that_cannot_be_dropped_either_is_told_as_it_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cause stays the first one, nothing of the read is served, and the next start drops what it left behind."""

    async def cannot(_: SqliteStaging) -> None:
        raise StoreUnavailable("the disk is gone")

    async with Emulator([contoso()], ca_file=tmp_path / "ca.pem") as emulator:
        async with service_side(emulator, tmp_path) as lab:
            await lab.sync()
            before = await lab.served()
            emulator.faults.add(Fault(path="/v1.0/groups", times=None, status=403, body={"error": {"code": "X"}}))
            with monkeypatch.context() as broken:
                broken.setattr(SqliteStaging, "discard", cannot)
                run = await lab.sync(SyncMode.FULL)
            assert run.state is RunState.FAILED
            assert run.error is not None
            assert "disk" not in run.error.message
            assert await lab.served() == before
            assert generations(tmp_path) == 2
        emulator.faults.clear()
        async with service_side(emulator, tmp_path) as lab:
            assert await lab.served() == before
            assert generations(tmp_path) == 1
            assert (await lab.sync(SyncMode.FULL)).state is RunState.SUCCEEDED


def generations(folder: Path) -> int:
    """How many reads the database holds."""
    with closing(sqlite3.connect(folder / "entraid.db")) as database:
        (count,) = database.execute("SELECT COUNT(*) FROM generation").fetchone()
    return int(count)
