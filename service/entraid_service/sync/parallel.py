"""The same question about many things, some at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


async def answers(ask: Callable[[K], Awaitable[V]], keys: Iterable[K], *, parallel: int = 8) -> dict[K, V]:
    """What `ask` says about each key. The first error ends it all and is raised as it is."""
    limit = asyncio.Semaphore(parallel)

    async def one(key: K) -> V:
        async with limit:
            return await ask(key)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = {key: group.create_task(one(key)) for key in dict.fromkeys(keys)}
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from failures
    return {key: task.result() for key, task in tasks.items()}
