"""Decisions: nothing but a plain ALLOW for this very request lets anybody in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import pytest

from client.scripted_service import Refusal, Script, error_info
from entraid.v1 import access_service_pb2 as pb
from entraid_client import evaluation, is_allowed
from entraid_client.conditions import all_of, any_of, group, none_of
from entraid_client.errors import DirectoryNotSynced, ServerFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from entraid_client import EntraidClient

ALLOW = pb.EvaluateAccessResponse(decision=pb.DECISION_ALLOW)
DENY = pb.EvaluateAccessResponse(decision=pb.DECISION_DENY)


def requests(count: int) -> list[pb.EvaluateAccessRequest]:
    """That many evaluations."""
    return [evaluation(f"u{number}", group("Sales"), connection="c") for number in range(count)]


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (ALLOW, True),
        (DENY, False),
        (pb.EvaluateAccessResponse(), False),
        (pb.EvaluateAccessResponse.FromString(b"\x08\x63"), False),  # decision 99 of a newer service
    ],
)
async def test_only_allow_allows(
    script: Script, client: EntraidClient, response: pb.EvaluateAccessResponse, expected: bool
) -> None:
    """A missing decision and one that this client does not know deny."""
    script.answer("EvaluateAccess", response)
    answer = await client.evaluate_access("u", group("Sales"), connection="c")
    assert is_allowed(answer) is expected


@pytest.mark.parametrize("results", [0, 1, 3])
async def test_a_batch_with_another_number_of_results_decides_nothing(
    script: Script, client: EntraidClient, results: int
) -> None:
    """With a result too few or too many, each could be somebody else's."""
    result = pb.BatchEvaluateAccessResponse.Result(response=ALLOW)
    script.answer("BatchEvaluateAccess", pb.BatchEvaluateAccessResponse(results=[result] * results))
    with pytest.raises(ServerFault, match="`2` requests"):
        await client.batch_evaluate_access(requests(2))


async def test_a_batch_keeps_its_order_and_its_errors_apart(script: Script, client: EntraidClient) -> None:
    """Each outcome stands where its request stood; errors and empty results deny."""
    details = (error_info("ERROR_REASON_DIRECTORY_NOT_SYNCED"),)
    unsynced = Refusal(grpc.StatusCode.FAILED_PRECONDITION, "not synced", details).status()
    result = pb.BatchEvaluateAccessResponse.Result
    results = [result(response=DENY), result(error=unsynced), result(), result(response=ALLOW)]
    script.answer("BatchEvaluateAccess", pb.BatchEvaluateAccessResponse(results=results))
    outcomes = await client.batch_evaluate_access(requests(4))
    assert [is_allowed(outcome) for outcome in outcomes] == [False, False, False, True]
    assert isinstance(outcomes[1], DirectoryNotSynced)
    assert isinstance(outcomes[2], ServerFault)


@pytest.mark.parametrize("combine", [all_of, any_of, none_of])
def test_a_combination_of_nothing_is_refused(combine: Callable[[], pb.Condition]) -> None:
    """All of no conditions would hold of everybody."""
    with pytest.raises(ValueError, match="at least one"):
        combine()


async def test_names_are_sent_as_they_are(script: Script, client: EntraidClient) -> None:
    """A guest's UPN holds a `#`, an Irish one a `'`; neither is encoded or cut."""
    script.answer("EvaluateAccess", DENY)
    upn = "o'neil_fabrikam.com#EXT#@contoso.onmicrosoft.com"
    await client.evaluate_access(upn, group("Sales"), connection="c")
    await client.evaluate_access(f"connections/c/users/{upn}", group("Sales"))
    sent = [
        request.user for request in script.requests("EvaluateAccess") if isinstance(request, pb.EvaluateAccessRequest)
    ]
    assert sent == [f"connections/c/users/{upn}"] * 2
