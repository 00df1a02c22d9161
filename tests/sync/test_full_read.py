"""A complete read: everything that is there, nothing of it before it is complete."""

from datetime import timedelta
from pathlib import Path

from entraid_emulator import Fault, ObjectId, Tenant, contoso
from entraid_service.model.syncrun import Phase, RunState, SyncMode
from sync.lab import laboratory, without_hidden

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
