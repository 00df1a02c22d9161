"""StreamEvaluateAccess: order, marks, errors, flow control, and the end."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import grpc
import pytest

from entraid.v1 import access_service_pb2 as pb
from entraid_service.rpc.access_service import LONGEST_CORRELATION_ID
from entraid_service.rpc.server import GrpcServer
from rpc.rooms import ADELE, BRUNO, Server
from rpc.told import field_of, reason_of

IN_EMEA = pb.Condition(group=pb.GroupCondition(values=["EMEA"]))


def ask(mark: str, user: str = ADELE, *, connection: str = "main") -> pb.StreamEvaluateAccessRequest:
    """May this user, who must be in EMEA."""
    request = pb.EvaluateAccessRequest(user=f"connections/{connection}/users/{user}", condition=IN_EMEA)
    return pb.StreamEvaluateAccessRequest(correlation_id=mark, request=request)


async def sent(*messages: pb.StreamEvaluateAccessRequest) -> AsyncIterator[pb.StreamEvaluateAccessRequest]:
    """A caller's half of a stream."""
    for message in messages:
        yield message


async def test_answers_come_in_order_with_their_marks(server: Server) -> None:
    """One answer to each message, each with its mark, also where marks repeat."""
    await server.commit(await server.add_connection())
    asked = [ask(f"m{number % 7}", ADELE if number % 3 else BRUNO) for number in range(300)]
    answers = [answer async for answer in server.access.StreamEvaluateAccess(sent(*asked))]
    assert [answer.correlation_id for answer in answers] == [message.correlation_id for message in asked]
    assert [answer.response.decision == pb.DECISION_ALLOW for answer in answers] == [
        bool(number % 3) for number in range(300)
    ]
    assert len({answer.response.decision_id for answer in answers}) == 300


async def test_a_failing_request_leaves_the_stream_alive(server: Server) -> None:
    """Each fault is the answer to its own message; the next one is decided."""
    await server.commit(await server.add_connection())
    await server.add_connection("fresh")
    messages = [
        ask("unknown", connection="other"),
        ask("unsynced", connection="fresh"),
        pb.StreamEvaluateAccessRequest(correlation_id="empty"),
        ask(""),
        ask("good"),
    ]
    answers = [answer async for answer in server.access.StreamEvaluateAccess(sent(*messages))]
    assert [answer.correlation_id for answer in answers] == ["unknown", "unsynced", "empty", "", "good"]
    assert [reason_of(answer.error) for answer in answers[:4]] == [
        "RESOURCE_NOT_FOUND",
        "DIRECTORY_NOT_SYNCED",
        "INVALID_FIELD",
        "INVALID_FIELD",
    ]
    assert [field_of(answer.error) for answer in answers[2:4]] == ["user", "correlation_id"]
    assert answers[4].response.decision == pb.DECISION_ALLOW


async def test_a_mark_that_is_too_long_ends_the_stream(server: Server) -> None:
    """What was asked before is answered; a cut mark could be somebody else's."""
    await server.commit(await server.add_connection())
    call = server.access.StreamEvaluateAccess(sent(ask("x" * LONGEST_CORRELATION_ID), ask("x" * 129)))
    answers = aiter(call)
    assert (await anext(answers)).response.decision == pb.DECISION_ALLOW
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await anext(answers)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert field_of(caught.value) == "correlation_id"


@pytest.mark.parametrize(
    "data", [b"\xff", b"\n\x02\xc3\x28" + ask("x").SerializeToString()[3:]], ids=["no message", "no text"]
)
async def test_bytes_that_are_no_message_end_the_stream(server: Server, data: bytes) -> None:
    """In plain words, after what was asked before is answered; marks are text, and nothing else is repeated."""
    await server.commit(await server.add_connection())
    call: grpc.aio.StreamStreamCall[bytes, bytes] = server.channel.stream_stream(
        "/entraid.v1.AccessService/StreamEvaluateAccess"
    )()
    for _ in range(2):  # the second is decided the short way
        await call.write(ask("x").SerializeToString())
        answered = await call.read()
        assert isinstance(answered, bytes)
        answer = pb.StreamEvaluateAccessResponse.FromString(answered)
        assert answer.response.decision == pb.DECISION_ALLOW
    await call.write(data)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "the bytes are not a message" in (caught.value.details() or "")


async def test_a_removal_is_seen_in_the_middle_of_a_stream(server: Server) -> None:
    """Every answer is read from the newest data of its moment, and names it."""
    connection = await server.add_connection()
    await server.commit(connection)
    call = server.access.StreamEvaluateAccess()
    await call.write(ask("before"))
    before = await call.read()
    await server.commit(connection, edges=[])
    await server.snapshots.refresh(connection.id)
    await call.write(ask("after"))
    after = await call.read()
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF
    assert isinstance(before, pb.StreamEvaluateAccessResponse)
    assert isinstance(after, pb.StreamEvaluateAccessResponse)
    assert (before.response.decision, after.response.decision) == (pb.DECISION_ALLOW, pb.DECISION_DENY)
    assert before.response.snapshot.token != after.response.snapshot.token


async def test_a_caller_who_does_not_read_is_not_read(server: Server) -> None:
    """The server stops taking messages once its answers are not taken, instead of piling them up."""
    await server.commit(await server.add_connection())
    taken = 0
    wordy = ask("m")
    wordy.request.condition.group.values[:] = ["x" * 1000] * 3  # which the ground of the denial repeats

    async def endless() -> AsyncIterator[pb.StreamEvaluateAccessRequest]:
        nonlocal taken
        while True:
            taken += 1
            yield wordy

    call = server.access.StreamEvaluateAccess(endless())
    await anext(aiter(call))
    last, still = 0, 0
    while still < 5:
        await asyncio.sleep(0.1)
        still = still + 1 if taken == last else 0
        last = taken
        assert taken < 50_000
    call.cancel()


async def test_an_idle_stream_does_not_hold_up_the_stop(server: Server, grpc_server: GrpcServer) -> None:
    """A stream that waits for its caller ends at once, in UNAVAILABLE: the caller may go on elsewhere."""
    await server.commit(await server.add_connection())
    call = server.access.StreamEvaluateAccess()
    await call.write(ask("one"))
    await call.read()
    started = time.monotonic()
    await grpc_server.stop(timedelta(seconds=20))
    assert time.monotonic() - started < 10
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_stream_that_its_caller_cancels_leaves_nothing(server: Server) -> None:
    """Cancelled streams are gone; the server goes on."""
    await server.commit(await server.add_connection())
    for _ in range(20):
        call = server.access.StreamEvaluateAccess()
        await call.write(ask("one"))
        await call.read()
        call.cancel()
    answers = [answer async for answer in server.access.StreamEvaluateAccess(sent(ask("last")))]
    assert answers[0].response.decision == pb.DECISION_ALLOW
