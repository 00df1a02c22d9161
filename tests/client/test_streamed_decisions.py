"""Streams of decisions: an answer belongs to the request whose turn it is, or it is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import pytest

from client.scripted_service import Broken, Refusal, Script, error_info
from entraid.v1 import access_service_pb2 as pb
from entraid_client import evaluation, is_allowed
from entraid_client.conditions import group
from entraid_client.errors import DirectoryNotSynced, EntraidError, ServerFault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from entraid_client import BatchOutcome, EntraidClient

ALLOW = pb.EvaluateAccessResponse(decision=pb.DECISION_ALLOW)


async def asked(*marks: str) -> AsyncIterator[tuple[str, pb.EvaluateAccessRequest]]:
    """A request for each mark."""
    for mark in marks:
        yield mark, evaluation(f"user-{mark}", group("Sales"), connection="c")


def answer(mark: str) -> pb.StreamEvaluateAccessResponse:
    """An allow."""
    return pb.StreamEvaluateAccessResponse(correlation_id=mark, response=ALLOW)


async def read(client: EntraidClient, *marks: str) -> list[tuple[str, BatchOutcome]]:
    """Every mark with its outcome."""
    return [each async for each in client.stream_evaluate_access(asked(*marks))]


async def test_answers_come_with_their_marks(script: Script, client: EntraidClient) -> None:
    """Allows, errors and empty answers in order; only the allow lets anybody in."""
    details = (error_info("ERROR_REASON_DIRECTORY_NOT_SYNCED"),)
    unsynced = Refusal(grpc.StatusCode.FAILED_PRECONDITION, "not synced", details).status()
    script.answer(
        "StreamEvaluateAccess",
        answer("a"),
        pb.StreamEvaluateAccessResponse(correlation_id="b", error=unsynced),
        pb.StreamEvaluateAccessResponse(correlation_id="c"),
    )
    outcomes = await read(client, "a", "b", "c")
    assert [(mark, is_allowed(outcome)) for mark, outcome in outcomes] == [("a", True), ("b", False), ("c", False)]
    assert isinstance(outcomes[1][1], DirectoryNotSynced)
    assert isinstance(outcomes[2][1], ServerFault)
    sent = script.requests("StreamEvaluateAccess")
    assert all(isinstance(message, pb.StreamEvaluateAccessRequest) for message in sent)
    assert len(sent) == 3


@pytest.mark.parametrize(
    "steps",
    [
        (answer("b"), answer("a")),
        (Broken((answer("a"), answer("a"))),),
        (answer("a"), Broken(())),
        (answer(""), answer("")),
    ],
)
async def test_an_answer_out_of_turn_decides_nothing(
    script: Script, client: EntraidClient, steps: tuple[pb.StreamEvaluateAccessResponse | Broken, ...]
) -> None:
    """Swapped, doubled, left out or without its mark: an error, for it could be somebody else's."""
    script.answer("StreamEvaluateAccess", *steps)
    with pytest.raises(ServerFault, match="service"):
        await read(client, "a", "b")


async def test_a_stream_that_breaks_off_is_an_error(script: Script, client: EntraidClient) -> None:
    """What was answered is told; then the error is raised, and nothing is asked a second time."""
    script.answer("StreamEvaluateAccess", answer("a"), Refusal(grpc.StatusCode.UNAVAILABLE))
    answers = client.stream_evaluate_access(asked("a", "b", "c"))
    assert (await anext(answers))[0] == "a"
    with pytest.raises(EntraidError):
        await anext(answers)
