import asyncio
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web

from entraid_service.errors import GraphThrottled
from entraid_service.graph import Limits
from entraid_service.graph.budget import Budget
from entraid_service.graph.limits import LoopTimer
from entraid_service.graph.pace import Usage
from entraid_service.graph.retry_after import parse_retry_after
from entraid_service.model.ids import GroupId
from entraid_service.ports import DirectorySource
from graph.cloud import FastTimer, ScriptedCloud, Step, graph_error, page

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def throttle(**headers: str) -> web.Response:
    """A 429."""
    return graph_error(429, "TooManyRequests", **headers)


async def read_groups(source: DirectorySource) -> int:
    """How many groups there are."""
    return sum([len(part.items) async for part in source.groups()])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1", 1.0),
        ("2.128", 2.128),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("99999999999999999999", 86400.0),
        ("", None),
        (None, None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("1e3", None),
        ("1_000", None),
        ("1.2.3", None),
        ("-", None),
        ("٣", None),
        ("Sun, 99 Mar 2026 12:00:30 GMT", None),
    ],
)
def test_retry_after_is_read_in_every_form(text: str | None, seconds: float | None) -> None:
    """Numbers, fractions and dates are waits; nonsense and nothing are left to the back-off."""
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert parse_retry_after(text, now=NOW) == expected


@pytest.mark.parametrize(("text", "least"), [("1", 1.0), ("2.128", 2.128), ("120", 120.0), ("", 0.0), (None, 0.0)])
async def test_a_throttle_is_waited_out(cloud: ScriptedCloud, timer: FastTimer, text: str | None, least: float) -> None:
    """The read goes on after the time that Graph named, or after a pause of its own."""
    cloud.on(r"/groups\?", throttle(**({} if text is None else {"Retry_After": text})), page({"id": "g-1"}))
    source = cloud.directory(timer=timer)
    assert await read_groups(source) == 1
    assert sum(timer.slept) >= max(least, 0.2)
    assert sum(timer.slept) <= least + 1.5
    assert (source.requests.sent, source.requests.throttled) == (2, 1)


async def test_a_date_is_measured_by_the_answers_own_clock(cloud: ScriptedCloud, timer: FastTimer) -> None:
    """A Graph whose clock is an hour ahead does not make the wait an hour longer."""
    ahead = datetime.now(UTC) + timedelta(hours=1)
    date, until = (format_datetime(ahead + timedelta(seconds=s), usegmt=True) for s in (0, 20))
    cloud.on(r"/groups\?", throttle(Date=date, retry_after=until), page({"id": "g-1"}))
    await read_groups(cloud.directory(timer=timer))
    assert 20 <= sum(timer.slept) <= 21.5


async def test_nobody_of_the_tenant_asks_before_the_time_is_over(cloud: ScriptedCloud) -> None:
    """While a throttle lasts, requests for other groups wait as well; this one waits for real."""
    times: list[float] = []

    async def members(_: web.Request) -> web.StreamResponse:
        times.append(time.monotonic())
        if len(times) == 1:
            return throttle(Retry_After="0.7")
        return web.json_response(page())

    async def group(_: web.Request) -> web.StreamResponse:
        if times:
            times.append(time.monotonic())
        return web.json_response({"id": "g", "visibility": None})

    cloud.on(r"/members", members)
    cloud.on(r"/groups/", group)
    source = cloud.directory(limits=Limits(concurrency=1), timer=LoopTimer())

    async def read(group: str) -> None:
        async for _ in source.members(GroupId(group)):
            pass

    async with asyncio.TaskGroup() as tasks:
        for number in range(4):
            tasks.create_task(read(f"g-{number}"))
    assert len(times) >= 5
    assert times[1] - times[0] >= 0.7


async def test_not_everybody_comes_back_at_the_same_moment(cloud: ScriptedCloud) -> None:
    """Tenants that were told the same time add a little to it, each something else; nobody takes off."""
    steps: list[Step] = [throttle(Retry_After="30"), page({"id": "g-1"})]
    cloud.on(r"/groups\?", *steps * 3)
    waits = set()
    for _ in range(3):
        timer = FastTimer()
        await read_groups(cloud.directory(timer=timer))
        waits.add(timer.time())
    assert len(waits) == 3
    assert min(waits) >= 30


async def test_a_shorter_wait_does_not_end_a_longer_one() -> None:
    """Of requests that were under way together the one that was told the longest time counts."""
    timer = FastTimer()
    budget = Budget(Limits(), timer=timer)
    async with budget.turn() as turn, budget.turn() as other:
        budget.throttled(timedelta(seconds=60), turn=turn)
        budget.throttled(timedelta(seconds=1), turn=other)
    async with budget.turn():
        assert timer.time() >= 60


async def test_509_is_a_throttle(cloud: ScriptedCloud, timer: FastTimer) -> None:
    """Graph has two names for it."""
    cloud.on(r"/groups\?", graph_error(509, "BandwidthLimitExceeded"), page({"id": "g-1"}))
    source = cloud.directory(timer=timer)
    assert await read_groups(source) == 1
    assert source.requests.throttled == 1


async def test_a_wait_that_is_too_long_ends_the_read_and_tells_how_long(cloud: ScriptedCloud, timer: FastTimer) -> None:
    """An hour is not slept through: the caller learns when to come back."""
    cloud.on(r"/groups\?", throttle(Retry_After="3600"))
    with pytest.raises(GraphThrottled, match=r"pause of 3600 s|pause of 3601 s") as caught:
        await read_groups(cloud.directory(timer=timer))
    assert caught.value.retry_after is not None
    assert caught.value.retry_after >= timedelta(hours=1)
    assert timer.slept == []
    assert len(cloud.graph_requests()) == 1


async def test_throttles_without_end_are_given_up(cloud: ScriptedCloud, timer: FastTimer) -> None:
    """Bounded tries, pauses that grow to half a minute, then a clear error."""
    cloud.on(r"/groups\?", throttle())
    source = cloud.directory(limits=Limits(throttles=12), timer=timer)
    with pytest.raises(GraphThrottled, match="throttled the request for groups 12 times"):
        await read_groups(source)
    assert source.requests.throttled == 12
    assert timer.slept[-1] > timer.slept[0]
    assert max(timer.slept) <= 30


async def test_the_last_throttle_tells_when_to_come_back(cloud: ScriptedCloud, timer: FastTimer) -> None:
    """Who gives up passes on what Graph asked for."""
    cloud.on(r"/groups\?", throttle(Retry_After="40"))
    with pytest.raises(GraphThrottled) as caught:
        await read_groups(cloud.directory(limits=Limits(throttles=2), timer=timer))
    assert caught.value.retry_after is not None
    assert caught.value.retry_after >= timedelta(seconds=40)


async def test_503_with_a_retry_after_is_waited_out(cloud: ScriptedCloud, timer: FastTimer) -> None:
    """An overloaded Graph is left alone as long as it asks."""
    cloud.on(r"/groups\?", graph_error(503, "ServiceUnavailable", Retry_After="9"), page({"id": "g-1"}))
    assert await read_groups(cloud.directory(timer=timer)) == 1
    assert 9 <= sum(timer.slept) <= 10.5


async def test_concurrency_falls_after_a_throttle_and_recovers() -> None:
    """Half at once for one burst of throttles, then one more for each round of successes."""
    timer = FastTimer()
    budget = Budget(Limits(concurrency=8), timer=timer)
    async with budget.turn() as turn, budget.turn() as other:
        budget.throttled(timedelta(seconds=1), turn=turn)
        budget.throttled(timedelta(seconds=1), turn=other)
    assert budget.allowed == 4
    async with budget.turn() as turn:
        budget.throttled(timedelta(seconds=1), turn=turn)
    assert budget.allowed == 2
    for _ in range(3):
        budget.succeeded(Usage())
    assert budget.allowed == 3
    for _ in range(60):
        budget.succeeded(Usage())
    assert budget.allowed == 8


async def test_concurrency_never_falls_to_nothing() -> None:
    """However often Graph throttles, one request at a time goes on."""
    budget = Budget(Limits(concurrency=3), timer=FastTimer())
    for _ in range(10):
        async with budget.turn() as turn:
            budget.throttled(timedelta(seconds=1), turn=turn)
    assert budget.allowed == 1
    async with asyncio.timeout(1), budget.turn():
        pass


async def test_a_cancelled_wait_for_a_turn_costs_nobody_a_place() -> None:
    """Turns are handed on when the one whose turn it is was cancelled."""
    budget = Budget(Limits(concurrency=1), timer=FastTimer())
    entered: list[str] = []

    async def enter(name: str) -> None:
        async with budget.turn():
            entered.append(name)
            await asyncio.sleep(0)

    async with budget.turn():
        first, second, third = [asyncio.create_task(enter(name)) for name in ("a", "b", "c")]
        await asyncio.sleep(0)
        first.cancel()
    second.cancel()
    async with asyncio.timeout(1):
        await third
    assert entered == ["c"]


async def test_no_more_requests_at_once_than_allowed(cloud: ScriptedCloud) -> None:
    """Twenty readers share three places."""
    busy: list[int] = [0]
    most: list[int] = [0]

    async def members(_: web.Request) -> web.StreamResponse:
        busy[0] += 1
        most[0] = max(most[0], busy[0])
        await asyncio.sleep(0.01)
        busy[0] -= 1
        return web.json_response(page())

    cloud.on(r"/members", members)
    cloud.on(r"/groups\?", page())
    source = cloud.directory(limits=Limits(concurrency=3))
    await read_groups(source)

    async def read(number: int) -> None:
        async for _ in source.members(GroupId(f"g-{number}")):
            pass

    async with asyncio.TaskGroup() as tasks:
        for number in range(20):
            tasks.create_task(read(number))
    assert most[0] == 3
