"""How one worker comes to tell the metrics of all: by way of the parent, over the pipes that are there anyway.

1. Worker 0, which has the HTTP port, asks its parent.
2. The parent asks the others that are there, and waits for them, but no longer than a second.
3. It passes on what they told, by their numbers. Whoever is just being started anew is missing, once.

Messages are a word of four letters and what belongs to it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Final

import msgspec
import structlog
from prometheus_client import CollectorRegistry

from entraid_service.observe.pooled import NOTHING, dump

ASK: Final = b"ask:"
"""Worker 0 to the parent."""
TELL: Final = b"tel:"
"""The parent to another worker."""
TOLD: Final = b"tld:"
"""That worker to the parent, with its metrics."""
ALL: Final = b"all:"
"""The parent to worker 0, with all of them."""
WORD: Final = 4
"""Bytes of the word."""

_PATIENCE_SECONDS: Final = 1.0
_ANSWER_SECONDS: Final = 2.0
"""For worker 0; above the parent's patience."""

_log = structlog.get_logger(__name__)
_Told = dict[int, bytes]


class Team:
    """The others, as a worker sees them."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        """Nothing is sent yet; `send` passes a message to the parent."""
        self._send = send
        self._registry: CollectorRegistry | None = None
        self._coming: asyncio.Future[Mapping[int, bytes]] | None = None

    def tells_of(self, registry: CollectorRegistry) -> None:
        """What this worker has to tell."""
        self._registry = registry

    async def metrics(self) -> Mapping[int, bytes]:
        """What each of the others tells, by its number; who asks meanwhile gets the same answer."""
        if self._coming is None:
            self._coming = asyncio.get_running_loop().create_future()
            self._send(ASK)
        coming = self._coming
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await asyncio.shield(coming)
        except TimeoutError:
            _log.warning("metrics_incomplete", reason="the other workers did not answer in time")
            if self._coming is coming:
                self._coming = None
            return {}

    def hear(self, message: bytes) -> bool:
        """Takes a message of the parent; False if it is about something else."""
        word, data = message[:WORD], message[WORD:]
        if word == TELL:
            self._send(TOLD + (dump(self._registry) if self._registry else NOTHING))
        elif word == ALL:
            coming, self._coming = self._coming, None
            if coming is not None and not coming.done():
                coming.set_result(msgspec.msgpack.decode(data, type=_Told))
        else:
            return False
        return True


class Gathering:
    """The parent's part. `members` sends to each worker by its number; sending to one that is gone is an OSError."""

    def __init__(self, spawn: Callable[[Coroutine[None, None, None]], object]) -> None:
        self.members: dict[int, Callable[[bytes], None]] = {}
        self._spawn = spawn
        self._told: _Told = {}
        self._waiting: set[int] = set()
        self._heard = asyncio.Event()

    def hear(self, number: int, message: bytes) -> bool:
        """Takes a message of a worker; False if it is about something else."""
        word = message[:WORD]
        if word == ASK:
            self._spawn(self._ask(number))
        elif word == TOLD:
            self._told[number] = message[WORD:]
            self._waiting.discard(number)
            self._heard.set()
        else:
            return False
        return True

    async def _ask(self, asker: int) -> None:
        self._told.clear()
        self._waiting = {number for number, send in self.members.items() if number != asker and _sent(send, TELL)}
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while self._waiting:
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:
            _log.warning("workers_silent", workers=sorted(self._waiting))
        _sent(self.members[asker], ALL + msgspec.msgpack.encode(self._told))


def _sent(send: Callable[[bytes], None], message: bytes) -> bool:
    try:
        send(message)
    except OSError:  # it has just died, or is not there yet
        return False
    return True
