"""How something gets around a method: each handler is wrapped once, when its service is added to the server.

gRPC's own interceptors are asked anew for every call, which costs as much as a decision.

Answers come in two shapes: one message that is awaited, or a stream from an async generator. All of our methods have
one of these; a coroutine that writes a stream by itself is not supported.
"""

from __future__ import annotations  # RpcMethodHandler is generic in its stubs only

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import NoReturn, Protocol, TypeAlias, TypeVar, cast

import grpc

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


class Wrapping:
    """Something that puts itself around a method's behaviour."""

    def around_unary(self, method: str, behaviour: Behaviour) -> Behaviour:
        """The behaviour of a method that answers with one message, with something around it."""
        raise NotImplementedError

    def around_stream(self, method: str, behaviour: StreamBehaviour) -> StreamBehaviour:
        """The behaviour of a method that answers with a stream, with something around it."""
        raise NotImplementedError

    def rebuilt(self, method: str, handler: grpc.RpcMethodHandler[Q, S]) -> grpc.RpcMethodHandler[Q, S]:
        """The handler with something around its behaviour."""
        return with_behaviour(self, method, handler, deserializer=handler.request_deserializer)


class Registrar:
    """Stands for the server while services are added to it, and puts `wrappings`, the innermost first, around each."""

    def __init__(self, server: grpc.aio.Server, wrappings: Sequence[Wrapping]) -> None:
        self._server = server
        self._wrappings = wrappings

    def add_generic_rpc_handlers(self, handlers: Sequence[object]) -> None:
        """Called by generated code with the methods that it registers by name as well; these come first and suffice."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, grpc.RpcMethodHandler[Q, S]]) -> None:
        """Adds the methods of a service."""
        wrapped = {name: self._wrapped(f"/{service}/{name}", handler) for name, handler in handlers.items()}
        self._server.add_registered_method_handlers(service, wrapped)

    def _wrapped(self, method: str, handler: grpc.RpcMethodHandler[Q, S]) -> grpc.RpcMethodHandler[Q, S]:
        for wrapping in self._wrappings:
            handler = wrapping.rebuilt(method, handler)
        return handler


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
