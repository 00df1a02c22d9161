"""Streams of answers that are given up."""

import asyncio
import gc
from collections.abc import AsyncIterator

from entraid_service.rpc.stopping import until


async def test_a_stream_given_up_as_it_ends_leaves_nothing_behind() -> None:
    """A caller that has seen the last step hangs up just as the items end: nobody is to find that end in the log."""
    end = asyncio.Event()
    complaints: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))

    async def items() -> AsyncIterator[int]:
        yield 1
        await end.wait()

    stream = until(asyncio.Event(), items())
    assert await anext(stream) == 1
    last = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    end.set()
    await asyncio.sleep(0)
    last.cancel()
    await asyncio.gather(last, return_exceptions=True)
    del stream, last
    await asyncio.sleep(0)
    gc.collect()
    assert complaints == []
