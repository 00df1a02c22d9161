"""The calls of `AccessService`.

Whatever is not plainly an ALLOW denies: `is_allowed` is the one place that says so, and an answer that does not fit its
request is an error, never a decision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from entraid.v1 import access_service_pb2 as pb
from entraid_client import decode
from entraid_client.errors import EntraidError
from entraid_client.names import user_name
from entraid_client.wire import OverWire

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from entraid.v1.snapshot_pb2 import Consistency

_RPCS: Final = pb.DESCRIPTOR.services_by_name["AccessService"].methods_by_name

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


def _outcome(result: pb.BatchEvaluateAccessResponse.Result, rpc: str) -> BatchOutcome:
    match result.WhichOneof("outcome"):
        case "response":
            return result.response
        case "error":
            return decode.from_status(result.error)
        case _:
            return _no_outcome(rpc)


def _no_outcome(rpc: str) -> EntraidError:
    return decode.fault("the service left out a result", rpc=rpc)
