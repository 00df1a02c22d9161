"""Row 25: after each delta round the copy is the tenant, whatever happened; the same as after a full read.

`FUZZ_SEEDS` says how many scripts are played; `make fuzz` plays many.
"""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from entraid_emulator import Behaviour, Fault, Tenant, contoso
from entraid_service.model.ids import ConnectionId
from entraid_service.model.syncrun import RunState, SyncMode
from sync.lab import Lab, laboratory, true_copy
from sync.scripts import play

SEEDS = int(os.environ.get("FUZZ_SEEDS", "200"))
"""How many scripts are played in all."""

PLAIN = Behaviour()
ODD = Behaviour(
    delta_replays=12,
    delta_disorder=True,
    delta_initial_removed=True,
    delta_page_size=7,
    delta_page_members=3,
    empty_pages=True,
)
KINDS = {
    "plain": PLAIN,
    "plain, links hidden": replace(PLAIN, soft_deleted_members="hidden"),
    "replays in disorder": ODD,
    "replays in disorder, links hidden": replace(ODD, soft_deleted_members="hidden"),
}
"""Graph as it is documented, and as it may be: changes told again, in any order, in small pieces."""

TROUBLES = (
    Fault(status=429, headers={"Retry-After": "0"}),
    Fault(status=503, headers={"Retry-After": "0"}),
    Fault(drop=True),
    Fault(status=200, body='{"value":[{"id":"'),
    Fault(status=200, headers={"Content-Type": "text/html"}, body="<html>Sign in</html>"),
)


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
@pytest.mark.parametrize("kind", KINDS)
async def test_every_delta_round_ends_at_the_truth(tmp_path: Path, kind: str) -> None:
    """Of the whole directory, however Graph tells it; every twentieth time a full read says the same."""
    first = list(KINDS).index(kind)
    async with laboratory(open_contoso(), tmp_path, behaviour=KINDS[kind]) as lab:
        assert (await lab.sync()).state is RunState.SUCCEEDED
        for seed in range(first, SEEDS, len(KINDS)):
            script = play(lab.tenant.directory, seed)
            run = await lab.sync()
            assert (run.state, run.mode) == (RunState.SUCCEEDED, SyncMode.INCREMENTAL), (seed, script, run.error)
            found, true = await lab.served(), lab.truth()
            assert found == true, f"seed {seed} {script}\n{found.difference(true)}"
            if seed % 20 < 2:
                full = await lab.sync(SyncMode.FULL)
                again = await lab.served()
                assert full.state is RunState.SUCCEEDED
                assert again == found, f"seed {seed} {script}\n{found.difference(again)}"


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", ["plain", "replays in disorder, links hidden"])
async def test_every_delta_round_with_groups_to_sync_ends_at_the_truth(tmp_path: Path, kind: str) -> None:
    """Of the named groups, all that is nested in them, and the users in those."""
    roots = ("bbbbbbbb-0000-4000-8000-000000000002", "bbbbbbbb-0000-4000-8000-000000000008", "Project Galata")
    galata = "bbbbbbbb-0000-4000-8000-000000000014"
    async with laboratory(open_contoso(), tmp_path, groups_to_sync=roots, behaviour=KINDS[kind]) as lab:
        assert (await lab.sync()).state is RunState.SUCCEEDED
        for seed in range(SEEDS // 6):
            script = play(lab.tenant.directory, seed)
            run = await lab.sync()
            assert run.state is RunState.SUCCEEDED, (seed, script, run.error)
            truth = lab.tenant.directory.truth()
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
@pytest.mark.parametrize("kind", ["plain", "replays in disorder"])
async def test_with_faults_in_every_fifth_request_a_round_is_right_or_fails(tmp_path: Path, kind: str) -> None:
    """Throttles, errors, resets, halves of JSON, pages of HTML: what a failed run leaves is what was served before."""
    async with laboratory(open_contoso(), tmp_path, behaviour=KINDS[kind], first_backoff=0.01) as lab:
        await lab.sync()
        for seed in range(SEEDS // 10):
            before = await lab.served()
            script = play(lab.tenant.directory, seed + 10_000)
            lab.emulator.faults.add(Fault(path="^/v1.0/", times=None, chance=0.2, seed=seed, any_of=TROUBLES))
            run = await lab.sync(SyncMode.FULL if seed % 5 == 0 else None)
            lab.emulator.faults.clear()
            found, true = await lab.served(), lab.truth()
            if run.state is RunState.SUCCEEDED:
                assert found == true, f"seed {seed} {script}\n{found.difference(true)}"
            else:
                assert found == before, f"seed {seed} {script}\n{found.difference(before)}"
        assert (await lab.sync()).state is RunState.SUCCEEDED
        assert await lab.served() == lab.truth()
