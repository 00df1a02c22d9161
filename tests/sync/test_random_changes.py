"""Row 25: after each delta round the copy is the tenant, whatever happened; the same as after a full read.

`FUZZ_SEEDS` says how many scripts are played; `make fuzz` plays many.
"""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from entraid_emulator import Fault, Tenant, contoso
from entraid_service.model.ids import ConnectionId
from entraid_service.model.syncrun import RunState, SyncMode
from sync.lab import Lab, laboratory, true_copy
from sync.scripts import play

SEEDS = int(os.environ.get("FUZZ_SEEDS", "200"))


def open_contoso() -> Tenant:
    """Contoso without its hidden group, whose members nobody may read."""
    tenant = contoso()
    for key, group in tenant.directory.truth().groups.items():
        if group.get("visibility") == "HiddenMembership":
            tenant.directory.delete_group(key)
            tenant.directory.purge_group(key)
    return tenant


async def full_copy(lab: Lab) -> Lab:
    """The same tenant under a second connection, for full reads to compare with."""
    other = replace(lab.connection, id=ConnectionId("full"), uid="full", version=1)
    await lab.store.connections.create(other, await lab.store.connections.credential(lab.connection.id))
    return replace(lab, connection=other)


@pytest.mark.timeout(3600)
async def test_every_delta_round_ends_at_the_truth(tmp_path: Path) -> None:
    """Of the whole directory; every twentieth time a full read says the same."""
    async with laboratory(open_contoso(), tmp_path) as lab:
        assert (await lab.sync()).state is RunState.SUCCEEDED
        for seed in range(SEEDS):
            script = play(lab.tenant.directory, seed)
            run = await lab.sync()
            assert (run.state, run.mode) == (RunState.SUCCEEDED, SyncMode.INCREMENTAL), (seed, script, run.error)
            found, true = await lab.served(), lab.truth()
            assert found == true, f"seed {seed} {script}\n{found.difference(true)}"
            if seed % 20 == 0:
                full = await lab.sync(SyncMode.FULL)
                again = await lab.served()
                assert full.state is RunState.SUCCEEDED
                assert again == found, f"seed {seed} {script}\n{found.difference(again)}"


@pytest.mark.timeout(3600)
async def test_every_delta_round_with_groups_to_sync_ends_at_the_truth(tmp_path: Path) -> None:
    """Of the named groups, all that is nested in them, and the users in those."""
    roots = ("bbbbbbbb-0000-4000-8000-000000000002", "bbbbbbbb-0000-4000-8000-000000000008", "Project Galata")
    galata = "bbbbbbbb-0000-4000-8000-000000000014"
    async with laboratory(open_contoso(), tmp_path, groups_to_sync=roots) as lab:
        assert (await lab.sync()).state is RunState.SUCCEEDED
        for seed in range(SEEDS // 2):
            script = play(lab.tenant.directory, seed)
            run = await lab.sync()
            assert run.state is RunState.SUCCEEDED, (seed, script, run.error)
            truth = lab.tenant.directory.truth()
            synced = {key for key in (roots[0], roots[1], galata) if key in truth.groups}
            for key in tuple(synced):
                synced |= {str(member) for member in truth.members[key]} if key in truth.members else set()
            below = frozenset(
                group
                for group in truth.groups
                if any(
                    group == root or group in truth.transitive_members(root)
                    for root in truth.groups
                    if root in (roots[0], roots[1], galata)
                )
            )
            found, true = await lab.served(), true_copy(truth, only=below)
            assert found == true, f"seed {seed} {script}\n{found.difference(true)}"


@pytest.mark.timeout(3600)
async def test_with_faults_in_every_fifth_request_a_round_is_right_or_fails(tmp_path: Path) -> None:
    """What a failed run leaves is what was served before; the next good one is right."""
    async with laboratory(open_contoso(), tmp_path) as lab:
        await lab.sync()
        for seed in range(SEEDS // 10):
            before = await lab.served()
            script = play(lab.tenant.directory, seed + 10_000)
            lab.emulator.faults.add(Fault(path="/v1.0/", times=1, after=seed % 3, status=503))
            run = await lab.sync()
            lab.emulator.faults.clear()
            found, true = await lab.served(), lab.truth()
            if run.state is RunState.SUCCEEDED:
                assert found == true, f"seed {seed} {script}\n{found.difference(true)}"
            else:
                assert found == before, f"seed {seed} {script}\n{found.difference(before)}"
