"""The calls of `SyncService`, and following a run over lost streams."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import grpc

from entraid.v1 import sync_service_pb2 as pb
from entraid_client import decode
from entraid_client.errors import EntraidError, RetryLater, ServerFault
from entraid_client.names import connection_name, sync_run_name
from entraid_client.pages import walk
from entraid_client.wire import OverWire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_RPCS: Final = pb.DESCRIPTOR.services_by_name["SyncService"].methods_by_name

FINAL_STATES: Final = frozenset(
    {
        pb.SyncRun.STATE_SUCCEEDED,
        pb.SyncRun.STATE_FAILED,
        pb.SyncRun.STATE_CANCELLED,
        pb.SyncRun.STATE_HELD,
    }
)

# A stream says nothing while a run waits out a throttle. A new one now and then finds a connection that died unseen.
STREAM_DEADLINE: Final = timedelta(minutes=5)
WATCH_DEADLINE: Final = timedelta(hours=6)

_BROKEN_OFF: Final = "the stream ended before the run did"
# INTERNAL is how gRPC tells of a stream that a proxy reset (https://grpc.github.io/grpc/core/md_doc_statuscodes.html).
_LOST_STREAM: Final = frozenset(
    {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.INTERNAL}
)


class SyncCalls(OverWire):
    """Starts syncs, follows them, and decides about those that stand still."""

    async def sync(
        self,
        connection: str,
        *,
        mode: pb.SyncMode.ValueType = pb.SYNC_MODE_UNSPECIFIED,
        request_id: str = "",
        deadline: timedelta | None = None,
    ) -> pb.SyncRun:
        """Starts a run and returns it at once.

        Args:
            connection: ID or full name.
            mode: How much to read; left out, the service chooses.
            request_id: A UUID under which the call may be made again without starting a second run. One is made up if
                empty, so that the client's own repetitions are safe.
            deadline: For the call with all its repetitions.

        Raises:
            SyncInProgress: A run is under way; names it.
            EntraidError: See `errors.py`.
        """
        request = pb.SyncRequest(
            connection=connection_name(connection), mode=mode, request_id=request_id or str(uuid4())
        )
        response = await self._wire.calls.unary(
            self._wire.syncs.Sync, request, rpc=_RPCS["Sync"], deadline=deadline, repeatable=True
        )
        return response.sync_run

    async def get_sync_run(
        self, sync_run: str, *, connection: str = "", deadline: timedelta | None = None
    ) -> pb.SyncRun:
        """Reads one run, by full name, or by ID together with `connection`."""
        request = pb.GetSyncRunRequest(name=sync_run_name(sync_run, connection))
        response = await self._wire.calls.unary(
            self._wire.syncs.GetSyncRun, request, rpc=_RPCS["GetSyncRun"], deadline=deadline
        )
        return response.sync_run

    async def list_sync_runs(
        self, connection: str, *, page_size: int = 0, deadline: timedelta | None = None
    ) -> AsyncIterator[pb.SyncRun]:
        """Every run of a connection, the latest first; `deadline` is for each page."""
        parent = connection_name(connection)

        async def fetch(token: str) -> pb.ListSyncRunsResponse:
            request = pb.ListSyncRunsRequest(parent=parent, page_size=page_size, page_token=token)
            return await self._wire.calls.unary(
                self._wire.syncs.ListSyncRuns, request, rpc=_RPCS["ListSyncRuns"], deadline=deadline
            )

        async for page in walk(fetch, rpc=_RPCS["ListSyncRuns"]):
            for sync_run in page.sync_runs:
                yield sync_run

    async def watch_sync_run(
        self, sync_run: str, *, connection: str = "", deadline: timedelta = WATCH_DEADLINE
    ) -> AsyncIterator[pb.SyncRun]:
        """A run as it moves, its final state last; a stream that breaks off is opened anew.

        Args:
            sync_run: Full name, or ID together with `connection`.
            connection: ID or full name, where `sync_run` is an ID.
            deadline: For the whole watch.

        Raises:
            RetryLater: The run did not end in time, or the service was not there several times in a row. The run
                goes on in the service.
            EntraidError: See `errors.py`.
        """
        name = sync_run_name(sync_run, connection)
        end = time.monotonic() + deadline.total_seconds()
        failures = 0
        while True:
            failure: EntraidError = decode.fault(_BROKEN_OFF, rpc=_RPCS["WatchSyncRun"].full_name)
            try:
                async for run in self._stream(name, end=end):
                    failures = 0
                    yield run
                    if run.state in FINAL_STATES:
                        return
            except (RetryLater, ServerFault) as error:
                failure = error
            failures += 1
            pause = self._pause(failure, failures=failures, end=end)
            if pause is None:
                raise failure
            await asyncio.sleep(pause.total_seconds())

    async def _stream(self, name: str, *, end: float) -> AsyncIterator[pb.SyncRun]:
        """One stream of a watch; returns where the server ends it."""
        remaining = timedelta(seconds=max(end - time.monotonic(), 0.0))
        responses = self._wire.calls.stream(
            self._wire.syncs.WatchSyncRun,
            pb.WatchSyncRunRequest(name=name),
            rpc=_RPCS["WatchSyncRun"],
            deadline=min(STREAM_DEADLINE, remaining),
        )
        async with contextlib.aclosing(responses):
            async for response in responses:
                yield response.sync_run

    def _pause(self, failure: EntraidError, *, failures: int, end: float) -> timedelta | None:
        """How long to wait before the next stream; None gives up.

        A stream is lost in more ways than UNAVAILABLE: by its own deadline, or by a proxy that closes it. To open it
        anew does nothing twice.
        """
        retry = self._wire.calls.retry
        pause = retry.spread(failures, random.random()) + (failure.retry_after or timedelta())  # noqa: S311 - spreads load, guards nothing
        is_worth_it = failures < retry.attempts and failure.problem.code in _LOST_STREAM
        return pause if is_worth_it and time.monotonic() + pause.total_seconds() < end else None

    async def approve_sync_run(
        self, sync_run: str, *, connection: str = "", deadline: timedelta | None = None
    ) -> pb.SyncRun:
        """Lets a held run take effect, removals and all."""
        request = pb.ApproveSyncRunRequest(name=sync_run_name(sync_run, connection))
        response = await self._wire.calls.unary(
            self._wire.syncs.ApproveSyncRun, request, rpc=_RPCS["ApproveSyncRun"], deadline=deadline
        )
        return response.sync_run

    async def cancel_sync_run(
        self, sync_run: str, *, connection: str = "", deadline: timedelta | None = None
    ) -> pb.SyncRun:
        """Asks a run to stop; it may go on for a moment."""
        request = pb.CancelSyncRunRequest(name=sync_run_name(sync_run, connection))
        response = await self._wire.calls.unary(
            self._wire.syncs.CancelSyncRun, request, rpc=_RPCS["CancelSyncRun"], deadline=deadline
        )
        return response.sync_run
