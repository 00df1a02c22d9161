"""AccessService: who satisfies a condition, decided from the snapshot at hand.

Decode, decide, encode. Between taking a snapshot and the last decision on it nothing waits, so that an answer never
mixes two versions of the data.
"""

from collections import defaultdict
from collections.abc import Awaitable
from typing import TypeAlias

from google.rpc import status_pb2
from grpc.aio import ServicerContext

from entraid.v1 import access_service_pb2 as pb
from entraid.v1 import access_service_pb2_grpc
from entraid_service.errors import EntraidError, InvalidField
from entraid_service.evaluate.compile import Compiled, compile_condition
from entraid_service.evaluate.decide import decide
from entraid_service.model.ids import ConnectionId
from entraid_service.rpc.conditions import ConditionCache
from entraid_service.rpc.decisions import response_message
from entraid_service.rpc.facades import Facades
from entraid_service.rpc.freshness import Served, ServedSnapshots
from entraid_service.rpc.names import parse_user
from entraid_service.rpc.status import from_error

MOST_REQUESTS = 500
"""Evaluations of one batch."""

_Context: TypeAlias = ServicerContext[pb.EvaluateAccessRequest, Awaitable[pb.EvaluateAccessResponse]]
_BatchContext: TypeAlias = ServicerContext[pb.BatchEvaluateAccessRequest, Awaitable[pb.BatchEvaluateAccessResponse]]


class AccessService(access_service_pb2_grpc.AccessServiceServicer):
    """Answers AccessService."""

    def __init__(self, facades: Facades, *, served: ServedSnapshots) -> None:
        self._served = served
        self._conditions: ConditionCache[Compiled] = ConditionCache(compile_condition)
        self._new_decision_id = facades.new_decision_id
        self._count_decision = facades.metrics.count_decision

    async def EvaluateAccess(  # noqa: N802 - the contract's name
        self,
        request: pb.EvaluateAccessRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> pb.EvaluateAccessResponse:
        """Decides for one user."""
        connection_id, user = parse_user(request.user, "user")
        compiled = self._compiled(request)
        if request.HasField("consistency"):
            served = await self._served.get(connection_id, (request.consistency,))
            self._served.check(served, request.consistency)
        else:
            served = self._served.peek(connection_id) or await self._served.get(connection_id)
        return self._decide(request, user, compiled=compiled, served=served)

    async def BatchEvaluateAccess(  # noqa: N802 - the contract's name
        self,
        request: pb.BatchEvaluateAccessRequest,
        context: _BatchContext,  # noqa: ARG002 - gRPC passes it
    ) -> pb.BatchEvaluateAccessResponse:
        """Decides many at once, with one snapshot for each connection."""
        if len(request.requests) > MOST_REQUESTS:
            raise InvalidField(
                "requests",
                f"{len(request.requests)} evaluations are too many: at most {MOST_REQUESTS} are taken at once",
            )
        results: dict[int, pb.BatchEvaluateAccessResponse.Result] = {}
        places: defaultdict[ConnectionId, list[int]] = defaultdict(list)
        for place, item in enumerate(request.requests):
            try:
                connection_id, _ = parse_user(item.user, "user")
                places[connection_id].append(place)
            except EntraidError as error:
                results[place] = _failed(from_error(error))
        for connection_id, of_connection in places.items():
            items = {place: request.requests[place] for place in of_connection}
            results.update(await self._decide_all(connection_id, items))
        return pb.BatchEvaluateAccessResponse(results=[results[place] for place in range(len(request.requests))])

    async def _decide_all(
        self, connection_id: ConnectionId, items: dict[int, pb.EvaluateAccessRequest]
    ) -> dict[int, pb.BatchEvaluateAccessResponse.Result]:
        bounds = [item.consistency for item in items.values() if item.HasField("consistency")]
        try:
            served = await self._served.get(connection_id, bounds)
        except EntraidError as error:
            failed = _failed(from_error(error))
            return dict.fromkeys(items, failed)
        return {place: self._result(item, served) for place, item in items.items()}

    def _result(self, item: pb.EvaluateAccessRequest, served: Served) -> pb.BatchEvaluateAccessResponse.Result:
        try:
            _, user = parse_user(item.user, "user")
            compiled = self._compiled(item)
            if item.HasField("consistency"):
                self._served.check(served, item.consistency)
            return pb.BatchEvaluateAccessResponse.Result(
                response=self._decide(item, user, compiled=compiled, served=served)
            )
        except EntraidError as error:
            return _failed(from_error(error))

    def _compiled(self, request: pb.EvaluateAccessRequest) -> Compiled:
        if not request.HasField("condition"):
            raise InvalidField("condition", "there is nothing to decide: give the condition that the user must satisfy")
        return self._conditions.compiled(request.condition)

    def _decide(
        self, request: pb.EvaluateAccessRequest, user: str, *, compiled: Compiled, served: Served
    ) -> pb.EvaluateAccessResponse:
        decision = decide(served.snapshot, compiled, user, explain=request.explain)
        self._count_decision(is_allowed=decision.is_allowed)
        return response_message(decision, served, decision_id=self._new_decision_id())


def _failed(status: status_pb2.Status) -> pb.BatchEvaluateAccessResponse.Result:
    return pb.BatchEvaluateAccessResponse.Result(error=status)
