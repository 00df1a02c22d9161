"""A real gRPC server whose answers a test scripts, call by call.

It stands in for the service at the wire: what a client does with answers, refusals, silence and lost streams is seen
from outside, on a real socket.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections import defaultdict, deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import grpc
from google.protobuf.any_pb2 import Any as PackedMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2

from entraid.v1 import access_service_pb2, connection_service_pb2, directory_service_pb2, sync_service_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from google.protobuf.descriptor import MethodDescriptor

    Context = grpc.aio.ServicerContext[Message, Message]

CONTRACT = (
    access_service_pb2.DESCRIPTOR,
    connection_service_pb2.DESCRIPTOR,
    directory_service_pb2.DESCRIPTOR,
    sync_service_pb2.DESCRIPTOR,
)
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
    pause_seconds: float = 0.0


Step = Message | Refusal | Silence | Broken


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


class ScriptedHandlers:
    """Handlers of every call of the contract, made from its descriptors: they do not share the stubs' idea of it."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def register(self, server: grpc.aio.Server) -> None:
        """Adds all services to a server."""
        for file in CONTRACT:
            for service in file.services_by_name.values():
                handlers = {method.name: self._handler(method) for method in service.methods}
                server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))

    def _handler(self, method: MethodDescriptor) -> grpc.RpcMethodHandler[Message, Message]:
        if method.client_streaming:
            return grpc.stream_stream_rpc_method_handler(
                functools.partial(self._duplex, method.name),
                request_deserializer=GetMessageClass(method.input_type).FromString,
                response_serializer=lambda message: message.SerializeToString(),
            )
        make = grpc.unary_stream_rpc_method_handler if method.server_streaming else grpc.unary_unary_rpc_method_handler
        behaviour = self._stream if method.server_streaming else self._unary
        return make(
            functools.partial(behaviour, method.name),
            request_deserializer=GetMessageClass(method.input_type).FromString,
            response_serializer=lambda message: message.SerializeToString(),
        )

    async def _unary(self, rpc: str, request: Message, context: Context) -> Message:
        step = self._script.take(rpc, request)
        if isinstance(step, Silence):
            await asyncio.sleep(SILENCE_SECONDS)
        if isinstance(step, Refusal):
            await context.abort(step.code, step.message, step.trailing_metadata())
        return cast("Message", step)

    async def _duplex(self, rpc: str, requests: AsyncIterator[Message], context: Context) -> AsyncIterator[Message]:
        """One step for each request; a `Broken` gives several messages or none."""
        async for request in requests:
            step = self._script.take(rpc, request)
            if isinstance(step, Silence):
                await asyncio.sleep(SILENCE_SECONDS)
            if isinstance(step, Refusal):
                await context.abort(step.code, step.message, step.trailing_metadata())
            for message in step.messages if isinstance(step, Broken) else (cast("Message", step),):
                yield message

    async def _stream(self, rpc: str, request: Message, context: Context) -> AsyncIterator[Message]:
        step = self._script.take(rpc, request)
        if isinstance(step, Silence):
            await asyncio.sleep(SILENCE_SECONDS)
        parts = step if isinstance(step, Broken) else Broken((), step) if isinstance(step, Refusal) else None
        if parts is None:
            yield cast("Message", step)
            return
        for message in parts.messages:
            yield message
            await asyncio.sleep(parts.pause_seconds)
        if parts.refusal is not None:
            await context.abort(parts.refusal.code, parts.refusal.message, parts.refusal.trailing_metadata())


@asynccontextmanager
async def serving(credentials: grpc.ServerCredentials | None = None) -> AsyncIterator[Script]:
    """A scripted server on a free port of loopback, with TLS if it has credentials."""
    script = Script()
    server = grpc.aio.server()
    ScriptedHandlers(script).register(server)
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    script.target = f"127.0.0.1:{port}"
    await server.start()
    try:
        yield script
    finally:
        await server.stop(grace=None)
