"""A Graph that offers less than Microsoft's: read in another way, or not at all, and never as if there were nothing."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from entraid_emulator import Fault, Rewrite, contoso
from entraid_emulator.tenants.contoso_groups import contoso_id
from entraid_service.model.scope import ResolutionState
from entraid_service.model.syncrun import RunState, SyncMode
from sync.lab import Lab, laboratory, without_hidden

COUNCIL = frozenset({contoso_id("g", 20)})
MISSING = {"error": {"code": "Request_ResourceNotFound", "message": "no such segment"}}
EXPAND_IGNORED = Fault(path=r"[?&]\$expand=", times=None, rewrite=Rewrite(conceal=("manager",)))
EXPAND_REFUSED = Fault(path=r"[?&]\$expand=", times=None, status=501)
NO_MANAGER = Fault(path=r"/manager\?", times=None, status=404, body="404: Not Found")
NO_MANAGER_AS_IF_NONE = Fault(path=r"/manager\?", times=None, status=404, body=MISSING)
NO_USER_FEED = Fault(path=r"/users/delta", times=None, status=404, body="")
NO_MEMBERS_TOLD = Fault(path=r"/groups/delta", times=None, rewrite=Rewrite(conceal=("members@delta",)))


async def is_true(lab: Lab, mode: SyncMode | None = None) -> None:
    """A sync that has to succeed, and to end at the truth."""
    run = await lab.sync(mode)
    assert run.state is RunState.SUCCEEDED, run.error
    found, true = await lab.served(), without_hidden(lab.truth(), COUNCIL)
    found = without_hidden(found, COUNCIL)
    assert found == true, found.difference(true)


@pytest.mark.parametrize(
    "faults",
    [
        (EXPAND_IGNORED,),
        (EXPAND_IGNORED, NO_MANAGER),
        (EXPAND_IGNORED, NO_USER_FEED),
        (EXPAND_REFUSED,),
        (EXPAND_REFUSED, NO_MANAGER),
        (EXPAND_REFUSED, NO_MANAGER_AS_IF_NONE),
        (EXPAND_REFUSED, NO_USER_FEED),
        (NO_MEMBERS_TOLD,),
    ],
    ids=[
        "expand ignored",
        "expand ignored, no manager",
        "expand ignored, no feed",
        "expand refused",
        "expand refused, no manager",
        "expand refused, no manager in Graph's words",
        "expand refused, no feed",
        "no members in the feed",
    ],
)
async def test_what_one_read_keeps_silent_about_another_one_tells(tmp_path: Path, faults: Sequence[Fault]) -> None:
    """Nobody's manager and no group's members are taken for none; a later sync holds to that."""
    async with laboratory(contoso(), tmp_path) as lab:
        lab.emulator.faults.add(*faults)
        await is_true(lab)
        lab.tenant.directory.set_manager(contoso_id("u", 5), contoso_id("u", 7))
        lab.tenant.directory.remove_member(contoso_id("g", 11), contoso_id("u", 18))
        await is_true(lab)


async def test_managers_that_nothing_tells_are_unknown(tmp_path: Path) -> None:
    """The rest is synced; a condition on managers is then unknown, which no scope without them allows."""
    async with laboratory(contoso(), tmp_path) as lab:
        lab.emulator.faults.add(EXPAND_REFUSED, NO_MANAGER, NO_USER_FEED)
        run = await lab.sync()
        assert run.state is RunState.SUCCEEDED, run.error
        version = await lab.store.lists.version(lab.connection.id)
        assert "manager" not in version.scope.attributes
        assert len((await lab.served()).users) == 40


async def test_a_tenant_without_managers_and_memberships_keeps_its_feeds(tmp_path: Path) -> None:
    """Where all ways tell of none, there is none, and the next sync reads what changed."""
    tenant = contoso()
    for number in range(1, 41):
        tenant.directory.set_manager(contoso_id("u", number), None)
    for key in tenant.directory.truth().groups:
        tenant.directory.set_members(key, ())
    async with laboratory(tenant, tmp_path) as lab:
        await is_true(lab)
        run = await lab.sync()
        assert run.mode is SyncMode.INCREMENTAL
        version = await lab.store.lists.version(lab.connection.id)
        assert "manager" in version.scope.attributes


@pytest.mark.parametrize("body", [MISSING, "404: Not Found"], ids=["in Graph's words", "in none"])
async def test_a_restored_user_whose_groups_nobody_tells_is_read_with_everybody(tmp_path: Path, body: object) -> None:
    """That there is no such list is not that he is in no group."""
    async with laboratory(contoso(), tmp_path) as lab:
        lab.emulator.faults.add(Fault(path="transitiveMemberOf", times=None, status=404, body=body))  # type: ignore[arg-type]  # JSON
        await is_true(lab)
        lab.tenant.directory.delete_user(contoso_id("u", 18))
        await is_true(lab)
        lab.tenant.directory.restore_user(contoso_id("u", 18))
        await is_true(lab)


async def test_a_restored_user_keeps_a_manager_who_is_not_told(tmp_path: Path) -> None:
    """As his groups come back without a word, so may his manager."""
    async with laboratory(contoso(), tmp_path) as lab:
        lab.emulator.faults.add(Fault(path="/users/delta", times=None, rewrite=Rewrite(conceal=("manager@delta",))))
        await is_true(lab)
        lab.tenant.directory.delete_user(contoso_id("u", 5))
        await is_true(lab)
        lab.tenant.directory.restore_user(contoso_id("u", 5))
        await is_true(lab)


async def test_a_restored_user_keeps_a_manager_whom_no_single_answer_tells(tmp_path: Path) -> None:
    """Where every single user seems to have none, the first round of the feed tells who has one."""
    later_rounds = Fault(path=r"/users/delta.*deltatoken", times=None, rewrite=Rewrite(conceal=("manager@delta",)))
    async with laboratory(contoso(), tmp_path) as lab:
        lab.emulator.faults.add(EXPAND_REFUSED, NO_MANAGER_AS_IF_NONE, later_rounds)
        await is_true(lab)
        lab.tenant.directory.delete_user(contoso_id("u", 5))
        await is_true(lab)
        lab.tenant.directory.restore_user(contoso_id("u", 5))
        await is_true(lab)


async def test_a_new_user_without_a_manager_is_believed_to_have_none_where_others_are_told(tmp_path: Path) -> None:
    """That costs one more request and no full read."""
    async with laboratory(contoso(), tmp_path) as lab:
        await is_true(lab)
        lab.tenant.directory.set_manager(contoso_id("u", 5), None)
        lab.tenant.directory.delete_user(contoso_id("u", 5))
        await is_true(lab)
        lab.tenant.directory.restore_user(contoso_id("u", 5))
        run = await lab.sync()
        assert run.mode is SyncMode.INCREMENTAL


async def test_a_name_that_graph_compares_by_its_case_is_found(tmp_path: Path) -> None:
    """Names compare here as decisions compare them, whatever the filter of a Graph does."""
    async with laboratory(contoso(), tmp_path, groups_to_sync=("ENGINEERING",)) as lab:
        lab.emulator.faults.add(Fault(path=r"\$filter=displayName", times=None, rewrite=Rewrite(put={"value": []})))
        run = await lab.sync()
        assert [one.state for one in run.resolutions] == [ResolutionState.RESOLVED]
        assert (await lab.served()).users


async def test_pages_of_twenty_and_nothing_larger(tmp_path: Path) -> None:
    """A Graph with a small largest page is read all the same."""
    async with laboratory(contoso(), tmp_path) as lab:
        lab.emulator.faults.add(
            Fault(path=r"\$top=(999|100)", times=None, status=400), Fault(path="/delta", times=None, status=404)
        )
        await is_true(lab)
