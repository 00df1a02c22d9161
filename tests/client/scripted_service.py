"""A real gRPC server whose answers a test scripts, call by call.

It stands in for the service at the wire: what a client does with answers, refusals, silence and lost streams is seen
from outside, on a real socket.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar, cast

import grpc
from entraid.v1 import (
    access_service_pb2,
    access_service_pb2_grpc,
    connection_service_pb2,
    connection_service_pb2_grpc,
    directory_service_pb2,
    directory_service_pb2_grpc,
    sync_service_pb2,
    sync_service_pb2_grpc,
)
from google.protobuf.any_pb2 import Any as PackedMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

SILENCE_SECONDS = 30.0
DETAILS_KEY = "grpc-status-details-bin"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is an error; `raw_details` replaces the encoded details where it is not None."""

    code: grpc.StatusCode
    message: str = "refused by the test"
    details: tuple[Message, ...] = ()
    raw_details: bytes | None = None

    def trailing_metadata(self) -> tuple[tuple[str, bytes], ...]:
        """What a service sends along."""
        if self.raw_details is not None:
            return ((DETAILS_KEY, self.raw_details),)
        if not self.details:
            return ()
        return ((DETAILS_KEY, self.status().SerializeToString()),)

    def status(self) -> status_pb2.Status:
        """The same refusal as a part of a batch."""
        packed = [PackedMessage() for _ in self.details]
        for target, detail in zip(packed, self.details, strict=True):
            target.Pack(detail)
        return status_pb2.Status(code=self.code.value[0], message=self.message, details=packed)


@dataclass(frozen=True, slots=True)
class Silence:
    """No answer within any patience that a test has."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A stream that sends some messages and then ends: with a refusal, or as if it were complete."""

    messages: tuple[Message, ...]
    refusal: Refusal | None = None


Step = Message | Refusal | Silence | Broken
Answer = TypeVar("Answer", bound=Message)


@dataclass(frozen=True, slots=True)
class Received:
    """A call as it arrived."""

    rpc: str
    request: Message
    at: float
    """By the monotonic clock, in seconds."""


def error_info(reason: str, domain: str = "entraid", **metadata: str) -> error_details_pb2.ErrorInfo:
    """The detail that carries a reason."""
    return error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata=metadata)


def retry_info(seconds: float) -> error_details_pb2.RetryInfo:
    """The detail that asks for patience."""
    return error_details_pb2.RetryInfo(
        retry_delay=Duration(seconds=int(seconds), nanos=int(seconds % 1 * 1_000_000_000))
    )


UNAVAILABLE = Refusal(grpc.StatusCode.UNAVAILABLE)


@dataclass(slots=True)
class Script:
    """What the server answers, and what it was asked."""

    target: str = ""
    calls: list[Received] = field(default_factory=list)
    _steps: defaultdict[str, deque[Step]] = field(default_factory=lambda: defaultdict(deque))

    def answer(self, rpc: str, *steps: Step) -> None:
        """Queues answers of one call; the last one is given for ever."""
        self._steps[rpc].extend(steps)

    def requests(self, rpc: str) -> list[Message]:
        """The requests of one call, in order."""
        return [call.request for call in self.calls if call.rpc == rpc]

    def take(self, rpc: str, request: Message) -> Step:
        """Notes a call and gives the next answer."""
        self.calls.append(Received(rpc, request, time.monotonic()))
        steps = self._steps[rpc]
        if not steps:
            return Refusal(grpc.StatusCode.UNIMPLEMENTED, f"the test scripted no answer for `{rpc}`")
        return steps.popleft() if len(steps) > 1 else steps[0]


class ScriptedServicer:
    """Every call of the contract, answered by a script."""

    def __init__(self, script: Script) -> None:
        self._script = script

    async def unary(self, rpc: str, request: Message, context: grpc.aio.ServicerContext[Message, Message]) -> Message:
        """The next answer of a call that has one."""
        step = self._script.take(rpc, request)
        if isinstance(step, Silence):
            await asyncio.sleep(SILENCE_SECONDS)
        if isinstance(step, Refusal):
            await context.abort(step.code, step.message, step.trailing_metadata())
        return cast("Message", step)

    async def stream(
        self, rpc: str, request: Message, context: grpc.aio.ServicerContext[Message, Message]
    ) -> AsyncIterator[Message]:
        """The next answer of a call that has many."""
        step = self._script.take(rpc, request)
        if isinstance(step, Broken):
            for message in step.messages:
                yield message
            if step.refusal is not None:
                await context.abort(step.refusal.code, step.refusal.message, step.refusal.trailing_metadata())
        elif isinstance(step, Refusal):
            await context.abort(step.code, step.message, step.trailing_metadata())
        elif isinstance(step, Silence):
            await asyncio.sleep(SILENCE_SECONDS)
        else:
            yield step
