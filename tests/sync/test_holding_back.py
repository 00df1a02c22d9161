"""Rows 35 and 38: a read that would remove too much waits for a person; one run at a time, and nobody overtakes."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from entraid_emulator import Emulator, ObjectId, Tenant, generated
from entraid_service.errors import RunSuperseded, SyncInProgress
from entraid_service.model.report import ErrorReport
from entraid_service.model.syncrun import RunState, SyncMode, SyncRun
from entraid_service.store import SqliteStore
from sync.lab import Lab, MovingClock, laboratory, service_side


def many() -> Tenant:
    """A tenant large enough for the guard."""
    return generated(users=150, groups=12, seed=5)


def dismiss(tenant: Tenant, count: int) -> None:
    """Deletes users, as somebody does by mistake."""
    for key in sorted(tenant.directory.truth().users)[:count]:
        tenant.directory.delete_user(ObjectId(key))


async def held_run(lab: Lab) -> SyncRun:
    """A run that the guard held back."""
    await lab.sync()
    dismiss(lab.tenant, 60)
    run = await lab.sync()
    assert run.state is RunState.HELD
    return run


async def test_row_35_mass_removal_is_held_and_the_former_snapshot_serves(tmp_path: Path) -> None:
    """An incremental read that would remove 40 % is repeated in full; that is held, and says why."""
    async with laboratory(many(), tmp_path, percent=20) as lab:
        await lab.sync()
        before = await lab.served()
        dismiss(lab.tenant, 60)
        run = await lab.sync()
        assert (run.state, run.mode) == (RunState.HELD, SyncMode.FULL)
        assert run.error is not None
        assert "60 of 150 users" in run.error.message
        assert "approve" in run.error.message
        assert await lab.served() == before
        kept = await lab.store.runs.get(lab.connection.id, run.id)
        assert kept.state is RunState.HELD


def remove_users(tenant: Tenant) -> None:
    """More than a fifth of the users, and less of anything else than the guard looks at."""
    dismiss(tenant, 60)


def remove_groups(tenant: Tenant) -> None:
    """More than a fifth of the groups."""
    for key in sorted(tenant.directory.truth().groups)[:40]:
        tenant.directory.delete_group(ObjectId(key))


def remove_members(tenant: Tenant) -> None:
    """More than a fifth of the memberships."""
    edges = [(group, member) for group, members in tenant.directory.truth().members.items() for member in members]
    for group, member in sorted(edges)[: len(edges) // 3]:
        tenant.directory.remove_member(group, member)


@pytest.mark.parametrize("mode", [None, SyncMode.FULL], ids=["incremental", "full"])
@pytest.mark.parametrize(
    ("remove", "what"),
    [(remove_users, "60 of 150 users"), (remove_groups, "40 of 120 groups"), (remove_members, "memberships")],
    ids=["users", "groups", "memberships"],
)
async def test_row_35_each_kind_is_guarded_in_each_mode(
    tmp_path: Path, remove: Callable[[Tenant], None], what: str, mode: SyncMode | None
) -> None:
    """Held, told in numbers, nothing applied; and served once a person approves."""
    async with laboratory(generated(users=150, groups=120, seed=5), tmp_path, percent=20) as lab:
        await lab.sync()
        before = await lab.served()
        remove(lab.tenant)
        run = await lab.sync(mode)
        assert run.state is RunState.HELD
        assert run.error is not None
        assert what in run.error.message
        assert await lab.served() == before
        await lab.runner.approve(lab.connection.id, run.id)
        assert await lab.served() == lab.truth()


async def test_row_35_what_a_person_approves_takes_effect(tmp_path: Path) -> None:
    """Exactly what was read; approving twice is approving once, and the next sync goes on from there."""
    async with laboratory(many(), tmp_path, percent=20) as lab:
        held = await held_run(lab)
        approved = await lab.runner.approve(lab.connection.id, held.id)
        assert approved.state is RunState.SUCCEEDED
        assert approved.changes is not None
        assert approved.changes.users_deleted == 60
        found, true = await lab.served(), lab.truth()
        assert found == true, found.difference(true)
        assert (await lab.runner.approve(lab.connection.id, held.id)).state is RunState.SUCCEEDED
        dismiss(lab.tenant, 1)
        run = await lab.sync()
        assert (run.state, run.mode) == (RunState.SUCCEEDED, SyncMode.INCREMENTAL)
        assert await lab.served() == lab.truth()


async def test_row_35_a_held_read_outlives_a_restart(tmp_path: Path) -> None:
    """It waits on disk, not in memory."""
    async with Emulator([many()], ca_file=tmp_path / "ca.pem") as emulator:
        async with service_side(emulator, tmp_path, percent=20) as lab:
            held = await held_run(lab)
        async with service_side(emulator, tmp_path, percent=20) as lab:
            await lab.runner.approve(lab.connection.id, held.id)
            assert await lab.served() == lab.truth()


async def test_row_35_an_approval_that_was_overtaken_is_refused(tmp_path: Path) -> None:
    """Once something newer is served, what was held is old: it must not come back."""
    async with laboratory(many(), tmp_path, percent=20) as lab:
        held = await held_run(lab)
        for key in sorted(lab.tenant.directory.deleted):
            lab.tenant.directory.restore_user(key)
        assert (await lab.sync()).state is RunState.SUCCEEDED
        with pytest.raises(RunSuperseded):
            await lab.runner.approve(lab.connection.id, held.id)
        assert await lab.served() == lab.truth()


async def test_row_38_overlapping_syncs_are_one_run(tmp_path: Path) -> None:
    """Ten starts at once: one begins, nine are told of it."""
    async with laboratory(many(), tmp_path) as lab:
        lab.emulator.latency = timedelta(milliseconds=50)
        starts = [lab.runner.start(lab.connection.id) for _ in range(10)]
        results = await asyncio.gather(*starts, return_exceptions=True)
        runs = [one for one in results if isinstance(one, SyncRun)]
        refused = [one for one in results if isinstance(one, SyncInProgress)]
        assert (len(runs), len(refused)) == (1, 9)
        seen = [run async for run in lab.runner.watch(lab.connection.id, runs[0].id)]
        assert seen[-1].state is RunState.SUCCEEDED


async def test_row_38_a_run_that_lost_its_lease_commits_nothing(tmp_path: Path) -> None:
    """It was silent for too long, another process failed it: what it then reads to the end is not served."""
    async with laboratory(many(), tmp_path) as lab:
        await lab.sync()
        before = await lab.served()
        dismiss(lab.tenant, 3)
        lab.emulator.latency = timedelta(milliseconds=200)
        run = await lab.runner.start(lab.connection.id, mode=SyncMode.FULL)
        async with SqliteStore.open(tmp_path / "entraid.db", clock=MovingClock(timedelta(minutes=5))) as other:
            await asyncio.sleep(0.3)
            lost = ErrorReport("ABORTED", "another process took over")
            assert await other.runs.fail_interrupted(lost, end_time=datetime.now(UTC)) == 1
            lab.emulator.latency = timedelta()
            seen = [step async for step in lab.runner.watch(lab.connection.id, run.id)]
            assert seen[-1].state in {RunState.FAILED, RunState.CANCELLED}
            assert await lab.served() == before
            kept = await other.runs.get(lab.connection.id, run.id)
            assert (kept.state, kept.error) == (RunState.FAILED, lost)
        run = await lab.sync()
        assert run.state is RunState.SUCCEEDED
        assert await lab.served() == lab.truth()
