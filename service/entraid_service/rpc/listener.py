"""Where calls come in: gRPC's server on an address, which asks the core for many calls at a time."""

import errno
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any, Final, TypeAlias

import grpc

from entraid_service.rpc.acceptors import Acceptors

_UNIX: Final = "unix:"

Credentials: TypeAlias = Callable[[], grpc.ServerCredentials]


class Listener:
    """Stands for gRPC's server. Methods are added first, then it is bound, then started."""

    def __init__(self, address: str, options: Sequence[tuple[str, int]], *, is_shared: bool) -> None:
        """Takes the address, `host:port` or `unix:PATH`, and opens nothing yet; other processes may share the port."""
        self._address = address
        # Who shares a port has it from somebody who has made sure of it; a path can be bound once only.
        self._is_sure = is_shared or address.startswith(_UNIX)
        self._server = grpc.aio.server(options=[*options, ("grpc.so_reuseport", 1)])
        self._acceptors: list[Acceptors] = []
        self.add_generic_rpc_handlers: Final = self._server.add_generic_rpc_handlers

    def add_registered_method_handlers(
        self, service: str, handlers: "Mapping[str, grpc.RpcMethodHandler[Any, Any]]"
    ) -> None:
        """As `grpc.aio.Server` does; calls of these methods are asked for many at a time."""
        self._server.add_registered_method_handlers(service, dict(handlers))
        for name, handler in handlers.items():
            self._acceptors.append(Acceptors(self._server, f"/{service}/{name}", handler))

    def bind(self, credentials: Credentials | None) -> int:
        """Takes the address; with `credentials` it speaks TLS.

        Returns:
            The port; of no meaning for a path.

        Raises:
            OSError: The address cannot be taken.
        """
        # By itself gRPC is content with one of the places that a name stands for, whoever has the others.
        with nullcontext(self._address) if self._is_sure else reserved(self._address) as address:
            try:
                if credentials is None:
                    return self._server.add_insecure_port(address)
                return self._server.add_secure_port(address, credentials())
            except RuntimeError as error:
                raise OSError(_taken(self._address)) from error

    async def start(self) -> None:
        """Takes calls."""
        await self._server.start()
        for acceptors in self._acceptors:
            acceptors.start()

    async def stop(self, grace: float) -> None:
        """Takes no more calls, and cancels those that have not ended after so many seconds."""
        await self._server.stop(grace)
        for acceptors in self._acceptors:
            await acceptors.ended()


@contextmanager
def reserved(address: str) -> Iterator[str]:
    """Keeps an address, `host:port`, for those who share it with us; a port 0 becomes a free one.

    The socket never listens, so that the kernel gives it no connection.

    Raises:
        OSError: Somebody listens there already. Only the first bind, which shares nothing, can tell: with SO_REUSEPORT
            two services of one user would take turns at the calls of both.
    """
    host, _, port = address.rpartition(":")
    places = _free(address, host.strip("[]"), int(port))
    with ExitStack() as kept:
        for family, place in places:
            holder = kept.enter_context(socket.socket(family, socket.SOCK_STREAM))
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            holder.bind(place)
        yield f"{host}:{places[0][1][1]}"


def _free(address: str, host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[Any, ...]]]:
    """The places of a name, with one port; `localhost` may stand for one that this machine lacks, which is left out.

    Raises:
        OSError: It has none of them, or somebody listens at one.
    """
    places: list[tuple[socket.AddressFamily, tuple[Any, ...]]] = []
    for family, kind, protocol, _, place in socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    ):
        try:
            with socket.socket(family, kind, protocol) as alone:
                alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                alone.bind((place[0], port, *place[2:]))
                alone.listen(1)
                places.append((family, alone.getsockname()))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise OSError(_taken(address)) from error
        else:
            port = places[0][1][1]
    if not places:
        raise OSError(_taken(address))
    return places


def _taken(address: str) -> str:
    return f"`{address}` cannot be listened on: another process uses it, or it is no local address"
