import asyncio
from datetime import timedelta

import pytest
from aiohttp import web

from entraid_service.errors import GraphUnavailable
from entraid_service.graph import Limits, MicrosoftGraph
from entraid_service.graph.budget import Budget
from entraid_service.graph.pace import Usage, usage
from entraid_service.model.ids import GroupId
from entraid_service.ports import TenantSource
from graph.cloud import FastTimer, ScriptedCloud, graph_error, page


class HeldTimer(FastTimer):
    """A timer whose waits last until they are released."""

    def __init__(self) -> None:
        super().__init__()
        self.release = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Waits for the test."""
        await self.release.wait()
        await super().sleep(seconds)


async def read_groups(source: TenantSource) -> int:
    """How many groups there are."""
    return sum([len(part.items) async for part in source.groups()])


@pytest.mark.parametrize(
    ("headers", "units", "excess"),
    [
        ({}, 1.0, 0.0),
        ({"x-ms-resource-unit": "5"}, 5.0, 0.0),
        ({"x-ms-resource-unit": " 2 ", "x-ms-throttle-limit-percentage": "0.8"}, 2.0, 0.0),
        ({"x-ms-resource-unit": "0", "x-ms-throttle-limit-percentage": "1.3"}, 1.0, 0.5),
        ({"x-ms-throttle-limit-percentage": "1.8"}, 1.0, 1.0),
        ({"x-ms-resource-unit": "99999999", "x-ms-throttle-limit-percentage": "99"}, 100.0, 1.0),
        ({"x-ms-resource-unit": "-3", "x-ms-throttle-limit-percentage": "-1"}, 1.0, 0.0),
        ({"x-ms-resource-unit": "inf", "x-ms-throttle-limit-percentage": "nan"}, 1.0, 0.0),
        ({"x-ms-resource-unit": "much", "x-ms-throttle-limit-percentage": ""}, 1.0, 0.0),
    ],
)
def test_usage_is_read_from_any_headers(headers: dict[str, str], units: float, excess: float) -> None:
    """Nonsense is taken for the least, and nothing for more than Graph documents."""
    found = usage(headers)
    assert found.units == units
    assert found.excess == pytest.approx(excess)


async def test_units_beyond_the_allowance_are_waited_for() -> None:
    """As many units in ten seconds as are allowed, and then at the rate at which they come back."""
    timer = FastTimer()
    budget = Budget(Limits(units=100), timer=timer)
    for _ in range(50):
        async with budget.turn():
            budget.answered(Usage(units=2))
    assert timer.slept == []
    for _ in range(50):
        async with budget.turn():
            budget.answered(Usage(units=2))
    assert 9.0 <= sum(timer.slept) <= 11.0


async def test_units_come_back_with_time() -> None:
    """Who used the allowance a while ago may use it again."""
    timer = FastTimer()
    budget = Budget(Limits(units=100), timer=timer)
    budget.answered(Usage(units=100))
    await timer.sleep(10)
    budget.answered(Usage(units=100))
    timer.slept.clear()
    async with budget.turn():
        pass
    assert timer.slept == []


async def test_requests_are_spread_when_graph_says_that_the_limit_is_near(
    cloud: ScriptedCloud, timer: FastTimer
) -> None:
    """The nearer the limit, the longer nothing starts; before it is near nothing waits."""
    used = iter(("0.5", "0.8", "0.9", "1.8"))

    async def members(_: web.Request) -> web.StreamResponse:
        return web.json_response(page(), headers={"X-MS-Throttle-Limit-Percentage": next(used)})

    cloud.on(r"/members", members)
    cloud.on(r"/groups\?", page())
    source = cloud.directory(limits=Limits(press=timedelta(seconds=10)), timer=timer)
    await read_groups(source)
    waits = []
    for number in range(4):
        async for _ in source.members(GroupId(f"g-{number}")):
            pass
        waits.append(sum(timer.slept))
    assert waits[:3] == [0, 0, 0]
    assert waits[3] == pytest.approx(1.0)
    await read_groups(source)
    assert sum(timer.slept) == pytest.approx(11.0)


async def test_near_the_limit_concurrency_does_not_recover() -> None:
    """Success is no reason for more at once while Graph warns."""
    budget = Budget(Limits(concurrency=8), timer=FastTimer())
    async with budget.turn() as turn:
        budget.throttled(timedelta(seconds=1), turn=turn)
    for _ in range(50):
        budget.succeeded(Usage(excess=0.1))
    assert budget.allowed == 4


@pytest.mark.parametrize(
    ("status", "headers", "least", "counted"),
    [
        (429, {"Retry_After": "250"}, 250.0, 1),
        (429, {"Retry_After": ""}, 0.2, 1),
        (429, {}, 0.2, 1),
        (503, {"Retry_After": "250"}, 250.0, 0),
    ],
)
async def test_directories_of_the_same_tokens_share_a_budget(
    cloud: ScriptedCloud, status: int, headers: dict[str, str], least: float, counted: int
) -> None:
    """Two syncs of one connection are one app in one tenant to Graph: a throttle of one holds the other."""
    timer = HeldTimer()
    graph = MicrosoftGraph(base_url=f"{cloud.url}/v1.0", ca_bundle=cloud.ca_file, timer=timer)
    throttled = asyncio.Event()

    async def throttle(_: web.Request) -> web.StreamResponse:
        asyncio.get_running_loop().call_later(0.05, throttled.set)
        return graph_error(status, "TooManyRequests", **headers)

    cloud.on("filter", throttle, page())
    cloud.on(r"/groups\?", page())
    tokens, others = cloud.token_source(), cloud.token_source()
    first, second, stranger = graph.directory(tokens), graph.directory(tokens), graph.directory(others)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(first.groups_named("x"))
            await throttled.wait()
            await read_groups(stranger)
            waiting = tasks.create_task(read_groups(second))
            await asyncio.sleep(0.05)
            assert second.requests.sent == 0
            timer.release.set()
        assert waiting.result() == 0
    finally:
        await graph.close()
    assert (first.requests.throttled, second.requests.throttled) == (counted, 0)
    assert timer.slept[0] >= least


async def test_concurrency_is_shared_by_directories_of_the_same_tokens(cloud: ScriptedCloud) -> None:
    """However many read, no more requests are under way than one may have."""
    busy, most = [0], [0]

    async def members(_: web.Request) -> web.StreamResponse:
        busy[0] += 1
        most[0] = max(most[0], busy[0])
        await asyncio.sleep(0.01)
        busy[0] -= 1
        return web.json_response({"id": "g", "displayName": "G"})

    cloud.on(r"/groups/", members)
    graph = MicrosoftGraph(base_url=f"{cloud.url}/v1.0", ca_bundle=cloud.ca_file, limits=Limits(concurrency=3))
    tokens = cloud.token_source()
    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(12):
                tasks.create_task(graph.directory(tokens).group(GroupId("g")))
    finally:
        await graph.close()
    assert most[0] == 3


async def test_every_request_is_told(cloud: ScriptedCloud) -> None:
    """Each answer's status, and None where none came."""

    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    seen: list[int | None] = []
    graph = MicrosoftGraph(
        base_url=f"{cloud.url}/v1.0", ca_bundle=cloud.ca_file, timer=FastTimer(), on_request=seen.append
    )
    throttle = graph_error(429, "TooManyRequests", Retry_After="1")
    # The HTTP library itself tries again once when a connection breaks off.
    cloud.on(
        r"/groups\?",
        hang_up,
        hang_up,
        throttle,
        graph_error(503, "ServiceUnavailable"),
        page(),
        graph_error(400, "BadRequest"),
    )
    try:
        source = graph.directory(cloud.token_source())
        await read_groups(source)
        with pytest.raises(GraphUnavailable):
            await read_groups(source)
    finally:
        await graph.close()
    assert seen == [None, 429, 503, 200, 400, 400, 400]
    assert source.requests.sent == len(seen)
