"""Following a sync run over streams that break."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import grpc
import pytest

from client.scripted_service import UNAVAILABLE, Broken, Refusal, Script, Silence
from entraid.v1.sync_service_pb2 import SyncRun, WatchSyncRunResponse
from entraid_client.errors import DeadlinePassed, EntraidError, ResourceNotFound, ServerFault, ServiceUnavailable

if TYPE_CHECKING:
    from entraid_client import EntraidClient

NAME = "connections/c/syncRuns/r"


def step(users: int, state: SyncRun.State.ValueType = SyncRun.STATE_RUNNING) -> WatchSyncRunResponse:
    """A run that has read that many users."""
    return WatchSyncRunResponse(sync_run=SyncRun(name=NAME, state=state, progress=SyncRun.Progress(users=users)))


DONE = step(9, SyncRun.STATE_SUCCEEDED)


async def seen(client: EntraidClient, deadline: timedelta = timedelta(seconds=20)) -> list[int]:
    """The users that each step of a watch shows."""
    return [run.progress.users async for run in client.watch_sync_run(NAME, deadline=deadline)]


@pytest.mark.parametrize("refusal", [UNAVAILABLE, None, Refusal(grpc.StatusCode.DEADLINE_EXCEEDED)])
async def test_a_stream_that_breaks_off_is_opened_anew(
    script: Script, client: EntraidClient, refusal: Refusal | None
) -> None:
    """Lost, ended by a shutdown without a word, or out of time: the watch goes on to the final state."""
    script.answer("WatchSyncRun", Broken((step(1),), refusal), Broken((step(2),), refusal), Broken((step(3), DONE)))
    assert await seen(client) == [1, 2, 3, 9]


@pytest.mark.parametrize("refusal", [UNAVAILABLE, None])
async def test_a_stream_that_never_says_anything_is_given_up(
    script: Script, client: EntraidClient, refusal: Refusal | None
) -> None:
    """After four streams without a step the caller learns of it."""
    script.answer("WatchSyncRun", Broken((), refusal))
    with pytest.raises(ServiceUnavailable if refusal else ServerFault):
        await seen(client)
    assert len(script.calls) == 4


async def test_a_run_that_does_not_exist_is_not_watched_for(script: Script, client: EntraidClient) -> None:
    """NOT_FOUND will be NOT_FOUND again."""
    script.answer("WatchSyncRun", Refusal(grpc.StatusCode.NOT_FOUND))
    with pytest.raises(ResourceNotFound):
        await seen(client)
    assert len(script.calls) == 1


@pytest.mark.parametrize(
    "state", [SyncRun.STATE_SUCCEEDED, SyncRun.STATE_FAILED, SyncRun.STATE_CANCELLED, SyncRun.STATE_HELD]
)
async def test_every_final_state_ends_the_watch(
    script: Script, client: EntraidClient, state: SyncRun.State.ValueType
) -> None:
    """Even if the server would go on."""
    script.answer("WatchSyncRun", Broken((step(1), step(2, state), step(3)), pause_seconds=0.01))
    assert await seen(client) == [1, 2]


async def test_a_watch_ends_with_its_deadline(script: Script, client: EntraidClient) -> None:
    """A silent stream does not hold the caller longer than it said."""
    script.answer("WatchSyncRun", Silence())
    begin = time.monotonic()
    with pytest.raises(DeadlinePassed):
        await seen(client, timedelta(seconds=0.3))
    assert time.monotonic() - begin < 2


async def test_a_run_that_never_ends_is_watched_until_the_deadline(script: Script, client: EntraidClient) -> None:
    """Progress resets the patience with lost streams, but not the caller's deadline."""
    script.answer("WatchSyncRun", Broken((step(1),), UNAVAILABLE))
    begin = time.monotonic()
    with pytest.raises(EntraidError):
        await seen(client, timedelta(seconds=0.5))
    assert time.monotonic() - begin < 2
    assert len(script.calls) > 4
