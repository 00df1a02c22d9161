"""The calls of `AccessService`.

Whatever is not plainly an ALLOW denies: `is_allowed` is the one place that says so, and an answer that does not fit its
request is an error, never a decision.
"""

from __future__ import annotations

from collections import deque
from contextlib import aclosing
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

from entraid.v1 import access_service_pb2 as pb
from entraid_client import decode
from entraid_client.errors import EntraidError
from entraid_client.names import connection_name, user_name
from entraid_client.pages import walk
from entraid_client.wire import OverWire

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence

    from entraid.v1.snapshot_pb2 import Consistency

_RPCS: Final = pb.DESCRIPTOR.services_by_name["AccessService"].methods_by_name

_STREAM_DEADLINE: Final = timedelta(hours=1)

BatchOutcome: TypeAlias = pb.EvaluateAccessResponse | EntraidError


def is_allowed(outcome: BatchOutcome) -> bool:
    """Whether the answer lets the user in. An error, an unknown value and a missing decision do not."""
    return isinstance(outcome, pb.EvaluateAccessResponse) and outcome.decision == pb.DECISION_ALLOW


def evaluation(
    user: str,
    condition: pb.Condition,
    *,
    connection: str = "",
    consistency: Consistency | None = None,
    explain: bool = False,
) -> pb.EvaluateAccessRequest:
    """One evaluation, for `evaluate_access` and for batches.

    Args:
        user: Full name, or object ID, UPN or mail address together with `connection`.
        condition: What the user must satisfy; see `conditions.py`.
        connection: ID or full name, where `user` is a bare one.
        consistency: How fresh the data must be; None takes what there is.
        explain: Whether the answer shall tell how each condition came out.

    Raises:
        ValueError: The names do not fit together.
    """
    return pb.EvaluateAccessRequest(
        user=user_name(user, connection), condition=condition, consistency=consistency, explain=explain
    )


class AccessCalls(OverWire):
    """Asks for decisions."""

    async def evaluate_access(
        self,
        user: str,
        condition: pb.Condition,
        *,
        connection: str = "",
        consistency: Consistency | None = None,
        explain: bool = False,
        deadline: timedelta | None = None,
    ) -> pb.EvaluateAccessResponse:
        """The decision for one user; arguments as in `evaluation`. Ask `is_allowed` about the answer.

        Raises:
            Resync: There is no data, or none that is fresh enough.
            EntraidError: See `errors.py`. An error is no decision, so it lets nobody in.
        """
        request = evaluation(user, condition, connection=connection, consistency=consistency, explain=explain)
        return await self._wire.calls.unary(
            self._wire.access.EvaluateAccess, request, rpc=_RPCS["EvaluateAccess"], deadline=deadline
        )

    async def batch_evaluate_access(
        self, requests: Sequence[pb.EvaluateAccessRequest], *, deadline: timedelta | None = None
    ) -> list[BatchOutcome]:
        """Many decisions from one snapshot per connection, at most 500.

        Returns:
            One outcome per request in the same order: the answer, or the error that stands in its place.

        Raises:
            ServerFault: The answer has another number of results, so that nobody can tell whose they are.
            EntraidError: The batch as a whole failed.
        """
        rpc = _RPCS["BatchEvaluateAccess"]
        response = await self._wire.calls.unary(
            self._wire.access.BatchEvaluateAccess,
            pb.BatchEvaluateAccessRequest(requests=requests),
            rpc=rpc,
            deadline=deadline,
        )
        if len(response.results) != len(requests):
            got, expected = len(response.results), len(requests)
            raise decode.fault(f"the service answered `{expected}` requests with `{got}` results", rpc=rpc.full_name)
        return [_outcome(result, rpc.full_name) for result in response.results]

    async def stream_evaluate_access(
        self,
        requests: AsyncIterable[tuple[str, pb.EvaluateAccessRequest]],
        *,
        deadline: timedelta = _STREAM_DEADLINE,
    ) -> AsyncGenerator[tuple[str, BatchOutcome], None]:
        """Decisions for as long as requests come; who reads slowly is asked for requests slowly.

        Args:
            requests: Pairs of a mark of the caller's, 1 to 128 characters, and what `evaluation` made.
            deadline: For the stream as a whole.

        Yields:
            The mark and the outcome of each request, in their order: the answer, or the error that stands in its place.

        Raises:
            ServerFault: An answer is to another request than the one whose turn it is, or is missing.
            EntraidError: The stream broke off; what was not answered may be asked again.
        """
        rpc = _RPCS["StreamEvaluateAccess"]
        unanswered: deque[str] = deque()

        async def messages() -> AsyncIterator[pb.StreamEvaluateAccessRequest]:
            async for mark, request in requests:
                unanswered.append(mark)
                yield pb.StreamEvaluateAccessRequest(correlation_id=mark, request=request)

        method = self._wire.access.StreamEvaluateAccess
        async with aclosing(self._wire.calls.duplex(method, messages(), rpc=rpc, deadline=deadline)) as answers:
            async for answer in answers:
                if not unanswered or unanswered.popleft() != answer.correlation_id:
                    raise decode.fault("the service gave an answer out of turn", rpc=rpc.full_name)
                yield answer.correlation_id, _outcome(answer, rpc.full_name)
        if unanswered:
            raise decode.fault(f"the service left out `{len(unanswered)}` answers", rpc=rpc.full_name)

    async def search_eligible_users(
        self,
        connection: str,
        condition: pb.Condition,
        *,
        consistency: Consistency | None = None,
        explain: bool = False,
        page_size: int = 0,
        deadline: timedelta | None = None,
    ) -> AsyncIterator[pb.EligibleUser]:
        """Everybody of a connection for whom `evaluate_access` allows, by object ID; each page within `deadline`."""
        async for page in self.search_eligible_pages(
            connection, condition, consistency=consistency, explain=explain, page_size=page_size, deadline=deadline
        ):
            for user in page.users:
                yield user

    def search_eligible_pages(
        self,
        connection: str,
        condition: pb.Condition,
        *,
        consistency: Consistency | None = None,
        explain: bool = False,
        page_size: int = 0,
        deadline: timedelta | None = None,
    ) -> AsyncIterator[pb.SearchEligibleUsersResponse]:
        """The pages of `search_eligible_users`, for callers who want the snapshot that each was read from."""
        parent = connection_name(connection)
        rpc = _RPCS["SearchEligibleUsers"]

        async def fetch(token: str) -> pb.SearchEligibleUsersResponse:
            request = pb.SearchEligibleUsersRequest(
                parent=parent,
                condition=condition,
                consistency=consistency,
                explain=explain,
                page_size=page_size,
                page_token=token,
            )
            return await self._wire.calls.unary(
                self._wire.access.SearchEligibleUsers, request, rpc=rpc, deadline=deadline
            )

        return walk(fetch, rpc=rpc)

    async def validate_condition(
        self, connection: str, condition: pb.Condition, *, deadline: timedelta | None = None
    ) -> pb.ValidateConditionResponse:
        """What is to be said against a condition before it is used."""
        request = pb.ValidateConditionRequest(parent=connection_name(connection), condition=condition)
        return await self._wire.calls.unary(
            self._wire.access.ValidateCondition, request, rpc=_RPCS["ValidateCondition"], deadline=deadline
        )


def _outcome(result: pb.BatchEvaluateAccessResponse.Result | pb.StreamEvaluateAccessResponse, rpc: str) -> BatchOutcome:
    match result.WhichOneof("outcome"):
        case "response":
            return result.response
        case "error":
            return decode.from_status(result.error)
        case _:
            return _no_outcome(rpc)


def _no_outcome(rpc: str) -> EntraidError:
    return decode.fault("the service left out a result", rpc=rpc)
