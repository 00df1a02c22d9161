import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import orjson
from aiohttp import web

from entraid_service.graph.decode import decode_user
from entraid_service.graph.decode_changes import decode_user_change
from entraid_service.graph.decoding import decode_page
from graph.cloud import ScriptedCloud, delta

USERS = [
    {
        "id": f"u-{number}",
        **{f"attribute{name}": f"value {name} of {number}" for name in range(25)},
        "department": None,
        "onPremisesExtensionAttributes": {f"extensionAttribute{place}": "x" for place in range(1, 16)},
    }
    for number in range(4_000)
]


@asynccontextmanager
async def held() -> AsyncIterator[list[float]]:
    """The stretches of the processor's time for which the loop was held, once it is over."""
    stretches: list[float] = []

    async def watch() -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            stretches.append(now - last)
            last = now

    watcher = asyncio.create_task(watch())
    await asyncio.sleep(0)
    gc.disable()  # a collection looks at everything that the tests hold, which is not what is measured
    try:
        yield stretches
        await asyncio.sleep(0)
    finally:
        gc.enable()
        watcher.cancel()
    with suppress(asyncio.CancelledError):
        await watcher


async def test_a_large_page_of_users_does_not_hold_the_loop() -> None:
    """Decisions are answered on the same loop, in between."""
    for decode in (decode_user, decode_user_change):
        async with held() as stretches:
            page = await decode_page(USERS, decode, what="users")
        assert len(page.items) == len(USERS)
        assert max(stretches) < sum(stretches) / 3


async def test_a_group_of_many_members_does_not_hold_the_loop(cloud: ScriptedCloud) -> None:
    """However many members one entry tells, they are decoded in portions."""
    members = [{"@odata.type": "#microsoft.graph.user", "id": f"m-{number}"} for number in range(60_000)]
    body = delta(
        {"id": "g-1", "displayName": "All", "members@delta": members}, link=f"{cloud.url}/v1.0/x?$deltatoken=n"
    )
    cloud.on("/groups/delta", web.Response(body=orjson.dumps(body), content_type="application/json"))
    async with held() as stretches:
        parts = [part async for part in cloud.directory().group_changes()]
    assert sum(len(part.items) for part in parts) == 120
    assert max(stretches) < sum(stretches) / 3
