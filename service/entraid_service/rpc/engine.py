"""How gRPC's core and asyncio drive calls that are answered in microseconds.

1. The core's *event engine* hands whatever comes in from thread to thread before Python hears of it. Its former
   listener reads in the thread that tells Python, so that a single call is answered a sixth sooner.
2. A task of asyncio begins when the event loop comes round to it. gRPC makes three for every call, and the first thing
   that each does is to ask the core for something. From Python 3.12 on they can begin at once.
"""

import asyncio
import os
import sys
from collections.abc import Coroutine, MutableMapping
from types import CoroutineType
from typing import Any, Final

EXPERIMENTS: Final = "GRPC_EXPERIMENTS"
"""The variable that the core reads as it is loaded: its newer ways by name, a minus before those not to be taken."""
FORMER_LISTENER: Final = "-event_engine_listener"


def choose_listener(environment: MutableMapping[str, str] = os.environ) -> None:
    """Has the core listen in its former way, unless whoever started the process chose among its ways.

    It has to be called before gRPC is imported, which is why this package does so first of all.
    """
    environment.setdefault(EXPERIMENTS, FORMER_LISTENER)


def begin_at_once(loop: asyncio.AbstractEventLoop) -> None:
    """Has gRPC's own tasks on this loop begin at once, where Python can; ours begin as ever."""
    if sys.version_info >= (3, 12):
        loop.set_task_factory(_task)


def _task(
    loop: asyncio.AbstractEventLoop,
    coroutine: Coroutine[Any, Any, Any],
    **options: Any,  # noqa: ANN401 - those of a task, which differ by version
) -> "asyncio.Task[Any]":
    # gRPC's coroutines are compiled by Cython, and of a type of its own.
    if type(coroutine) is not CoroutineType:
        options.setdefault("eager_start", True)
    return asyncio.Task(coroutine, loop=loop, **options)
