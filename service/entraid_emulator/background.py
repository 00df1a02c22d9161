"""The emulator in a thread of its own, for callers that are not asynchronous or must not share its event loop."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from entraid_emulator.emulator import Emulator

_START_SECONDS = 30.0
_STOP_SECONDS = 10.0


@contextmanager
def in_background(emulator: Emulator) -> Iterator[Emulator]:
    """Run an emulator in a thread until the block ends.

    Raises:
        TimeoutError: it did not start within 30 s or did not stop within 10 s.
        OSError: its port is taken, or its CA file cannot be written.
    """
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    thread = threading.Thread(target=_run, args=(emulator, started), name="entraid-emulator", daemon=True)
    thread.start()
    loop, stop = started.result(timeout=_START_SECONDS)
    try:
        yield emulator
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(_STOP_SECONDS)
        if thread.is_alive():
            raise TimeoutError(f"the emulator did not stop within {_STOP_SECONDS:.0f} s")


def _run(emulator: Emulator, started: "Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]") -> None:
    try:
        asyncio.run(_serve(emulator, started))
    except BaseException as error:
        if started.done():
            raise
        started.set_exception(error)


async def _serve(emulator: Emulator, started: "Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]") -> None:
    stop = asyncio.Event()
    async with emulator:
        started.set_result((asyncio.get_running_loop(), stop))
        await stop.wait()
