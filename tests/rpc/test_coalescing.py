"""Decisions that are made together under load: who waits for whom, for how long, and that each gets his own answer."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, cast

import grpc
import pytest

from entraid.v1 import access_service_pb2 as pb
from entraid_service.observe.metrics import Metrics
from entraid_service.rpc.coalescing import Coalescer
from entraid_service.rpc.deciding import CallContext
from entraid_service.rpc.guard import Behaviour, Context, Guard, Serializer
from entraid_service.rpc.overload import Admission
from rpc.rooms import ADELE, BRUNO, Server
from rpc.test_shortcut import Caller, ask

if TYPE_CHECKING:
    from entraid_service.rpc.gate import Gate

LONGEST_SECONDS = 0.02


class Answers:
    """Answers with the request said twice, and keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def __call__(self, request: bytes, context: CallContext) -> bytes | None:  # noqa: ARG002 - nobody in particular
        """One answer; of odd requests none, of bad ones an error."""
        self.asked.append(request)
        if request == b"bad":
            raise ValueError("bad")
        return None if request == b"odd" else request * 2


def under_load(answers: Answers, calls: int) -> Coalescer:
    """One that has heard twice of so many calls."""
    coalescer = Coalescer(answers)
    coalescer.count(calls)
    coalescer.count(calls)
    return coalescer


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [
        ([], 0),
        ([1000], 0),
        ([7, 7], 0),
        ([8, 8], 6),
        ([8, 1000], 6),
        ([1000, 8], 6),
        ([32, 32], 24),
        ([1000, 1000], 32),
        ([1000, 1000, 0], 0),
        ([1000, 0, 1000], 0),
    ],
)
def test_how_many_are_wanted_together(counts: list[int], wanted: int) -> None:
    """Three quarters of what was under way twice in a row; none where few are."""
    coalescer = Coalescer(Answers())
    for count in counts:
        coalescer.count(count)
    assert coalescer.wanted == wanted


async def test_nobody_is_answered_before_enough_are_there() -> None:
    """Then all are, in the order in which they came, each with his own."""
    answers = Answers()
    coalescer = under_load(answers, 8)
    first = [coalescer.join(b"%d" % number, Caller()) for number in range(5)]
    await asyncio.sleep(0)
    assert not answers.asked
    last = coalescer.join(b"5", Caller())
    assert await asyncio.gather(*first, last) == [b"00", b"11", b"22", b"33", b"44", b"55"]
    assert answers.asked == [b"0", b"1", b"2", b"3", b"4", b"5"]


async def test_who_is_refused_waits_with_the_others_and_is_not_decided() -> None:
    """They count among those who are wanted, and nothing is worked out for them."""
    answers = Answers()
    coalescer = under_load(answers, 8)
    joined = [coalescer.join(b"%d" % number if number % 2 else None, Caller()) for number in range(6)]
    assert await asyncio.gather(*joined) == [None, b"11", None, b"33", None, b"55"]
    assert answers.asked == [b"1", b"3", b"5"]


class Closed:
    """A gate that refuses everybody, as in an overload."""

    def entrance(self, method: str) -> Callable[[], bool]:
        """Never."""
        del method
        return lambda: False


class Refused(Caller):
    """A call that is told how it ends."""

    def __init__(self) -> None:
        self.ended_with: grpc.StatusCode | None = None

    def set_code(self, code: grpc.StatusCode) -> None:
        """Keeps it."""
        self.ended_with = code

    def set_details(self, details: str) -> None:
        """Looks at nothing."""

    def set_trailing_metadata(self, metadata: object) -> None:
        """Looks at nothing."""


async def test_refusals_are_given_together() -> None:
    """Five calls wait; with the sixth all of them are refused, and nobody is decided."""
    answers = Answers()
    call = Guard(cast("Gate", Closed()), Metrics()).unary(
        "/entraid.v1.AccessService/EvaluateAccess",
        cast("Behaviour", None),
        deserialize=bytes,
        serialize=cast("Serializer", bytes),
        shortcut=answers,
        coalescer=under_load(answers, 8),
    )
    contexts = [Refused() for _ in range(6)]
    calls = [asyncio.ensure_future(call(b"x", cast("Context", context))) for context in contexts[:5]]
    await asyncio.sleep(0)
    assert not any(context.ended_with for context in contexts)
    await asyncio.gather(*calls, call(b"x", cast("Context", contexts[5])))
    assert {context.ended_with for context in contexts} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert not answers.asked


async def test_nobody_waits_long() -> None:
    """Those who are there are answered after twenty milliseconds; as they were many, the next wait for others again."""
    coalescer = under_load(Answers(), 32)
    began = time.monotonic()
    waiting = [coalescer.join(b"a", Caller()) for _ in range(6)]
    await asyncio.gather(*waiting)
    assert time.monotonic() - began >= LONGEST_SECONDS / 2
    assert coalescer.wanted == 24


async def test_where_nobody_came_nobody_waits_again() -> None:
    """Until calls are counted anew."""
    coalescer = under_load(Answers(), 32)
    assert await coalescer.join(b"a", Caller()) == b"aa"
    assert coalescer.wanted == 0
    coalescer.count(32)
    assert coalescer.wanted == 24


async def test_those_who_wait_are_answered_when_the_load_has_gone() -> None:
    """At once: there is nobody to wait for."""
    answers = Answers()
    coalescer = under_load(answers, 32)
    waiting = coalescer.join(b"a", Caller())
    coalescer.count(0)
    assert answers.asked
    assert await waiting == b"aa"
    await asyncio.sleep(2 * LONGEST_SECONDS)
    assert answers.asked == [b"a"], "the timer has nothing left to do"


async def test_one_call_does_not_spoil_the_others() -> None:
    """Who went away is not decided about; an error is told to its own call; what is not plain is left to the others."""
    answers = Answers()
    coalescer = under_load(answers, 8)
    waiting = [coalescer.join(request, Caller()) for request in (b"gone", b"bad", b"odd", b"a", b"b")]
    waiting[0].cancel()
    waiting.append(coalescer.join(b"c", Caller()))
    results = await asyncio.gather(*waiting[1:], return_exceptions=True)
    assert isinstance(results[0], ValueError)
    assert results[1:] == [None, b"aa", b"bb", b"cc"]
    assert b"gone" not in answers.asked


async def test_the_count_is_told_while_the_loop_is_busy_and_forgotten_when_it_rests() -> None:
    """By the same watch that looks for an overload."""
    told: list[int] = []
    admission = Admission(1000, under_way=lambda: 20)
    watching = asyncio.create_task(admission.watch(told.append))
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        admission.admits()
        await asyncio.sleep(0)
    assert 20 in told
    told.clear()
    await asyncio.sleep(0.3)
    watching.cancel()
    assert told[-1] == 0


async def test_each_of_many_callers_gets_his_own_answer(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a real server under a real load, plain questions and others, some of which end before they are answered."""
    joined = 0
    join = Coalescer.join

    def counted(self: Coalescer, request: bytes, context: CallContext) -> "asyncio.Future[bytes | None]":
        nonlocal joined
        joined += 1
        return join(self, request, context)

    monkeypatch.setattr(Coalescer, "join", counted)
    await server.commit(await server.add_connection())
    end = time.monotonic() + 1.5

    async def caller(number: int) -> None:
        user, expected = ((ADELE, pb.DECISION_ALLOW), (BRUNO, pb.DECISION_DENY))[number % 2]
        request = ask(user, explain=number % 5 == 0)
        while time.monotonic() < end:
            if number % 7 == 0:
                with suppress(grpc.aio.AioRpcError):
                    await server.access.EvaluateAccess(request, timeout=0.002)
                await asyncio.sleep(0.01)
                continue
            answer = await server.access.EvaluateAccess(request)
            assert answer.decision == expected
            assert answer.user.endswith(user)
            assert bool(answer.trace.field) is request.explain

    await asyncio.gather(*(caller(number) for number in range(64)))
    assert joined > 0
