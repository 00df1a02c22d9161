"""A real HTTP proxy that knows one method, CONNECT, and leads every tunnel to one port."""

import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_SECONDS = 20.0
_MOST_HEAD = 8192


@dataclass(slots=True)
class Proxy:
    """A running proxy: where it listens, whom it lets in, where tunnels end, and which targets were asked for."""

    port: int
    user: str
    password: str
    leads_to: int
    asked: list[str] = field(default_factory=list)
    refused: int = 0

    def serve(self, client: socket.socket) -> None:
        """One tunnel, from its request to its end."""
        with client, suppress(OSError):
            head = _head(client)
            self.asked.append(head.split(b" ")[1].decode())
            given = base64.b64encode(f"{self.user}:{self.password}".encode())
            if b"proxy-authorization: basic " + given.lower() not in head.lower():
                self.refused += 1
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", self.leads_to), timeout=_SECONDS) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_copy, args=(server, client), daemon=True)
                back.start()
                _copy(client, server)
                back.join()


@contextmanager
def proxy_to(port: int, *, user: str, password: str) -> Iterator[Proxy]:
    """A proxy for as long as the context lasts."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        proxy = Proxy(listening.getsockname()[1], user, password, port)

        def accept() -> None:
            with suppress(OSError):  # closed
                while True:
                    client, _ = listening.accept()
                    threading.Thread(target=proxy.serve, args=(client,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield proxy


def _head(client: socket.socket) -> bytes:
    client.settimeout(_SECONDS)
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _MOST_HEAD:
        more = client.recv(1024)
        if not more:
            raise OSError("hung up")
        head += more
    return head


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
