import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import grpc
import pytest

from entraid.v1 import sync_service_pb2 as pb
from entraid_service.errors import GraphUnavailable
from entraid_service.model.ids import ConnectionId, GroupId, SyncRunId
from entraid_service.model.scope import GroupResolution, ResolutionState
from entraid_service.model.syncrun import Changes, Phase, Progress, RunState, SyncMode, SyncRun
from entraid_service.rpc.convert import sync_run_message
from entraid_service.rpc.server import GrpcServer
from rpc.rooms import Server
from rpc.told import field_of, reason_of

HOUR = timedelta(hours=1)
UUID = "0A1B2C3D-0000-4000-8000-000000000001"


async def test_a_sync_is_started_as_asked(server: Server) -> None:
    """Mode and request id reach the runner, the id in its canonical form."""
    await server.add_connection()
    request = pb.SyncRequest(connection="connections/main", mode=pb.SYNC_MODE_FULL, request_id=UUID)
    run = (await server.sync.Sync(request)).sync_run
    assert run.name == "connections/main/syncRuns/run-001"
    assert (run.state, run.mode) == (pb.SyncRun.STATE_PENDING, pb.SYNC_MODE_FULL)
    assert server.runner.started == [("main", SyncMode.FULL, UUID.lower())]
    again = await server.sync.Sync(pb.SyncRequest(connection="connections/main", request_id=UUID))
    assert again.sync_run.name == run.name


async def test_a_second_sync_names_the_first(server: Server) -> None:
    """ABORTED, with the run to watch."""
    await server.add_connection()
    first = (await server.sync.Sync(pb.SyncRequest(connection="connections/main"))).sync_run
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await server.sync.Sync(pb.SyncRequest(connection="connections/main"))
    assert caught.value.code() is grpc.StatusCode.ABORTED
    assert reason_of(caught.value) == "SYNC_IN_PROGRESS"
    assert first.name in (caught.value.details() or "")


async def test_what_cannot_be_started_says_why(server: Server) -> None:
    """A request id that is no UUID, a mode that does not exist, a connection that is not there."""
    await server.add_connection()
    for request, code in (
        (pb.SyncRequest(connection="connections/main", request_id="1"), grpc.StatusCode.INVALID_ARGUMENT),
        (
            pb.SyncRequest(connection="connections/main", mode=pb.SyncMode.ValueType(7)),
            grpc.StatusCode.INVALID_ARGUMENT,
        ),
        (pb.SyncRequest(connection="main"), grpc.StatusCode.INVALID_ARGUMENT),
        (pb.SyncRequest(connection="connections/other"), grpc.StatusCode.NOT_FOUND),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await server.sync.Sync(request)
        assert caught.value.code() is code
    assert server.runner.started == []


async def test_a_watch_tells_every_step_and_ends(server: Server) -> None:
    """The run at once, as it moves, and last as it ended, with all that a run can hold."""
    await server.add_connection()
    name = (await server.sync.Sync(pb.SyncRequest(connection="connections/main"))).sync_run.name
    run = await server.runner.get(
        (await server.store.connections.page(after=None, limit=1))[0].id, SyncRunId("run-001")
    )
    running = replace(run, state=RunState.RUNNING, start_time=run.create_time, progress=Progress(Phase.USERS, users=7))
    succeeded = replace(
        running,
        state=RunState.SUCCEEDED,
        end_time=run.create_time,
        changes=Changes(users_upserted=7),
        revision=3,
        sync_time=run.create_time,
        resolutions=(GroupResolution("Sales", ResolutionState.AMBIGUOUS, (GroupId("g1"), GroupId("g2"))),),
    )
    for move in (running, succeeded):
        server.runner.moves.put_nowait(move)
    steps = [step.sync_run async for step in server.sync.WatchSyncRun(pb.WatchSyncRunRequest(name=name))]
    assert [step.state for step in steps] == [
        pb.SyncRun.STATE_PENDING,
        pb.SyncRun.STATE_RUNNING,
        pb.SyncRun.STATE_SUCCEEDED,
    ]
    assert (steps[1].progress.phase, steps[1].progress.users) == (pb.SyncRun.PHASE_USERS, 7)
    assert not steps[1].HasField("snapshot")
    assert steps[2].snapshot.token
    assert steps[2].changes.users_upserted == 7
    assert list(steps[2].group_resolutions[0].groups) == ["connections/main/groups/g1", "connections/main/groups/g2"]


async def test_a_watch_ends_when_the_server_stops(server: Server, grpc_server: GrpcServer) -> None:
    """It asks the watcher to come back, and does not hold up the stop."""
    await server.add_connection()
    name = (await server.sync.Sync(pb.SyncRequest(connection="connections/main"))).sync_run.name
    call = server.sync.WatchSyncRun(pb.WatchSyncRunRequest(name=name))
    steps = aiter(call)
    await anext(steps)
    stopping = asyncio.create_task(grpc_server.stop(HOUR))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await anext(steps)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    async with asyncio.timeout(5):
        await stopping


async def test_a_failed_run_keeps_its_reason(server: Server) -> None:
    """The error of a run is the status that a failed call would have had."""
    connection = await server.add_connection()
    run = await server.runner.start(connection.id)
    error = GraphUnavailable("Microsoft Graph did not answer", request_id="r-1").report()
    await server.store.runs.save(replace(run, state=RunState.FAILED, error=error))
    name = f"connections/main/syncRuns/{run.id}"
    failed = (await server.sync.GetSyncRun(pb.GetSyncRunRequest(name=name))).sync_run
    assert failed.error.code == grpc.StatusCode.UNAVAILABLE.value[0]
    assert reason_of(failed.error) == "GRAPH_UNAVAILABLE"


async def test_runs_are_listed_newest_first(server: Server) -> None:
    """Page by page, each run once."""
    connection = await server.add_connection()
    for _ in range(5):
        await server.runner.end(await server.runner.start(connection.id), RunState.SUCCEEDED)
    seen: list[str] = []
    token = ""
    for _ in range(3):
        request = pb.ListSyncRunsRequest(parent="connections/main", page_size=2, page_token=token)
        page = await server.sync.ListSyncRuns(request)
        seen += [run.name.rpartition("/")[2] for run in page.sync_runs]
        token = page.next_page_token
    assert seen == ["run-005", "run-004", "run-003", "run-002", "run-001"]
    assert token == ""


async def test_runs_are_cancelled_and_approved(server: Server) -> None:
    """Both reach the runner, and the answer is the run as it is then."""
    await server.add_connection()
    name = (await server.sync.Sync(pb.SyncRequest(connection="connections/main"))).sync_run.name
    cancelled = await server.sync.CancelSyncRun(pb.CancelSyncRunRequest(name=name))
    assert cancelled.sync_run.state == pb.SyncRun.STATE_CANCELLED
    name = (await server.sync.Sync(pb.SyncRequest(connection="connections/main"))).sync_run.name
    approved = await server.sync.ApproveSyncRun(pb.ApproveSyncRunRequest(name=name))
    assert approved.sync_run.state == pb.SyncRun.STATE_SUCCEEDED
    with pytest.raises(grpc.aio.AioRpcError) as malformed:
        await server.sync.CancelSyncRun(pb.CancelSyncRunRequest(name="connections/main/syncRuns/"))
    assert field_of(malformed.value) == "name"


def test_changes_are_told_of_runs_that_made_them() -> None:
    """A held run keeps what it would change; it has changed nothing until somebody approves it."""
    started = datetime(2026, 11, 1, tzinfo=UTC)
    held = SyncRun(
        id=SyncRunId("r1"),
        connection_id=ConnectionId("main"),
        state=RunState.HELD,
        mode=SyncMode.FULL,
        create_time=started,
        changes=Changes(users_deleted=40),
    )
    assert not sync_run_message(held, None).HasField("changes")
    approved = sync_run_message(replace(held, state=RunState.SUCCEEDED), None)
    assert approved.changes.users_deleted == 40
