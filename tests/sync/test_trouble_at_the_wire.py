"""Rows 1 to 11, 16 and 26 to 28 from the wire into the store: every trouble of the emulator in every kind of read.

What can be got over leaves the truth; what cannot leaves the run failed, and served what was served before.
"""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from entraid_emulator import Behaviour, Fault, ObjectId, Tenant, generated, trouble
from entraid_service.model.syncrun import RunState, SyncMode, SyncRun
from sync.lab import Lab, laboratory
from sync.test_feeds_at_the_wire import user
from sync.test_random_changes import open_contoso

USERS, GROUPS = r"^/v1\.0/users\?", r"^/v1\.0/groups/delta"
LATER_USERS, LATER_GROUPS = r"^/v1\.0/users/delta\?.*deltatoken", r"^/v1\.0/groups/delta\?.*deltatoken"
READS = {
    "users, in full": (SyncMode.FULL, USERS),
    "groups, in full": (SyncMode.FULL, GROUPS),
    "users, what changed": (None, LATER_USERS),
    "groups, what changed": (None, LATER_GROUPS),
}
PAGES = Behaviour(delta_page_size=5)
"""So that every round has several pages; of the list of users 999 are on a page."""

PASSING = (
    "throttled",
    "throttled-fraction",
    "throttled-date",
    "throttled-empty",
    "throttled-bare",
    "error-500",
    "error-502",
    "error-503",
    "error-504",
    "reset",
    "truncated",
    "truncated-json",
    "html",
    "rejected-token",
    "claims-challenge",
)
FATAL = ("redirect", "denied", "no-value", "null-value")
LINKS = ("link-elsewhere", "link-unencrypted", "repeated-link")
FORGOTTEN = "expired-page-token"


def large() -> Tenant:
    """A tenant whose list of users has two pages."""
    return generated(users=1_010, groups=12, seed=5)


async def is_true(lab: Lab) -> None:
    """What is served has to be so."""
    found, true = await lab.served(), lab.truth()
    assert found == true, found.difference(true)


async def shaken(lab: Lab, read: str, fault: Fault) -> SyncRun:
    """A sync after some changes, with a fault in that read."""
    mode, path = READS[read]
    truth = lab.tenant.directory.truth()
    for key in sorted(truth.users)[:15]:
        lab.tenant.directory.update_user(ObjectId(key), {"city": "Oslo"})
    for number, key in enumerate(sorted(truth.groups)):
        lab.tenant.directory.update_group(key, {"displayName": f"number {number}"})
    lab.emulator.faults.add(replace(fault, path=path))
    run = await lab.sync(mode)
    lab.emulator.faults.clear()
    return run


@pytest.mark.parametrize("read", ["users, in full", "groups, what changed"])
@pytest.mark.parametrize("name", PASSING)
async def test_what_passes_is_got_over(tmp_path: Path, name: str, read: str) -> None:
    """Rows 26 to 28: asked again when Graph wants it, or with a new token, the read is complete and true."""
    async with laboratory(open_contoso(), tmp_path, behaviour=PAGES, first_backoff=0.01) as lab:
        await lab.sync()
        run = await shaken(lab, read, trouble(name))
        assert run.state is RunState.SUCCEEDED, run.error
        assert run.progress.throttled_requests == (1 if name.startswith("throttled") else 0)
        await is_true(lab)


@pytest.mark.parametrize(
    ("name", "read"),
    # A kept link that is answered by a redirect is worthless, as any that Graph refuses: a full read follows.
    [(name, read) for name in FATAL for read in READS if name != "redirect" or "in full" in read],
)
async def test_what_cannot_be_right_fails_the_run_and_changes_nothing(tmp_path: Path, name: str, read: str) -> None:
    """Rows 2 and 11: nobody is deleted because of a page that is not Graph's."""
    async with laboratory(open_contoso(), tmp_path, behaviour=PAGES, first_backoff=0.01) as lab:
        await lab.sync()
        before = await lab.served()
        run = await shaken(lab, read, trouble(name, times=None))
        assert run.state is RunState.FAILED
        assert run.error is not None
        assert await lab.served() == before
        assert (await lab.sync()).state is RunState.SUCCEEDED
        await is_true(lab)


@pytest.mark.parametrize("read", ["users, in full", "groups, in full", "groups, what changed"])
@pytest.mark.parametrize("name", LINKS)
async def test_a_link_that_leads_astray_fails_the_run_and_changes_nothing(tmp_path: Path, name: str, read: str) -> None:
    """Rows 3 and 8, on the first page that has a next link."""
    async with laboratory(large(), tmp_path, behaviour=PAGES, first_backoff=0.01) as lab:
        await lab.sync()
        before = await lab.served()
        run = await shaken(lab, read, trouble(name, times=None))
        assert run.state is RunState.FAILED
        assert await lab.served() == before


@pytest.mark.parametrize(("read", "path"), [("users, in full", USERS), ("groups, in full", GROUPS)])
@pytest.mark.parametrize(("times", "state"), [(2, RunState.SUCCEEDED), (None, RunState.FAILED)])
async def test_row_4_a_list_that_graph_forgets_is_begun_three_times_at_most(
    tmp_path: Path, read: str, path: str, times: int | None, state: RunState
) -> None:
    """What was read of it is dropped each time, so that nobody stays who was there in a former reading only."""
    async with laboratory(large(), tmp_path, behaviour=PAGES) as lab:
        await lab.sync()
        before, seen = await lab.served(), len(lab.emulator.requests.matching(path))
        lab.tenant.directory.delete_user(ObjectId(min(before.users)))
        again = r".*skiptoken"
        lab.emulator.faults.add(trouble(FORGOTTEN, path=path + again, times=times))
        run = await lab.sync(SyncMode.FULL)
        lab.emulator.faults.clear()
        assert run.state is state, run.error
        begun = [one for one in lab.emulator.requests.matching(path)[seen:] if "skiptoken" not in one.target]
        assert len(begun) == 3, read
        if state is RunState.FAILED:
            assert await lab.served() == before
        else:
            await is_true(lab)


@pytest.mark.parametrize("path", [LATER_USERS, LATER_GROUPS], ids=["users", "groups"])
@pytest.mark.parametrize(
    "aged",
    [
        Fault(status=410, headers={"Location": "https://graph.attacker.example/v1.0/x"}),
        Fault(status=410, body={"error": {"code": "resyncRequired", "message": ""}}),
        Fault(status=400, body={"error": {"code": "syncStateNotFound", "message": ""}}),
        Fault(status=400, body={"error": {"code": "Request_UnsupportedQuery", "message": "DeltaLink is too old"}}),
    ],
    ids=["410 with a Location", "resyncRequired", "syncStateNotFound", "400 for its age"],
)
async def test_row_16_either_feed_may_age(tmp_path: Path, path: str, aged: Fault) -> None:
    """The link of users, or of groups only: a full read takes its place at once, and the next goes on from it."""
    async with laboratory(open_contoso(), tmp_path) as lab:
        await lab.sync()
        lab.tenant.directory.delete_user(user(3))
        lab.emulator.faults.add(replace(aged, path=path))
        run = await lab.sync()
        assert (run.state, run.mode) == (RunState.SUCCEEDED, SyncMode.FULL), run.error
        await is_true(lab)
        assert (await lab.sync()).mode is SyncMode.INCREMENTAL


async def test_rows_5_and_6_odd_records_and_unknown_members_are_counted_and_named(tmp_path: Path) -> None:
    """They stop nothing, and the run says what was left out and why."""
    async with laboratory(open_contoso(), tmp_path) as lab:
        lab.emulator.faults.add(trouble("odd-record", path=USERS))
        run = await lab.sync()
        assert run.state is RunState.SUCCEEDED
        await is_true(lab)
        assert run.progress.skipped_objects == 3
        assert len(run.skipped) == 3
        assert all(one.problem for one in run.skipped)
        assert (await lab.store.runs.get(lab.connection.id, run.id)).skipped == run.skipped


async def test_counters_never_go_down(tmp_path: Path) -> None:
    """Not even where a list is begun again: who watches would think that something was lost."""
    async with laboratory(large(), tmp_path, behaviour=PAGES) as lab:
        lab.emulator.faults.add(trouble(FORGOTTEN, path=USERS + ".*skiptoken"))
        lab.emulator.latency = timedelta(milliseconds=150)
        started = await lab.runner.start(lab.connection.id)
        seen = [run.progress async for run in lab.runner.watch(lab.connection.id, started.id)]
        assert len(seen) > 2
        for earlier, later in pairwise(seen):
            for name in ("users", "groups", "memberships", "graph_requests"):
                assert getattr(later, name) >= getattr(earlier, name)
        assert seen[-1].users == 1_010
