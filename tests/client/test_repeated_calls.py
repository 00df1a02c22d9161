"""Which calls the client makes again, when, and how often."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import grpc
import pytest
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st

from client.scripted_service import CONTRACT, UNAVAILABLE, Refusal, Script, Silence, error_info, retry_info
from entraid.v1 import access_service_pb2, connection_service_pb2, directory_service_pb2, sync_service_pb2
from entraid_client import ClientSecret, EntraidClient, EntraidError, Problem, RetryPolicy, Secret, evaluation
from entraid_client.conditions import group
from entraid_client.errors import DeadlinePassed, GraphThrottled, RetryLater, ServiceUnavailable
from entraid_client.retry import contract_allows_repeat

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from google.protobuf.message import Message

CREDENTIALS = ClientSecret("app", Secret("s3cr3t-value"))
USER = directory_service_pb2.GetUserResponse(user=directory_service_pb2.User(object_id="u1"))
OVERLOAD = Refusal(
    grpc.StatusCode.RESOURCE_EXHAUSTED, details=(error_info("ERROR_REASON_OVERLOADED"), retry_info(0.01))
)
OTHER_CODES = [code for code in grpc.StatusCode if code not in {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}]

READS: dict[str, Callable[[EntraidClient], Awaitable[object]]] = {
    "GetConnection": lambda client: client.get_connection("c"),
    "GetUser": lambda client: client.get_user("u", connection="c"),
    "GetGroup": lambda client: client.get_group("g", connection="c"),
    "GetSyncRun": lambda client: client.get_sync_run("r", connection="c"),
    "EvaluateAccess": lambda client: client.evaluate_access("u", group("Sales"), connection="c"),
    "BatchEvaluateAccess": lambda client: client.batch_evaluate_access([]),
    "Disconnect": lambda client: client.disconnect("c"),
    "ApproveSyncRun": lambda client: client.approve_sync_run("r", connection="c"),
    "CancelSyncRun": lambda client: client.cancel_sync_run("r", connection="c"),
    "UpdateConnection": lambda client: client.update_connection(
        connection_service_pb2.Connection(name="connections/c")
    ),
}


def response_of(rpc: str) -> Message:
    """An empty answer of a call."""
    methods = {
        method.name: method
        for file in CONTRACT
        for service in file.services_by_name.values()
        for method in service.methods
    }
    return GetMessageClass(methods[rpc].output_type)()


@pytest.mark.parametrize("rpc", sorted(READS))
async def test_a_call_that_does_nothing_twice_is_made_again_until_it_is_answered(
    script: Script, client: EntraidClient, rpc: str
) -> None:
    """Two refusals for unavailability stay unseen by the caller."""
    script.answer(rpc, UNAVAILABLE, UNAVAILABLE, response_of(rpc))
    await READS[rpc](client)
    assert len(script.requests(rpc)) == 3


@pytest.mark.parametrize("code", OTHER_CODES, ids=lambda code: code.name)
async def test_nothing_else_is_tried_again(script: Script, client: EntraidClient, code: grpc.StatusCode) -> None:
    """Every other code reaches the caller after a single call, whatever RetryInfo says."""
    script.answer("GetUser", Refusal(code, details=(retry_info(0.001),)), USER)
    with pytest.raises(EntraidError) as caught:
        await client.get_user("u", connection="c")
    assert caught.value.problem.code is code
    assert len(script.calls) == 1


async def test_a_service_that_stays_away_is_asked_a_few_times_only(script: Script, client: EntraidClient) -> None:
    """Four calls, then the error."""
    script.answer("GetUser", UNAVAILABLE)
    with pytest.raises(ServiceUnavailable):
        await client.get_user("u", connection="c")
    assert len(script.calls) == RetryPolicy().attempts


async def test_connect_without_an_id_is_never_made_twice(script: Script, client: EntraidClient) -> None:
    """A lost answer may hide a connection that was made; a second call would make another."""
    script.answer("Connect", UNAVAILABLE, connection_service_pb2.ConnectResponse())
    with pytest.raises(ServiceUnavailable):
        await client.connect(CREDENTIALS, tenant="t")
    assert len(script.calls) == 1


async def test_connect_with_an_id_is_made_again(script: Script, client: EntraidClient) -> None:
    """The ID makes the second call mean the same connection."""
    script.answer("Connect", UNAVAILABLE, connection_service_pb2.ConnectResponse())
    await client.connect(CREDENTIALS, tenant="t", connection_id="c")
    first, second = script.requests("Connect")
    assert first == second


async def test_completing_a_consent_is_never_made_twice(script: Script, client: EntraidClient) -> None:
    """Its state works once, so a second call could only fail and hide how the first ended."""
    script.answer("CompleteConsent", UNAVAILABLE, connection_service_pb2.CompleteConsentResponse())
    with pytest.raises(ServiceUnavailable):
        await client.complete_consent("https://callback.example/?state=x")
    assert len(script.calls) == 1


async def test_a_sync_is_repeated_under_one_request_id(script: Script, client: EntraidClient) -> None:
    """Without a request ID of the caller's the client makes one up, and keeps it over its repetitions."""
    script.answer("Sync", UNAVAILABLE, sync_service_pb2.SyncResponse())
    await client.sync("c")
    await client.sync("c")
    ids = [
        request.request_id for request in script.requests("Sync") if isinstance(request, sync_service_pb2.SyncRequest)
    ]
    assert ids[0] == ids[1] != ids[2]
    assert all(len(request_id) == 36 for request_id in ids)


async def test_an_overload_is_waited_out(script: Script, client: EntraidClient) -> None:
    """The service did nothing of the call yet and says when to come back."""
    script.answer("GetUser", OVERLOAD, OVERLOAD, USER)
    await client.get_user("u", connection="c")
    assert len(script.calls) == 3


async def test_the_pause_that_a_service_asks_for_is_kept(script: Script, client: EntraidClient) -> None:
    """No call goes out before RetryInfo's time is over."""
    script.answer("GetUser", Refusal(grpc.StatusCode.UNAVAILABLE, details=(retry_info(0.3),)), USER)
    await client.get_user("u", connection="c")
    first, second = script.calls
    assert second.at - first.at >= 0.3


async def test_a_pause_longer_than_the_deadline_is_not_begun(script: Script, client: EntraidClient) -> None:
    """The caller learns at once how long to wait, rather than when it is too late."""
    throttled = (error_info("ERROR_REASON_GRAPH_THROTTLED"), retry_info(90))
    script.answer("GetUser", Refusal(grpc.StatusCode.UNAVAILABLE, details=throttled))
    begin = time.monotonic()
    with pytest.raises(GraphThrottled) as caught:
        await client.get_user("u", connection="c")
    assert caught.value.retry_after == timedelta(seconds=90)
    assert time.monotonic() - begin < 2


async def test_a_service_that_is_silent_costs_no_more_than_the_deadline(script: Script, client: EntraidClient) -> None:
    """The deadline ends the call on this side, and it is not made again."""
    script.answer("EvaluateAccess", Silence())
    begin = time.monotonic()
    with pytest.raises(DeadlinePassed):
        await client.evaluate_access("u", group("g"), connection="c", deadline=timedelta(milliseconds=200))
    assert time.monotonic() - begin < 2
    assert len(script.calls) == 1


async def test_repetitions_share_one_deadline(script: Script) -> None:
    """Many attempts with short pauses do not add up to more than the caller gave."""
    script.answer("GetUser", Refusal(grpc.StatusCode.UNAVAILABLE, details=(retry_info(0.1),)))
    begin = time.monotonic()
    async with EntraidClient(script.target, retry=RetryPolicy(attempts=1000)) as client:
        with pytest.raises(RetryLater):
            await client.get_user("u", connection="c", deadline=timedelta(seconds=0.5))
    assert time.monotonic() - begin < 1.5
    assert 2 <= len(script.calls) <= 6


async def test_a_service_that_is_not_there_is_told_long_before_the_deadline() -> None:
    """Nobody listens on the port: the client does not wait for somebody to."""
    begin = time.monotonic()
    async with EntraidClient("127.0.0.1:1", deadline=timedelta(seconds=30)) as client:
        with pytest.raises(ServiceUnavailable):
            await client.evaluate_access("u", group("g"), connection="c")
    assert time.monotonic() - begin < 10


def test_exactly_the_calls_that_write_anew_are_not_repeatable_by_contract() -> None:
    """The contract's own idempotency levels decide, so a new call is not repeated by accident."""
    methods = [method for file in CONTRACT for service in file.services_by_name.values() for method in service.methods]
    assert {method.name for method in methods if not contract_allows_repeat(method)} == {
        "Connect",
        "CompleteConsent",
        "Sync",
    }


@given(
    attempt=st.integers(1, 100_000),
    asked=st.one_of(st.none(), st.floats(0, 1e6)),
    remaining=st.floats(0, 1e6),
    chance=st.floats(0, 1),
)
def test_a_pause_keeps_its_bounds(attempt: int, asked: float | None, remaining: float, chance: float) -> None:
    """It is never shorter than asked for, never longer than what is left, and never longer than the bound by itself."""
    retry_after = None if asked is None else timedelta(seconds=asked)
    policy = RetryPolicy(attempts=100_001)
    problem = Problem(grpc.StatusCode.UNAVAILABLE, "away", retry_after=retry_after)
    left = timedelta(seconds=remaining)
    pause = policy.pause(problem, attempt=attempt, remaining=left, chance=chance)
    if pause is not None:
        assert (retry_after or timedelta()) <= pause < left
        assert pause <= policy.longest_pause + (retry_after or timedelta())


def test_a_policy_without_any_attempt_is_refused() -> None:
    """It would never make a call."""
    with pytest.raises(ValueError, match="at least one attempt"):
        RetryPolicy(attempts=0)


async def test_a_batch_is_repeated_as_a_whole(script: Script, client: EntraidClient) -> None:
    """Both requests of the batch arrive again."""
    one = access_service_pb2.EvaluateAccessResponse(decision=access_service_pb2.DECISION_ALLOW)
    result = access_service_pb2.BatchEvaluateAccessResponse.Result(response=one)
    script.answer(
        "BatchEvaluateAccess", UNAVAILABLE, access_service_pb2.BatchEvaluateAccessResponse(results=[result, result])
    )
    await client.batch_evaluate_access([evaluation(name, group("g"), connection="c") for name in ("a", "b")])
    first, second = script.requests("BatchEvaluateAccess")
    assert first == second
