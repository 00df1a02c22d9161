"""How the guard gets around a method: each handler is wrapped once, when its service is added to the server.

gRPC's own interceptors are asked anew for every call, which costs as much as a decision. And for every call that comes
in, grpc.aio goes through all methods that were registered by name, half a microsecond for each. So only the one that is
called most is; the others are found by a look-up of their own.
"""

from __future__ import annotations  # RpcMethodHandler is generic in its stubs only

from typing import TYPE_CHECKING, TypeVar, cast

import grpc

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from entraid_service.rpc.guard import Behaviour, Deserializer, Guard, Serializer, Shortcut, StreamBehaviour
    from entraid_service.rpc.listener import Listener

MOST_CALLED = "/entraid.v1.AccessService/EvaluateAccess"

Q = TypeVar("Q")
S = TypeVar("S")


class Registrar:
    """Stands for the server while services are added to it, and puts the guard around each method.

    `shortcuts` holds the methods, by their names in full, whose requests are offered to something quicker first.
    Methods of `pipes` read and write the bytes of two streams by themselves.
    """

    def __init__(
        self,
        server: Listener,
        guard: Guard,
        shortcuts: Mapping[str, Shortcut],
        pipes: Collection[str],
    ) -> None:
        self._server = server
        self._guard = guard
        self._shortcuts = shortcuts
        self._pipes = pipes

    def add_generic_rpc_handlers(self, handlers: Sequence[object]) -> None:
        """Called by generated code with the methods that it hands over by name as well: those suffice."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, grpc.RpcMethodHandler[Q, S]]) -> None:
        """Adds the methods of a service."""
        guarded = {name: self._guarded(f"/{service}/{name}", handler) for name, handler in handlers.items()}
        for name, handler in guarded.items():
            if f"/{service}/{name}" == MOST_CALLED:
                self._server.add_registered_method_handlers(service, {name: handler})
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, guarded),))

    def _guarded(self, method: str, handler: grpc.RpcMethodHandler[Q, S]) -> grpc.RpcMethodHandler[Q, S]:
        # The stubs describe the threaded server; under grpc.aio the behaviours are the async ones of these aliases.
        deserialize = cast("Deserializer", handler.request_deserializer)
        if method in self._pipes:
            pipe = self._guard.pipe(method, cast("Behaviour", handler.stream_stream))
            return grpc.stream_stream_rpc_method_handler(cast("StreamBehaviour", pipe), None, None)
        if handler.response_streaming:
            inner = handler.stream_stream if handler.request_streaming else handler.unary_stream
            stream = self._guard.stream(
                method,
                cast("StreamBehaviour", inner),
                deserialize=deserialize,
                is_asked_by_stream=handler.request_streaming,
            )
            make = (
                grpc.stream_stream_rpc_method_handler
                if handler.request_streaming
                else grpc.unary_stream_rpc_method_handler
            )
            return make(stream, None, handler.response_serializer)
        unary = self._guard.unary(
            method,
            cast("Behaviour", handler.unary_unary),
            deserialize=deserialize,
            serialize=cast("Serializer", handler.response_serializer),
            shortcut=self._shortcuts.get(method),
        )
        return grpc.unary_unary_rpc_method_handler(unary, None, None)
