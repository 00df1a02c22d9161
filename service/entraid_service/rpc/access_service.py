"""AccessService: who satisfies a condition, decided from the snapshot at hand.

Decode, decide, encode. Between taking a snapshot and the last decision on it nothing waits, so that an answer never
mixes two versions of the data.
"""

import hashlib
from collections import defaultdict
from collections.abc import Awaitable, Sequence
from typing import Final, NamedTuple, Protocol, TypeAlias

from grpc.aio import ServicerContext

from entraid.v1 import access_service_pb2 as pb
from entraid.v1 import access_service_pb2_grpc
from entraid_service.errors import EntraidError, InvalidField
from entraid_service.evaluate import Compiled
from entraid_service.model.ids import ConnectionId, UserId
from entraid_service.observe.audit_line import Asker
from entraid_service.rpc import validate
from entraid_service.rpc.condition_check import ConditionChecks
from entraid_service.rpc.conditions import Prepared
from entraid_service.rpc.deciding import CallContext, Decider, condition_of
from entraid_service.rpc.decisions import eligible_message, issue_message, response_message
from entraid_service.rpc.eligible import EligibleUsers, Search
from entraid_service.rpc.facades import Facades
from entraid_service.rpc.freshness import Served, ServedSnapshots
from entraid_service.rpc.names import parse_connection, parse_user
from entraid_service.rpc.page_tokens import ListCall, PageTokens
from entraid_service.rpc.paging import next_token, page_of
from entraid_service.rpc.shortcut import Shortcut
from entraid_service.rpc.status import from_error
from entraid_service.rpc.streams import Pipe, Streams
from entraid_service.rpc.wire import read_message

LONGEST_CORRELATION_ID = 128
_DEFAULT_PAGE = 100
_LARGEST_PAGE = 1000

_Context: TypeAlias = ServicerContext[pb.EvaluateAccessRequest, Awaitable[pb.EvaluateAccessResponse]]
_BatchContext: TypeAlias = ServicerContext[pb.BatchEvaluateAccessRequest, Awaitable[pb.BatchEvaluateAccessResponse]]
_SearchContext: TypeAlias = ServicerContext[pb.SearchEligibleUsersRequest, Awaitable[pb.SearchEligibleUsersResponse]]
_CheckContext: TypeAlias = ServicerContext[pb.ValidateConditionRequest, Awaitable[pb.ValidateConditionResponse]]


class _StreamContext(CallContext, Pipe, Protocol):
    """A call that asks and is answered by streams of bytes."""


class _Item(NamedTuple):
    """One evaluation of a batch, and where its answer goes."""

    request: pb.EvaluateAccessRequest
    user: str
    result: pb.BatchEvaluateAccessResponse.Result


class AccessService(access_service_pb2_grpc.AccessServiceServicer):
    """Answers AccessService."""

    def __init__(self, facades: Facades, *, served: ServedSnapshots, knows_callers: bool) -> None:
        self._served = served
        self._connections = facades.connections
        self._decider = Decider(facades, knows_callers=knows_callers)
        self._eligible = EligibleUsers(facades.lists, served=served)
        self._checks = ConditionChecks(self._eligible, served=served)
        self._pages = PageTokens(facades.signer)
        self._streams = Streams()
        self._shortcut = Shortcut(self._decider, served)
        self.shortcuts: Final = {
            "/entraid.v1.AccessService/EvaluateAccess": self._shortcut.evaluate,
            "/entraid.v1.AccessService/BatchEvaluateAccess": self._shortcut.batch,
        }
        """What answers the plain form of a method's requests, by the method's name in full."""
        self.pipes: Final = frozenset(("/entraid.v1.AccessService/StreamEvaluateAccess",))
        """Methods, both of whose sides are streams, that read and write bytes by themselves."""

    def stop_streams(self) -> None:
        """Ends every stream, which would otherwise hold up a clean stop for as long as its caller likes."""
        self._streams.stop()

    async def EvaluateAccess(  # noqa: N802 - the contract's name
        self, request: pb.EvaluateAccessRequest, context: _Context
    ) -> pb.EvaluateAccessResponse:
        """Decides for one user."""
        return await self._evaluate(request, self._decider.asker(context))

    async def BatchEvaluateAccess(  # noqa: N802 - the contract's name
        self, request: pb.BatchEvaluateAccessRequest, context: _BatchContext
    ) -> pb.BatchEvaluateAccessResponse:
        """Decides many at once, with one snapshot for each connection."""
        if len(request.requests) > validate.MOST_EVALUATIONS:
            raise InvalidField(
                "requests",
                f"{len(request.requests)} evaluations are too many: at most {validate.MOST_EVALUATIONS} are taken at "
                "once",
            )
        response = pb.BatchEvaluateAccessResponse()
        places: defaultdict[ConnectionId, list[_Item]] = defaultdict(list)
        for request_item in request.requests:
            result = response.results.add()
            try:
                connection_id, user = parse_user(request_item.user, "user")
                places[connection_id].append(_Item(request_item, user, result))
            except EntraidError as error:
                result.error.CopyFrom(from_error(error))
        asker = self._decider.asker(context)
        for connection_id, items in places.items():
            await self._decide_all(connection_id, items, asker)
        return response

    async def StreamEvaluateAccess(  # type: ignore[override] # noqa: N802 - the contract's name
        self,
        request_iterator: object,  # noqa: ARG002 - gRPC passes it
        context: _StreamContext,
    ) -> None:
        """Decides for as long as the caller asks: one after another, so that a caller who does not read is not read."""
        asker = self._decider.asker(context)

        async def otherwise(data: bytes) -> bytes:
            message = read_message(pb.StreamEvaluateAccessRequest.FromString, data)
            return (await self._stream_answer(message, asker)).SerializeToString()

        await self._streams.answer_all(context, lambda data: self._shortcut.stream(data, asker), otherwise)

    async def SearchEligibleUsers(  # noqa: N802 - the contract's name
        self,
        request: pb.SearchEligibleUsersRequest,
        context: _SearchContext,  # noqa: ARG002 - gRPC passes it
    ) -> pb.SearchEligibleUsersResponse:
        """Lists those for whom EvaluateAccess allows."""
        connection_id = parse_connection(request.parent, "parent")
        size = validate.page_size(request.page_size, default=_DEFAULT_PAGE, most=_LARGEST_PAGE)
        prepared = self._decider.prepared(request.condition if request.HasField("condition") else None)
        connection = await self._connections.get(connection_id)
        call = ListCall("SearchEligibleUsers", connection.uid, (_arguments(request),))
        after = self._pages.open(call, request.page_token)
        search = Search(
            connection_id,
            prepared.compiled,
            request.consistency if request.HasField("consistency") else None,
            request.explain,
        )
        page = await self._eligible.page(search, after=None if after is None else UserId(after), size=size)
        messages, last = page_of(
            page.found,
            lambda found: eligible_message(connection_id, found.user, found.decision),
            size=size,
            key=lambda found: found.user.id,
        )
        return pb.SearchEligibleUsersResponse(
            users=messages,
            next_page_token=next_token(self._pages, call, page.after if last is None else last),
            snapshot=page.served.label.message,
        )

    async def ValidateCondition(  # noqa: N802 - the contract's name
        self,
        request: pb.ValidateConditionRequest,
        context: _CheckContext,  # noqa: ARG002 - gRPC passes it
    ) -> pb.ValidateConditionResponse:
        """Looks a condition over."""
        connection_id = parse_connection(request.parent, "parent")
        if not request.HasField("condition"):
            raise InvalidField("condition", "there is nothing to look over: give a condition")
        checked = await self._checks.check(connection_id, request.condition)
        return pb.ValidateConditionResponse(
            issues=[issue_message(issue) for issue in checked.issues], snapshot=checked.served.label.message
        )

    async def _evaluate(self, request: pb.EvaluateAccessRequest, asker: Asker | None) -> pb.EvaluateAccessResponse:
        connection_id, user = parse_user(request.user, "user")
        prepared = self._decider.prepared(condition_of(request))
        if request.HasField("consistency"):
            served = await self._served.get(connection_id, (request.consistency,))
            self._served.check(served, request.consistency)
        else:
            served = self._served.peek(connection_id) or await self._served.get(connection_id)
        return self._answer(request, user, prepared, served, asker)

    def _answer(
        self,
        request: pb.EvaluateAccessRequest,
        user: str,
        prepared: Prepared[Compiled],
        served: Served,
        asker: Asker | None,
    ) -> pb.EvaluateAccessResponse:
        decision, decision_id = self._decider.decided(user, prepared, served, asker, explain=request.explain)
        return response_message(decision, served, decision_id=decision_id)

    async def _stream_answer(
        self, message: pb.StreamEvaluateAccessRequest, asker: Asker | None
    ) -> pb.StreamEvaluateAccessResponse:
        mark = message.correlation_id
        if len(mark) > LONGEST_CORRELATION_ID:
            # Nobody could tell whose answer a shortened mark is on: the stream as a whole is wrong.
            raise InvalidField(
                "correlation_id",
                f"the mark has {len(mark)} characters: at most {LONGEST_CORRELATION_ID} are taken",
            )
        try:
            if not mark:
                raise InvalidField("correlation_id", "`correlation_id` is empty: give a mark, which the answer repeats")
            return pb.StreamEvaluateAccessResponse(
                correlation_id=mark, response=await self._evaluate(message.request, asker)
            )
        except EntraidError as error:
            return pb.StreamEvaluateAccessResponse(correlation_id=mark, error=from_error(error))

    async def _decide_all(self, connection_id: ConnectionId, items: Sequence[_Item], asker: Asker | None) -> None:
        bounds = [item.request.consistency for item in items if item.request.HasField("consistency")]
        try:
            served = await self._served.get(connection_id, bounds)
        except EntraidError as error:
            failed = from_error(error)
            for item in items:
                item.result.error.CopyFrom(failed)
            return
        for item in items:
            self._decide(item, served, asker)

    def _decide(self, item: _Item, served: Served, asker: Asker | None) -> None:
        try:
            prepared = self._decider.prepared(condition_of(item.request))
            if item.request.HasField("consistency"):
                self._served.check(served, item.request.consistency)
            item.result.response.CopyFrom(self._answer(item.request, item.user, prepared, served, asker))
        except EntraidError as error:
            item.result.error.CopyFrom(from_error(error))


def _arguments(request: pb.SearchEligibleUsersRequest) -> str:
    """What a page token is bound to beside the connection: all that must stay the same, in short."""
    same = pb.SearchEligibleUsersRequest()
    same.CopyFrom(request)
    same.ClearField("page_size")
    same.ClearField("page_token")
    return hashlib.sha256(same.SerializeToString(deterministic=True)).hexdigest()
