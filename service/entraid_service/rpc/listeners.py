"""Where calls come in: one port, several of gRPC's servers on it, all of them in one event loop.

grpc.aio asks the core for one call at a time, and the event loop has to go round several times until it asks for the
next one. While many calls come in that is what the loop is busy with. Each of several servers asks for itself, so that
more is done each time the loop goes round. The kernel spreads connections over them (SO_REUSEPORT).
"""

import asyncio
import errno
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Final, TypeAlias

import grpc

_COUNT: Final = 4
"""The best of one, two and four. The calls of one connection go through one of them in any case."""
_UNIX: Final = "unix:"

Credentials: TypeAlias = Callable[[], grpc.ServerCredentials]


class Listeners:
    """Stands for one gRPC server. Methods are added first, then it is bound, then started."""

    def __init__(self, address: str, options: Sequence[tuple[str, int]]) -> None:
        """Takes the address, `host:port` or `unix:PATH`, and opens nothing yet."""
        self._address = address
        # A path belongs to one of them.
        count = 1 if address.startswith(_UNIX) else _COUNT
        options = [*options, ("grpc.so_reuseport", 1)]
        self._servers = [grpc.aio.server(options=options) for _ in range(count)]

    def add_generic_rpc_handlers(self, handlers: Sequence[Any]) -> None:
        """As `grpc.aio.Server` does."""
        for server in self._servers:
            server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """As `grpc.aio.Server` does."""
        for server in self._servers:
            server.add_registered_method_handlers(service, handlers)

    def bind(self, credentials: Credentials | None, *, is_shared: bool) -> int:
        """Takes the port, which other processes may share if `is_shared`; with `credentials` it speaks TLS.

        Returns:
            The port; of no meaning for a path.

        Raises:
            OSError: The address cannot be taken.
        """
        # Who shares a port has it from somebody who has made sure of it; a path can be bound once only.
        is_sure = is_shared or self._address.startswith(_UNIX)
        with nullcontext(self._address) if is_sure else reserved(self._address) as address:
            try:
                port = self._open(self._servers[0], address, credentials)
                for server in self._servers[1:]:
                    self._open(server, f"{address.rpartition(':')[0]}:{port}", credentials)
            except RuntimeError as error:
                raise OSError(_taken(self._address)) from error
        return port

    async def start(self) -> None:
        """Takes calls."""
        for server in self._servers:
            await server.start()

    async def stop(self, grace: float) -> None:
        """Takes no more calls, and cancels those that have not ended after so many seconds."""
        await asyncio.gather(*(server.stop(grace) for server in self._servers))

    @staticmethod
    def _open(server: grpc.aio.Server, address: str, credentials: Credentials | None) -> int:
        if credentials is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, credentials())


@contextmanager
def reserved(address: str) -> Iterator[str]:
    """Keeps an address, `host:port`, for those who share it with us; a port 0 becomes a free one.

    The socket never listens, so that the kernel gives it no connection.

    Raises:
        OSError: Somebody listens there already. Only the first bind, which shares nothing, can tell: with SO_REUSEPORT
            two services of one user would take turns at the calls of both.
    """
    host, _, port = address.rpartition(":")
    family, place = _free(address, host.strip("[]"), int(port))
    with socket.socket(family, socket.SOCK_STREAM) as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        kept.bind(place)
        yield f"{host}:{place[1]}"


def _free(address: str, host: str, port: int) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    """The first place of a name that this machine has; `localhost` may stand for one that it lacks.

    Raises:
        OSError: It has none of them, or somebody listens there.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    for number, (family, kind, protocol, _, place) in enumerate(found, start=1):
        try:
            with socket.socket(family, kind, protocol) as alone:
                alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                alone.bind(place)
                alone.listen(1)
                return family, alone.getsockname()
        except OSError as error:
            if error.errno == errno.EADDRINUSE or number == len(found):
                raise OSError(_taken(address)) from error
    raise OSError(_taken(address))


def _taken(address: str) -> str:
    return f"`{address}` cannot be listened on: another process uses it, or it is no local address"
