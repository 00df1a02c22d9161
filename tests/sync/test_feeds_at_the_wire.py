"""Rows 7 and 13 to 24 of what a sync must survive: what delta queries tell, through the emulator, into the store."""

from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest

from entraid_emulator import Behaviour, Emulator, Fault, ObjectId, Rewrite, contoso, trouble
from entraid_emulator.tenants.contoso_groups import contoso_id
from entraid_service.model.scope import ResolutionState
from entraid_service.model.syncrun import Changes, RunState, SyncMode, SyncRun
from sync.lab import ATTRIBUTES, Copy, Lab, laboratory, service_side, true_copy, without_hidden

COUNCIL = frozenset({contoso_id("g", 20)})
FULL, INCREMENTAL = SyncMode.FULL, SyncMode.INCREMENTAL
WITHOUT_USERS = Rewrite(put={"value": []})
WordsOfAge = Literal["gone", "sync_state_not_found", "unsupported_query"]


def user(number: int) -> ObjectId:
    """A person of Contoso."""
    return contoso_id("u", number)


def group(number: int) -> ObjectId:
    """A group of Contoso."""
    return contoso_id("g", number)


async def is_true(lab: Lab) -> Copy:
    """What is served, which has to be so."""
    found, true = await lab.served(), without_hidden(lab.truth(), COUNCIL)
    found = without_hidden(found, COUNCIL)
    assert found == true, found.difference(true)
    return found


async def followed(lab: Lab) -> SyncRun:
    """A round that has to be incremental, good and right."""
    run = await lab.sync()
    assert (run.state, run.mode) == (RunState.SUCCEEDED, INCREMENTAL), run.error
    await is_true(lab)
    return run


async def test_row_7_an_edge_waits_for_its_user(tmp_path: Path) -> None:
    """A member whom the list of users did not tell yet is in his groups as soon as his feed tells him."""
    async with laboratory(contoso(), tmp_path) as lab:
        lab.emulator.faults.add(Fault(path=r"^/v1\.0/users\?", rewrite=WITHOUT_USERS))
        await lab.sync()
        assert not (await lab.served()).users
        lab.tenant.directory.update_user(user(18), {"city": "Oslo"})
        await lab.sync()
        found, true = await lab.served(), lab.truth()
        assert found.users.keys() == {user(18)}
        assert found.edges >= {edge for edge in true.edges if edge[1] == user(18)}


async def test_row_13_both_kinds_of_removal_remove(tmp_path: Path) -> None:
    """Users deleted softly and for good, groups deleted, members who left: gone, with their edges."""
    async with laboratory(contoso(), tmp_path) as lab:
        await lab.sync()
        directory = lab.tenant.directory
        directory.delete_user(user(3))
        directory.purge_user(user(4))
        directory.delete_group(group(14))
        directory.delete_group(group(13))
        directory.remove_member(group(11), user(18))
        run = await followed(lab)
        assert run.changes is not None
        assert (run.changes.users_deleted, run.changes.groups_deleted) == (2, 2)


@pytest.mark.parametrize("soft", ["kept", "hidden"])
async def test_row_14_replays_and_any_order_end_at_the_truth(tmp_path: Path, soft: Literal["kept", "hidden"]) -> None:
    """Changes told again, pages shuffled, groups in pieces of two members, removals before additions."""
    behaviour = Behaviour(
        delta_replays=30,
        delta_disorder=True,
        delta_initial_removed=True,
        delta_page_size=3,
        delta_page_members=2,
        empty_pages=True,
        soft_deleted_members=soft,
    )
    async with laboratory(contoso(), tmp_path, behaviour=behaviour) as lab:
        directory = lab.tenant.directory
        directory.remove_member(group(11), user(18))
        await lab.sync()
        await is_true(lab)
        for number in range(1, 12):
            directory.add_member(group(17), user(number))
        directory.remove_member(group(17), user(5))
        directory.delete_user(user(7))
        directory.update_user(user(8), {"department": "Moved"})
        await followed(lab)
        directory.restore_user(user(7))
        directory.remove_member(group(17), user(1))
        directory.add_member(group(17), user(1))
        await followed(lab)
        quiet = await followed(lab)
        assert quiet.changes is not None
        assert (quiet.changes.users_upserted, quiet.changes.memberships_added) == (0, 0)


async def test_row_15_null_clears_and_absent_keeps(tmp_path: Path) -> None:
    """A cleared attribute is empty afterwards, the others stay; a manager who is taken away is gone."""
    async with laboratory(contoso(), tmp_path) as lab:
        await lab.sync()
        before = (await lab.served()).users[user(18)]
        assert "department" in before[0]
        lab.tenant.directory.update_user(user(18), {"department": None})
        lab.tenant.directory.set_manager(user(18), None)
        await followed(lab)
        attributes, manager = (await lab.served()).users[user(18)]
        assert manager is None
        assert attributes == {name: value for name, value in before[0].items() if name != "department"}


@pytest.mark.parametrize("words", ["gone", "sync_state_not_found", "unsupported_query"])
async def test_row_16_an_aged_link_ends_in_a_full_read(tmp_path: Path, words: WordsOfAge) -> None:
    """In each of the three forms that Graph has for it; the one before is served until the new one is complete."""
    async with laboratory(contoso(), tmp_path, behaviour=Behaviour(expired_delta=words)) as lab:
        await lab.sync()
        before = await lab.served()
        lab.emulator.clock.advance(timedelta(days=8))
        lab.tenant.directory.delete_user(user(3))
        lab.emulator.faults.add(trouble("denied", path=r"^/v1\.0/users\?", times=2))
        refused = await lab.sync()
        assert (refused.state, refused.mode) == (RunState.FAILED, FULL)
        assert await lab.served() == before
        lab.emulator.faults.clear()
        run = await lab.sync()
        assert (run.state, run.mode) == (RunState.SUCCEEDED, FULL)
        await is_true(lab)
        await followed(lab)


async def test_row_17_the_link_survives_a_restart(tmp_path: Path) -> None:
    """After a restart the next sync goes on where the last one ended, and reads no list."""
    async with Emulator([contoso()], ca_file=tmp_path / "ca.pem") as emulator:
        async with service_side(emulator, tmp_path) as lab:
            await lab.sync()
        lab.tenant.directory.delete_user(user(3))
        seen = len(emulator.requests.matching(r"/v1\.0/users\?"))
        async with service_side(emulator, tmp_path) as again:
            await followed(again)
        assert len(emulator.requests.matching(r"/v1\.0/users\?")) == seen


async def test_row_18_other_attributes_ask_for_a_full_read(tmp_path: Path) -> None:
    """A link tells the attributes that it was made for, and no others."""
    async with Emulator([contoso()], ca_file=tmp_path / "ca.pem") as emulator:
        async with service_side(emulator, tmp_path, attributes=("city",)) as lab:
            await lab.sync()
            assert (await lab.sync()).mode is INCREMENTAL
        async with service_side(emulator, tmp_path, attributes=ATTRIBUTES) as lab:
            assert (await lab.sync()).mode is FULL
            await is_true(lab)
            assert (await lab.sync()).mode is INCREMENTAL


async def test_rows_18_and_19_other_groups_to_sync_are_backfilled_and_dropped(tmp_path: Path) -> None:
    """Widened, the new groups come with all their members; narrowed, what is not in any more goes."""
    async with laboratory(contoso(), tmp_path, groups_to_sync=("Ring Beta",)) as lab:
        await lab.sync()
        narrow = await lab.served()
        await lab.set_groups_to_sync("Ring Beta", "External Auditors")
        run = await lab.sync()
        assert (run.state, run.mode) == (RunState.SUCCEEDED, FULL)
        assert {user(35), user(37), user(39)} <= (await lab.served()).users.keys()
        await lab.set_groups_to_sync("Ring Beta")
        assert (await lab.sync()).state is RunState.SUCCEEDED
        assert await lab.served() == narrow


async def test_row_19_a_group_that_is_nested_in_a_synced_one_is_backfilled(tmp_path: Path) -> None:
    """It had members long before it came in: they are read, by a round that stays incremental."""
    async with laboratory(contoso(), tmp_path, groups_to_sync=("Empty Shell",)) as lab:
        await lab.sync()
        assert not (await lab.served()).users
        lab.tenant.directory.add_member(group(17), group(19))
        run = await lab.sync()
        assert (run.state, run.mode) == (RunState.SUCCEEDED, INCREMENTAL)
        found = await lab.served()
        true = true_copy(lab.tenant.directory.truth(), only=frozenset({group(17), group(19)}))
        assert found == true, found.difference(true)
        lab.tenant.directory.update_user(user(35), {"city": "Oslo"})
        lab.tenant.directory.remove_member(group(19), user(37))
        await lab.sync()
        found = await lab.served()
        true = true_copy(lab.tenant.directory.truth(), only=frozenset({group(17), group(19)}))
        assert found == true, found.difference(true)


async def test_row_19_who_joins_in_the_round_that_tells_of_him_is_read_whole(tmp_path: Path) -> None:
    """Of somebody who was of no interest until now the feed tells what changed, and not the manager who stayed."""
    async with laboratory(contoso(), tmp_path, groups_to_sync=("Empty Shell",)) as lab:
        await lab.sync()
        manager = lab.tenant.directory.truth().managers[user(18)]
        lab.tenant.directory.update_user(user(18), {"city": "Oslo"})
        for member in (user(18), manager):
            lab.tenant.directory.add_member(group(17), member)
        run = await lab.sync()
        assert (run.state, run.mode) == (RunState.SUCCEEDED, INCREMENTAL)
        found = await lab.served()
        assert found.users[user(18)][1] == manager
        true = true_copy(lab.tenant.directory.truth(), only=frozenset({group(17)}))
        assert found == true, found.difference(true)


async def test_row_20_un_nesting_removes_what_was_inherited(tmp_path: Path) -> None:
    """The edge between the groups goes; with Groups to Sync the group and its people go with it."""
    async with laboratory(contoso(), tmp_path, groups_to_sync=("Empty Shell",)) as lab:
        lab.tenant.directory.add_member(group(17), group(19))
        await lab.sync()
        assert user(35) in (await lab.served()).users
        lab.tenant.directory.remove_member(group(17), group(19))
        assert (await lab.sync()).mode is INCREMENTAL
        found = await lab.served()
        assert (set(found.groups), set(found.users), found.edges) == ({group(17)}, set(), frozenset())


@pytest.mark.parametrize("soft", ["kept", "hidden"])
async def test_rows_21_and_22_deletion_takes_memberships_and_undelete_brings_them_back(
    tmp_path: Path, soft: Literal["kept", "hidden"]
) -> None:
    """The groups' feed is silent about both; what was changed while he was gone counts."""
    async with laboratory(contoso(), tmp_path, behaviour=Behaviour(soft_deleted_members=soft)) as lab:
        await lab.sync()
        directory = lab.tenant.directory
        groups_before = {edge for edge in (await lab.served()).edges if edge[1] == user(18)}
        assert len(groups_before) > 1
        directory.delete_user(user(18))
        await followed(lab)
        assert not [edge for edge in (await lab.served()).edges if edge[1] == user(18)]
        directory.remove_member(group(11), user(18))
        await followed(lab)
        directory.restore_user(user(18))
        await followed(lab)
        back = {edge for edge in (await lab.served()).edges if edge[1] == user(18)}
        assert back == groups_before - {(group(11), user(18))}


async def test_row_23_more_than_50_groups_to_sync_are_followed(tmp_path: Path) -> None:
    """A filter takes 50 ids: 120 groups take three feeds, and a change in any of them is seen."""
    tenant = contoso()
    ids = [f"f0000000-0000-4000-8000-{number:012d}" for number in range(120)]
    for number, key in enumerate(ids):
        tenant.directory.add_group(
            {
                "id": key,
                "displayName": f"Team {number}",
                "groupTypes": [],
                "securityEnabled": True,
                "mailEnabled": False,
            }
        )
        tenant.directory.add_member(ObjectId(key), user(1 + number % 30))
    async with laboratory(tenant, tmp_path, groups_to_sync=tuple(ids)) as lab:
        run = await lab.sync()
        assert {one.state for one in run.resolutions} == {ResolutionState.RESOLVED}
        for number in (0, 60, 119):
            tenant.directory.add_member(ObjectId(ids[number]), user(39))
        run = await lab.sync()
        assert (run.state, run.mode) == (RunState.SUCCEEDED, INCREMENTAL)
        found, true = await lab.served(), true_copy(tenant.directory.truth(), only=frozenset(ids))
        assert found == true, found.difference(true)


async def test_row_24_a_full_read_repairs_drift_and_tells_what(tmp_path: Path) -> None:
    """A change that no feed told is found by the next full read, and counted in its run."""
    async with laboratory(contoso(), tmp_path) as lab:
        await lab.sync()
        lab.tenant.directory.delete_user(user(3))
        lab.tenant.directory.remove_member(group(11), user(18))
        await _swallow_round(lab)
        assert user(3) in (await lab.served()).users
        run = await lab.sync(FULL)
        assert run.changes is not None
        assert run.changes.users_deleted == 1
        assert run.changes.memberships_removed == 4  # one, and the three of the deleted user
        assert lab.drift == [run.changes]
        await is_true(lab)
        await lab.sync(FULL)
        assert len(lab.drift) == 1


async def test_a_deleted_user_whose_edges_graph_still_tells_is_no_drift(tmp_path: Path) -> None:
    """The first round of groups lists him, the rounds of changes do not: the two reads count the same all the same."""
    async with laboratory(contoso(), tmp_path) as lab:
        await lab.sync()
        lab.tenant.directory.delete_user(user(3))
        deleted = await followed(lab)
        assert deleted.changes is not None
        assert deleted.changes.memberships_removed > 0
        for _ in range(2):
            assert (await lab.sync(FULL)).changes == Changes()
        lab.tenant.directory.restore_user(user(3))
        restored = await followed(lab)
        assert restored.changes is not None
        assert restored.changes.memberships_added == deleted.changes.memberships_removed
        assert (await lab.sync(FULL)).changes == Changes()
        assert lab.drift == []


async def _swallow_round(lab: Lab) -> None:
    """A round in which Graph tells nothing of what happened, and the link of which lies behind it."""
    nothing = Fault(path=r"^/v1\.0/(users|groups)/delta", times=None, rewrite=Rewrite(put={"value": []}))
    lab.emulator.faults.add(nothing)
    run = await lab.sync()
    assert (run.state, run.mode) == (RunState.SUCCEEDED, INCREMENTAL), run.error
    lab.emulator.faults.clear()
