"""How an interceptor gets around a method: each handler is wrapped once, when it is first called, and kept.

Answers come in two shapes: one message that is awaited, or a stream from an async generator. All of our methods have
one of these; a coroutine that writes a stream by itself is not supported.
"""

from __future__ import annotations  # RpcMethodHandler is generic in its stubs only

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NoReturn, Protocol, TypeAlias, TypeVar, cast

import grpc
from grpc.aio import ServerInterceptor

Q = TypeVar("Q")
S = TypeVar("S")


class Context(Protocol):
    """What an interceptor sees of a call: how it ends, nothing of what was asked."""

    async def abort(
        self, code: grpc.StatusCode, details: str = "", trailing_metadata: tuple[tuple[str, bytes], ...] = ()
    ) -> NoReturn:
        """Ends the call with an error; raises `grpc.aio.AbortError`."""

    def code(self) -> grpc.StatusCode | int:
        """The code that the call was ended with; a number where gRPC's core set it."""


Behaviour: TypeAlias = Callable[[object, Context], Awaitable[object]]
StreamBehaviour: TypeAlias = Callable[[object, Context], AsyncIterator[object]]
Deserializer: TypeAlias = Callable[[bytes], object]


class Wrapping(ServerInterceptor):
    """An interceptor that puts itself around a method's behaviour."""

    def __init__(self) -> None:
        # By the handler that was wrapped too: should a method ever get another one, it is wrapped anew.
        self._wrapped: dict[str, tuple[object, object]] = {}

    def around_unary(self, method: str, behaviour: Behaviour) -> Behaviour:
        """The behaviour of a method that answers with one message, with something around it."""
        raise NotImplementedError

    def around_stream(self, method: str, behaviour: StreamBehaviour) -> StreamBehaviour:
        """The behaviour of a method that answers with a stream, with something around it."""
        raise NotImplementedError

    def rebuilt(self, method: str, handler: grpc.RpcMethodHandler[Q, S]) -> grpc.RpcMethodHandler[Q, S]:
        """The handler with something around its behaviour."""
        return with_behaviour(self, method, handler, deserializer=handler.request_deserializer)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Q, S] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Q, S] | None:
        """Called by grpc.aio for every call."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        method = handler_call_details.method
        known = self._wrapped.get(method)
        if known is None or known[0] is not handler:
            known = (handler, self.rebuilt(method, handler))
            self._wrapped[method] = known
        return cast("grpc.RpcMethodHandler[Q, S]", known[1])


def with_behaviour(
    wrapping: Wrapping,
    method: str,
    handler: grpc.RpcMethodHandler[Q, S],
    *,
    deserializer: Callable[[bytes], Q] | None,
) -> grpc.RpcMethodHandler[Q, S]:
    """A handler like this one, with `wrapping` around its behaviour."""
    serializer = handler.response_serializer
    # The stubs describe the threaded server; under grpc.aio the behaviours are the async ones of these aliases.
    if handler.response_streaming:
        inner = handler.stream_stream if handler.request_streaming else handler.unary_stream
        stream = wrapping.around_stream(method, cast("StreamBehaviour", inner))
        make = (
            grpc.stream_stream_rpc_method_handler if handler.request_streaming else grpc.unary_stream_rpc_method_handler
        )
        return make(stream, deserializer, serializer)
    inner_unary = handler.stream_unary if handler.request_streaming else handler.unary_unary
    unary = wrapping.around_unary(method, cast("Behaviour", inner_unary))
    make = grpc.stream_unary_rpc_method_handler if handler.request_streaming else grpc.unary_unary_rpc_method_handler
    return make(unary, deserializer, serializer)
