"""What `entraidctl` prints and returns when all goes well."""

from __future__ import annotations

import json
import re
import time

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import status_pb2

from client.command_line import entraidctl
from client.scripted_service import Broken, Script
from entraid.v1 import access_service_pb2, connection_service_pb2, directory_service_pb2, sync_service_pb2
from entraid.v1.snapshot_pb2 import Snapshot
from entraid_client.conditions import all_of, attribute, group

SNAPSHOT = Snapshot(token="s1", sync_time=Timestamp(seconds=1_800_000_000))
CONNECTION = connection_service_pb2.Connection(
    name="connections/contoso",
    display_name="Contoso",
    tenant_id="11111111-0000-4000-8000-000000000001",
    state=connection_service_pb2.Connection.STATE_ACTIVE,
    snapshot=SNAPSHOT,
)
RUN = "connections/contoso/syncRuns/r1"
HOSTILE = "[red]Eve[/red] \x1b]0;pwned\x07\x1b[2J\u202egnp.exe\nfake row"


def user(name: str, object_id: str = "u1") -> directory_service_pb2.User:
    """A user with that display name."""
    return directory_service_pb2.User(
        name=f"connections/contoso/users/{object_id}", object_id=object_id, display_name=name, account_enabled=True
    )


def run(state: sync_service_pb2.SyncRun.State.ValueType, **values: object) -> sync_service_pb2.SyncRun:
    """A full run in that state."""
    found = sync_service_pb2.SyncRun(name=RUN, state=state, mode=sync_service_pb2.SYNC_MODE_FULL)
    found.progress.CopyFrom(sync_service_pb2.SyncRun.Progress(users=40, groups=9, skipped_objects=2))
    if values:
        found.MergeFrom(sync_service_pb2.SyncRun(**values))  # type: ignore[arg-type] # fields by name
    return found


async def test_json_is_one_document_with_every_field(script: Script) -> None:
    """A program reads it without asking which fields are there, and no colour or note is mixed in."""
    page = directory_service_pb2.ListUsersResponse(users=[user("Ada")], snapshot=SNAPSHOT)
    script.answer("ListUsers", page)
    ended = await entraidctl("--target", script.target, "users", "contoso", "--output", "json")
    document = json.loads(ended.out)
    assert ended.code == 0
    assert ended.err == ""
    assert document["users"][0] | {"displayName": "Ada", "accountEnabled": True, "mail": ""} == document["users"][0]
    assert document["hasMore"] is False
    assert document["snapshot"] == {"token": "s1", "syncTime": "2027-01-15T08:00:00Z"}


async def test_a_limited_list_says_that_there_is_more(script: Script) -> None:
    """Nobody takes the first hundred for all; as many as asked for are shown."""
    page = directory_service_pb2.ListUsersResponse(users=[user("A"), user("B"), user("C")], next_page_token="1")
    script.answer("ListUsers", page)
    ended = await entraidctl("users", "contoso", "--limit", "2", "--target", script.target)
    assert "there are more" in ended.err
    assert "\x1b" not in ended.all
    assert [word in ended.out for word in ("A ", "B ", "C ")] == [True, True, False]


async def test_a_hostile_name_cannot_steer_the_terminal(script: Script) -> None:
    """Escape sequences, markup, direction marks and line breaks in a display name are shown, not obeyed."""
    script.answer("ListUsers", directory_service_pb2.ListUsersResponse(users=[user(HOSTILE)]))
    script.answer("GetUser", directory_service_pb2.GetUserResponse(user=user(HOSTILE)))
    for arguments in (("users", "contoso"), ("users", "contoso", "u1")):
        ended = await entraidctl(*arguments, env={"ENTRAID_TARGET": script.target})
        assert not set("\x1b\x07\u202e") & set(ended.all)
        assert "[red]Eve[/red]" in ended.out
        assert not any(line.lstrip().startswith("fake row") for line in ended.out.splitlines())


async def test_ids_stand_on_one_line_of_a_narrow_terminal(script: Script) -> None:
    """They are copied from there, and 80 columns are what many have."""
    user = directory_service_pb2.User(
        object_id="aaaaaaaa-0000-4000-8000-000000000001",
        display_name="A Name That Is Somewhat Longer",
        user_principal_name="somebody.with.a.long.name@contoso.onmicrosoft.com",
        user_type="Member",
    )
    script.answer("ListUsers", directory_service_pb2.ListUsersResponse(users=[user]))
    tenant = "c0470500-7e4a-4c1d-9b52-3f6a8d0e1b27"
    found = connection_service_pb2.Connection(name="connections/contoso", display_name="Contoso", tenant_id=tenant)
    script.answer("ListConnections", connection_service_pb2.ListConnectionsResponse(connections=[found]))
    env = {"ENTRAID_TARGET": script.target, "COLUMNS": "80"}
    users = await entraidctl("users", "contoso", env=env)
    connections = await entraidctl("connections", env=env)
    assert user.object_id in users.out
    assert "Member," in users.out, "who is disabled is told so"
    assert tenant in connections.out
    assert max(map(len, f"{users.out}\n{connections.out}".splitlines())) <= 80


async def test_groups_status_and_details_are_tables(script: Script) -> None:
    """Each table holds what it is about."""
    found = directory_service_pb2.Group(
        object_id="g1", display_name="Sales", kind=directory_service_pb2.Group.KIND_MICROSOFT_365, member_count=1234
    )
    script.answer("ListGroups", directory_service_pb2.ListGroupsResponse(groups=[found]))
    script.answer("GetGroup", directory_service_pb2.GetGroupResponse(group=found))
    script.answer("ListConnections", connection_service_pb2.ListConnectionsResponse(connections=[CONNECTION]))
    script.answer("GetConnection", connection_service_pb2.GetConnectionResponse(connection=CONNECTION))
    script.answer(
        "ListSyncRuns",
        sync_service_pb2.ListSyncRunsResponse(sync_runs=[run(sync_service_pb2.SyncRun.STATE_FAILED)] * 9),
    )
    env = {"ENTRAID_TARGET": script.target}
    groups = await entraidctl("groups", "contoso", env=env)
    assert "Sales" in groups.out
    assert "microsoft 365" in groups.out
    assert "1,234" in groups.out
    assert "Sales" in (await entraidctl("groups", "contoso", "g1", env=env)).out
    everything = await entraidctl("status", env=env)
    assert "contoso" in everything.out
    one = await entraidctl("status", "connections/contoso", "--runs", "2", env=env)
    assert "2027-01-15 08:00:00 UTC" in one.out
    assert one.out.count("failed") == 2


async def test_status_warns_of_what_waits_and_of_groups_that_bring_in_nothing(script: Script) -> None:
    """Once each: an entry of Groups to Sync may be misspelt, ambiguous, or stand for a group that is gone."""
    states = sync_service_pb2.GroupResolution
    resolutions = [
        states(entry="Sales", state=states.STATE_RESOLVED, groups=["connections/contoso/groups/g1"]),
        states(entry="Salez", state=states.STATE_NOT_FOUND),
        states(entry="Solo", state=states.STATE_NOT_FOUND, groups=["connections/contoso/groups/g2"]),
        states(entry="G3", state=states.STATE_NOT_FOUND, groups=["connections/contoso/groups/g3"]),
        states(entry="Twin", state=states.STATE_AMBIGUOUS, groups=["x/g4", "x/g5"]),
    ]
    held = run(sync_service_pb2.SyncRun.STATE_HELD, error=status_pb2.Status(message="held back: 40 of 300 users"))
    served = run(sync_service_pb2.SyncRun.STATE_SUCCEEDED, group_resolutions=resolutions)
    connection = connection_service_pb2.Connection()
    connection.CopyFrom(CONNECTION)
    connection.last_error.message = "held back: 40 of 300 users"
    script.answer("GetConnection", connection_service_pb2.GetConnectionResponse(connection=connection))
    script.answer("ListSyncRuns", sync_service_pb2.ListSyncRunsResponse(sync_runs=[held, served]))
    ended = await entraidctl("status", "contoso", env={"ENTRAID_TARGET": script.target})
    assert [line for line in ended.out.splitlines() if line.startswith("warning: ")] == [
        "warning: contoso: its last sync did not take effect: held back: 40 of 300 users",
        f"warning: r1 waits for approval; next: entraidctl approve {RUN}",
        "warning: Groups to Sync: `Salez` not found",
        "warning: Groups to Sync: `Solo` not found: it stands for connections/contoso/groups/g2, which is gone",
        "warning: Groups to Sync: `G3` not found",
        "warning: Groups to Sync: `Twin` ambiguous: give the object ID of the one that is meant (x/g4, x/g5)",
    ]


@pytest.mark.parametrize(
    ("decision", "code", "word"),
    [
        (access_service_pb2.DECISION_ALLOW, 0, "ALLOW"),
        (access_service_pb2.DECISION_DENY, 3, "DENY"),
        (access_service_pb2.DECISION_UNSPECIFIED, 3, "DENY"),
    ],
)
async def test_evaluate_tells_by_its_exit_code(
    script: Script, decision: access_service_pb2.Decision.ValueType, code: int, word: str
) -> None:
    """0 only for a plain ALLOW, in both formats."""
    reason = access_service_pb2.Reason(
        code=access_service_pb2.REASON_CODE_GROUP_MEMBER, field="condition.group", message="is in the group"
    )
    script.answer("EvaluateAccess", access_service_pb2.EvaluateAccessResponse(decision=decision, reasons=[reason]))
    arguments = (
        "--target",
        script.target,
        "evaluate",
        "ada@contoso.com",
        "--connection",
        "contoso",
        "--group",
        "Sales",
    )
    table = await entraidctl(*arguments)
    assert (table.code, table.out.split()[0]) == (code, word)
    assert "is in the group" in table.out
    document = await entraidctl(*arguments, "--output", "json")
    assert document.code == code
    assert json.loads(document.out)["reasons"][0]["code"] == "REASON_CODE_GROUP_MEMBER"


async def test_evaluate_sends_what_the_options_say(script: Script) -> None:
    """Options and a JSON condition are joined, freshness and explanation asked for."""
    script.answer(
        "EvaluateAccess", access_service_pb2.EvaluateAccessResponse(decision=access_service_pb2.DECISION_DENY)
    )
    ended = await entraidctl(
        *("evaluate", "connections/contoso/users/ada@contoso.com", "--group", "Sales", "--condition", "-", "--explain"),
        *("--max-staleness", "15m", "--target", script.target),
        stdin='{"attribute": {"attribute": "department", "operator": "MATCH_OPERATOR_IS", "values": ["R&D"]}}',
    )
    assert ended.code == 3
    (request,) = script.requests("EvaluateAccess")
    assert isinstance(request, access_service_pb2.EvaluateAccessRequest)
    assert request.condition == all_of(group("Sales"), attribute("department", "R&D"))
    assert request.consistency.max_staleness.seconds == 900
    assert request.explain


async def test_explain_shows_the_membership_path_by_names(script: Script) -> None:
    """From the user's own group to the one that matched, and the outcome of every condition."""
    trace = access_service_pb2.ConditionTrace
    path = ["connections/contoso/groups/g1", "connections/contoso/groups/g2"]
    leaves = [
        trace(field="condition.all_of.conditions[0].group", outcome=trace.OUTCOME_SATISFIED, group_path=path),
        trace(field="condition.all_of.conditions[1].attribute", outcome=trace.OUTCOME_UNKNOWN),
    ]
    root = trace(field="condition", outcome=trace.OUTCOME_UNKNOWN, children=leaves)
    script.answer(
        "EvaluateAccess",
        access_service_pb2.EvaluateAccessResponse(decision=access_service_pb2.DECISION_DENY, trace=root),
    )
    for name in ("Team", "Sales"):
        found = directory_service_pb2.GetGroupResponse(group=directory_service_pb2.Group(display_name=name))
        script.answer("GetGroup", found)
    ended = await entraidctl(
        *("evaluate", "ada@contoso.com", "--connection", "contoso", "--group", "Sales", "--attribute", "x=1"),
        *("--explain", "--target", script.target),
    )
    assert "user > Team > Sales" in ended.out
    assert "group is Sales  satisfied" in ended.out
    assert "x is 1  unknown" in ended.out
    assert ended.out.index("group is Sales") < ended.out.index("x is 1")


async def test_sync_without_a_terminal_starts_and_leaves(script: Script) -> None:
    """A script is not held up, and is told how to follow."""
    script.answer("Sync", sync_service_pb2.SyncResponse(sync_run=run(sync_service_pb2.SyncRun.STATE_PENDING)))
    ended = await entraidctl("sync", "contoso", "--target", script.target)
    assert ended.code == 0
    assert f"entraidctl sync --follow {RUN}" in ended.out
    assert [call.rpc for call in script.calls] == ["Sync"]


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (sync_service_pb2.SyncRun.STATE_SUCCEEDED, 0),
        (sync_service_pb2.SyncRun.STATE_FAILED, 1),
        (sync_service_pb2.SyncRun.STATE_CANCELLED, 1),
        (sync_service_pb2.SyncRun.STATE_HELD, 7),
    ],
)
async def test_a_watched_sync_tells_how_it_ended(
    script: Script, state: sync_service_pb2.SyncRun.State.ValueType, code: int
) -> None:
    """By exit code and in words: what changed, what was left out, why it stopped."""
    resolution = sync_service_pb2.GroupResolution(entry="Salez", state=sync_service_pb2.GroupResolution.STATE_NOT_FOUND)
    final = run(
        state,
        progress={"other_members": 3, "throttled_requests": 4},
        skipped_objects=[{"object_id": "u-77", "problem": "its `manager` has no `id`"}],
        start_time=Timestamp(seconds=1_800_000_000),
        end_time=Timestamp(seconds=1_800_000_131),
        changes=sync_service_pb2.SyncRun.Changes(users_upserted=7, users_deleted=1),
        group_resolutions=[resolution],
        error=status_pb2.Status(message="Graph sent half a page"),
    )
    running = run(sync_service_pb2.SyncRun.STATE_RUNNING, progress={"phase": "PHASE_USERS"})
    script.answer("Sync", sync_service_pb2.SyncResponse(sync_run=run(sync_service_pb2.SyncRun.STATE_PENDING)))
    steps = tuple(sync_service_pb2.WatchSyncRunResponse(sync_run=step) for step in (running, final))
    script.answer("WatchSyncRun", Broken(steps))
    table = await entraidctl("sync", "contoso", "--watch", "--target", script.target)
    assert table.code == code
    assert "reading users: 40 users" in table.err
    assert "7 added or changed, 1 removed" in table.out
    assert "2 unreadable objects" in table.out
    assert "`u-77`: its `manager` has no `id`" in table.out
    assert "3 members of other kinds" in table.out
    assert "4 throttled" in table.out
    assert "2 min, 0.4 objects/s" in table.out
    assert "`Salez` not found" in table.out
    assert "Graph sent half a page" in table.out
    document = await entraidctl("sync", "contoso", "--watch", "--target", script.target, "-o", "json")
    assert document.code == code
    assert document.err == ""
    assert json.loads(document.out)["syncRun"]["changes"]["usersUpserted"] == "7"


async def test_a_watched_sync_tells_how_fast_it_reads(script: Script) -> None:
    """In objects a second, as soon as the counters have moved, with what Graph turned away."""
    steps = tuple(
        sync_service_pb2.WatchSyncRunResponse(sync_run=run(sync_service_pb2.SyncRun.STATE_RUNNING, progress=progress))
        for progress in (
            {"phase": "PHASE_USERS", "users": 100},
            {"phase": "PHASE_MEMBERSHIPS", "users": 100, "memberships": 90_000, "throttled_requests": 2},
        )
    )
    final = sync_service_pb2.WatchSyncRunResponse(sync_run=run(sync_service_pb2.SyncRun.STATE_SUCCEEDED))
    script.answer("Sync", sync_service_pb2.SyncResponse(sync_run=run(sync_service_pb2.SyncRun.STATE_PENDING)))
    script.answer("WatchSyncRun", Broken((*steps, final), pause_seconds=0.2))
    ended = await entraidctl("sync", "contoso", "--watch", "--target", script.target)
    assert re.search(r"reading memberships: 100 users.* [\d,]+ objects/s, 2 throttled", ended.err)


async def test_status_tells_the_next_sync_and_what_to_look_at(script: Script) -> None:
    """When the next sync is due; credentials that end, permissions that are missing, the last error."""
    now = int(time.time())
    fine = connection_service_pb2.Connection(
        name="connections/fine",
        state=connection_service_pb2.Connection.STATE_ACTIVE,
        credential_expire_time=Timestamp(seconds=now + 90 * 86_400),
        next_sync_time=Timestamp(seconds=now + 110),
    )
    poor = connection_service_pb2.Connection(
        name="connections/poor",
        state=connection_service_pb2.Connection.STATE_DEGRADED,
        credential_expire_time=Timestamp(seconds=now + 5 * 86_400 + 60),
        missing_permissions=["GroupMember.Read.All"],
        last_error=status_pb2.Status(message="Graph said no"),
    )
    late = connection_service_pb2.Connection(
        name="connections/late", credential_expire_time=Timestamp(seconds=now - 60)
    )
    every = connection_service_pb2.ListConnectionsResponse(connections=[fine, poor, late])
    script.answer("ListConnections", every)
    script.answer("GetConnection", connection_service_pb2.GetConnectionResponse(connection=poor))
    script.answer("ListSyncRuns", sync_service_pb2.ListSyncRunsResponse())
    all_of_them = await entraidctl("status", "--target", script.target)
    assert "in 1 min" in all_of_them.out
    warned = [line for line in all_of_them.out.splitlines() if line.startswith("warning: ")]
    assert [line.split()[1] for line in warned] == ["poor:", "poor:", "poor:", "late:"]
    assert "expires in 5 d" in warned[0]
    assert "GroupMember.Read.All" in warned[1]
    assert "Graph said no" in warned[2]
    assert "expired" in warned[3]
    one = await entraidctl("status", "poor", "--target", script.target)
    assert [line for line in one.out.splitlines() if line.startswith("warning: ")] == warned[:3]


async def test_a_run_that_is_over_can_be_followed_once_more(script: Script) -> None:
    """It is shown as it ended, without a watch that nothing would end."""
    ended_run = run(sync_service_pb2.SyncRun.STATE_SUCCEEDED)
    script.answer("GetSyncRun", sync_service_pb2.GetSyncRunResponse(sync_run=ended_run))
    ended = await entraidctl("sync", "--follow", RUN, "--target", script.target)
    assert ended.code == 0
    assert [call.rpc for call in script.calls] == ["GetSyncRun"]


async def test_runs_are_approved_and_cancelled(script: Script) -> None:
    """By full name, or by ID with the connection."""
    done = run(sync_service_pb2.SyncRun.STATE_SUCCEEDED)
    script.answer("ApproveSyncRun", sync_service_pb2.ApproveSyncRunResponse(sync_run=done))
    script.answer("CancelSyncRun", sync_service_pb2.CancelSyncRunResponse(sync_run=done))
    assert (await entraidctl("approve", RUN, "--target", script.target)).code == 0
    assert (await entraidctl("cancel", "r1", "--connection", "contoso", "--target", script.target)).code == 0
    names = [getattr(call.request, "name", "") for call in script.calls]
    assert names == [RUN, RUN]


@pytest.mark.parametrize("form", ["table", "json"])
async def test_a_held_run_cannot_be_cancelled(script: Script, form: str) -> None:
    """It does not run: said in words beside the run, whatever the form, with the exit code of held runs."""
    held = run(sync_service_pb2.SyncRun.STATE_HELD)
    script.answer("CancelSyncRun", sync_service_pb2.CancelSyncRunResponse(sync_run=held))
    refused = await entraidctl("cancel", RUN, "--target", script.target, "--output", form)
    assert refused.code == 7
    assert "a held run is not running" in refused.err
    assert "approve" in refused.err
    assert "r1" in refused.out


@pytest.mark.parametrize(
    ("options", "paths", "sent"),
    [
        (("--display-name", "New"), ["display_name"], connection_service_pb2.Connection(display_name="New")),
        (("--display-name", ""), ["display_name"], connection_service_pb2.Connection()),
        (("--all-groups",), ["groups_to_sync"], connection_service_pb2.Connection()),
        (
            ("--groups-to-sync", "A, B", "--groups-to-sync", "C", "--display-name", "N", "--etag", "e"),
            ["display_name", "groups_to_sync"],
            connection_service_pb2.Connection(display_name="N", groups_to_sync=["A, B", "C"], etag="e"),
        ),
    ],
)
async def test_update_sends_what_is_given_and_nothing_else(
    script: Script, options: tuple[str, ...], paths: list[str], sent: connection_service_pb2.Connection
) -> None:
    """The mask names what was on the command line, also where that empties something."""
    script.answer("UpdateConnection", connection_service_pb2.UpdateConnectionResponse(connection=CONNECTION))
    ended = await entraidctl("--target", script.target, "update", "contoso", *options)
    assert ended.code == 0, ended.err
    assert "connections/contoso" in ended.out
    assert ("next: entraidctl sync contoso" in ended.out) == ("groups_to_sync" in paths)
    (request,) = script.requests("UpdateConnection")
    assert isinstance(request, connection_service_pb2.UpdateConnectionRequest)
    assert list(request.update_mask.paths) == paths
    sent.name = "connections/contoso"
    assert request.connection == sent
    told = await entraidctl("--target", script.target, "update", "contoso", *options, "-o", "json")
    assert json.loads(told.out)["connection"]["name"] == "connections/contoso"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ((), "nothing to change"),
        (("--all-groups", "--groups-to-sync", "A"), "contradict"),
        (("--etag", "e"), "nothing"),
    ],
)
async def test_update_without_a_clear_wish_changes_nothing(
    script: Script, options: tuple[str, ...], problem: str
) -> None:
    """A usage error, before anybody is called."""
    refused = await entraidctl("--target", script.target, "update", "contoso", *options)
    assert refused.code == 2
    assert problem in refused.err
    assert not script.calls


async def test_disconnecting_is_asked_for_or_confirmed(script: Script) -> None:
    """A script that forgot --yes deletes nothing."""
    script.answer("Disconnect", connection_service_pb2.DisconnectResponse())
    refused = await entraidctl("disconnect", "contoso", "--target", script.target)
    assert refused.code == 2
    assert "--yes" in refused.err
    assert not script.calls
    done = await entraidctl("disconnect", "contoso", "--yes", "--target", script.target, "-o", "json")
    assert json.loads(done.out) == {"name": "connections/contoso", "disconnected": True}


@pytest.mark.parametrize(
    "subject",
    [
        ("contoso", "ada@contoso.com"),
        ("ada@contoso.com", "--connection", "contoso"),
        ("connections/contoso/users/ada@contoso.com",),
    ],
)
async def test_a_user_can_be_named_in_three_ways(script: Script, subject: tuple[str, ...]) -> None:
    """All mean the same user of the same connection."""
    script.answer(
        "EvaluateAccess", access_service_pb2.EvaluateAccessResponse(decision=access_service_pb2.DECISION_ALLOW)
    )
    assert (await entraidctl("--target", script.target, "evaluate", *subject, "--group", "Sales")).code == 0
    (request,) = script.requests("EvaluateAccess")
    assert getattr(request, "user", "") == "connections/contoso/users/ada@contoso.com"
