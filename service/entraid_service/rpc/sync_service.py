"""SyncService: starting syncs, watching, listing and cancelling them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import TypeAlias

from grpc.aio import ServicerContext

from entraid.v1 import snapshot_pb2, sync_service_pb2_grpc
from entraid.v1 import sync_service_pb2 as pb
from entraid_service.errors import InvalidField
from entraid_service.model.ids import ConnectionId, SyncRunId
from entraid_service.model.syncrun import SyncMode, SyncRun
from entraid_service.rpc import validate
from entraid_service.rpc.convert import sync_run_message, timestamp
from entraid_service.rpc.facades import Facades
from entraid_service.rpc.names import parse_connection, parse_sync_run
from entraid_service.rpc.page_tokens import ListCall, PageTokens
from entraid_service.rpc.paging import next_token, page_of
from entraid_service.rpc.snapshot_tokens import SnapshotTokens
from entraid_service.rpc.stopping import until

_DEFAULT_PAGE = 50
_LARGEST_PAGE = 500

_SyncContext: TypeAlias = ServicerContext[pb.SyncRequest, Awaitable[pb.SyncResponse]]
_GetContext: TypeAlias = ServicerContext[pb.GetSyncRunRequest, Awaitable[pb.GetSyncRunResponse]]
_ListContext: TypeAlias = ServicerContext[pb.ListSyncRunsRequest, Awaitable[pb.ListSyncRunsResponse]]
_WatchContext: TypeAlias = ServicerContext[pb.WatchSyncRunRequest, AsyncIterator[pb.WatchSyncRunResponse]]
_ApproveContext: TypeAlias = ServicerContext[pb.ApproveSyncRunRequest, Awaitable[pb.ApproveSyncRunResponse]]
_CancelContext: TypeAlias = ServicerContext[pb.CancelSyncRunRequest, Awaitable[pb.CancelSyncRunResponse]]


class SyncService(sync_service_pb2_grpc.SyncServiceServicer):
    """Answers SyncService."""

    def __init__(self, facades: Facades) -> None:
        self._runner = facades.runner
        self._runs = facades.runs
        self._connections = facades.connections
        self._pages = PageTokens(facades.signer)
        self._tokens = SnapshotTokens(facades.signer)
        self._stopping = asyncio.Event()

    def stop_watches(self) -> None:
        """Ends every watch, which would otherwise hold up a clean stop for as long as its run lasts."""
        self._stopping.set()

    async def Sync(  # noqa: N802 - the contract's name
        self,
        request: pb.SyncRequest,
        context: _SyncContext,  # noqa: ARG002 - gRPC passes it
    ) -> pb.SyncResponse:
        """Starts a sync."""
        connection_id = parse_connection(request.connection, "connection")
        mode = _read_mode(request.mode)
        request_id = validate.request_id(request.request_id, "request_id")
        uid = await self._uid(connection_id)
        run = await self._runner.start(connection_id, mode=mode, request_id=request_id)
        return pb.SyncResponse(sync_run=self._message(run, uid))

    async def GetSyncRun(  # noqa: N802 - the contract's name
        self,
        request: pb.GetSyncRunRequest,
        context: _GetContext,  # noqa: ARG002 - gRPC passes it
    ) -> pb.GetSyncRunResponse:
        """Reads one run."""
        connection_id, run_id = parse_sync_run(request.name, "name")
        uid = await self._uid(connection_id)
        return pb.GetSyncRunResponse(sync_run=self._message(await self._runner.get(connection_id, run_id), uid))

    async def ListSyncRuns(  # noqa: N802 - the contract's name
        self,
        request: pb.ListSyncRunsRequest,
        context: _ListContext,  # noqa: ARG002 - gRPC passes it
    ) -> pb.ListSyncRunsResponse:
        """Lists runs, newest first."""
        connection_id = parse_connection(request.parent, "parent")
        size = validate.page_size(request.page_size, default=_DEFAULT_PAGE, most=_LARGEST_PAGE)
        uid = await self._uid(connection_id)
        call = ListCall("ListSyncRuns", uid)
        after = self._pages.open(call, request.page_token)
        start = None if after is None else SyncRunId(after)
        rows = await self._runs.page(connection_id, after=start, limit=size + 1)
        messages, last = page_of(rows, lambda run: self._message(run, uid), size=size, key=lambda run: run.id)
        return pb.ListSyncRunsResponse(sync_runs=messages, next_page_token=next_token(self._pages, call, last))

    async def WatchSyncRun(  # noqa: N802 - the contract's name
        self,
        request: pb.WatchSyncRunRequest,
        context: _WatchContext,  # noqa: ARG002 - gRPC passes it
    ) -> AsyncIterator[pb.WatchSyncRunResponse]:
        """Streams a run until it ends."""
        connection_id, run_id = parse_sync_run(request.name, "name")
        uid = await self._uid(connection_id)
        runs = self._runner.watch(connection_id, run_id)
        async for run in until(self._stopping, runs):
            yield pb.WatchSyncRunResponse(sync_run=self._message(run, uid))

    async def ApproveSyncRun(  # noqa: N802 - the contract's name
        self,
        request: pb.ApproveSyncRunRequest,
        context: _ApproveContext,  # noqa: ARG002 - gRPC passes it
    ) -> pb.ApproveSyncRunResponse:
        """Lets a held run take effect."""
        connection_id, run_id = parse_sync_run(request.name, "name")
        uid = await self._uid(connection_id)
        approved = await self._runner.approve(connection_id, run_id)
        return pb.ApproveSyncRunResponse(sync_run=self._message(approved, uid))

    async def CancelSyncRun(  # noqa: N802 - the contract's name
        self,
        request: pb.CancelSyncRunRequest,
        context: _CancelContext,  # noqa: ARG002 - gRPC passes it
    ) -> pb.CancelSyncRunResponse:
        """Asks a run to stop."""
        connection_id, run_id = parse_sync_run(request.name, "name")
        uid = await self._uid(connection_id)
        return pb.CancelSyncRunResponse(sync_run=self._message(await self._runner.cancel(connection_id, run_id), uid))

    async def _uid(self, connection_id: ConnectionId) -> str:
        return (await self._connections.get(connection_id)).uid

    def _message(self, run: SyncRun, uid: str) -> pb.SyncRun:
        if run.revision is None or run.sync_time is None:
            return sync_run_message(run, None)
        token = self._tokens.issue(uid, run.revision)
        return sync_run_message(run, snapshot_pb2.Snapshot(token=token, sync_time=timestamp(run.sync_time)))


def _read_mode(mode: pb.SyncMode.ValueType) -> SyncMode | None:
    match mode:
        case pb.SYNC_MODE_UNSPECIFIED:
            return None
        case pb.SYNC_MODE_FULL:
            return SyncMode.FULL
        case pb.SYNC_MODE_INCREMENTAL:
            return SyncMode.INCREMENTAL
        case _:
            raise InvalidField("mode", f"`{mode}` is not a mode that this service knows: leave it out")
