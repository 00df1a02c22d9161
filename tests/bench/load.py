"""A load of gRPC calls over plain sockets, so cheap that the server is what is measured.

A gRPC client in Python costs as much for each call as the server; `h2load` sends one body only. Here frames are made in
advance, and of what comes back only the frames' heads are read. Answers without a message count as failures.
https://www.rfc-editor.org/rfc/rfc9113 and https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md

A process of its own: `python tests/bench/load.py '{"port": 50051, ...}'` (see `Order`) prints a `Result` as JSON.
"""

import itertools
import json
import selectors
import socket
import struct
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import quantiles

from bench import bodies

_SERVICE = "/entraid.v1.AccessService/"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_LARGEST_FRAME = 16_384
_LARGEST_WINDOW = 2**31 - 1
_FIRST_WINDOW = 65_535
_SETTING_INITIAL_WINDOW = 4
_MESSAGE_HEAD = 5
_SAMPLE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to send: `method` is `EvaluateAccess`, `BatchEvaluateAccess` or `StreamEvaluateAccess`, or another's path.

    `prepared` is a file with the bodies (see `bodies.keep`), which are made here otherwise; `batch` is how many
    decisions one of a method for many holds. Each of `connections` keeps `streams` calls under way (of the stream
    method: messages). `cold` asks about users whom nobody asked about before, evenly.
    """

    port: int
    method: str = "EvaluateAccess"
    connections: int = 8
    streams: int = 4
    seconds: float = 3.0
    seed: int = 1
    bodies: int = 20_000
    cold: bool = False
    batch: int = 500
    prepared: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came back; latencies in milliseconds, of calls (of the stream method: messages)."""

    answers: int
    decisions: int
    failures: int
    seconds: float
    per_second: float
    p50: float
    p90: float
    p99: float
    allows: int
    denials: int


@dataclass(slots=True)
class _Tally:
    failures: int = 0
    latencies: list[float] = field(default_factory=list)
    samples: list[bytes] = field(default_factory=list)


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _text(value: bytes) -> bytes:
    return bytes([len(value)]) + value


def _path(order: Order) -> str:
    return order.method if order.method.startswith("/") else _SERVICE + order.method


class _Connection:
    """One HTTP/2 connection that sends the next body whenever an answer is there."""

    def __init__(self, order: Order, bodies: "itertools.cycle[bytes]", tally: _Tally) -> None:
        self.socket = socket.create_connection(("127.0.0.1", order.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._is_streaming = order.method == "StreamEvaluateAccess"
        self._bodies = bodies
        self._tally = tally
        self._unread = b""
        self._next_stream = 1
        self._window = self._stream_window = _FIRST_WINDOW
        self._sent_at: dict[int, float] = {}
        self._waiting: dict[int, tuple[bytes, int]] = {}
        self._answer: dict[int, bytes] = {}
        self._first_headers = (
            b"\x83\x86\x44" + _text(_path(order).encode()) + b"\x41" + _text(b"bench") + b"\x5f"
            + _text(b"application/grpc") + b"\x40" + _text(b"te") + _text(b"trailers")
        )  # fmt: skip
        settings = struct.pack(">HI", _SETTING_INITIAL_WINDOW, _LARGEST_WINDOW)
        greeting = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(_SETTINGS, 0, 0, settings)
        grow = struct.pack(">I", _LARGEST_WINDOW - _FIRST_WINDOW)
        self.socket.sendall(greeting + _frame(_WINDOW, 0, 0, grow))
        self._streams = order.streams
        self._in_flight: list[float] = []

    def begin(self) -> None:
        """Sends the first calls."""
        if self._is_streaming:
            self._headers(1)
            self._next_stream = 3
            for _ in range(self._streams):
                self._send_message(1)
        else:
            for _ in range(self._streams):
                self._call()

    def receive(self) -> None:
        """Takes what has come."""
        data = self._unread + self.socket.recv(1 << 18)
        place, end = 0, len(data)
        while end - place >= 9:
            size = data[place] << 16 | data[place + 1] << 8 | data[place + 2]
            if end - place < 9 + size:
                break
            kind, flags, stream = struct.unpack_from(">BBI", data, place + 3)
            self._take(kind, flags, stream, data[place + 9 : place + 9 + size])
            place += 9 + size
        self._unread = data[place:]

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == _DATA:
            if self._is_streaming:
                self._take_messages(payload)
            else:
                self._answer[stream] = self._answer.get(stream, b"") + payload
        elif kind == _HEADERS and flags & _END_STREAM:
            self._ended(stream)
        elif kind == _WINDOW:
            self._grow(stream, struct.unpack(">I", payload)[0])
        elif kind == _SETTINGS and not flags & _ACK:
            self._settings(payload)
        elif kind == _PING and not flags & _ACK:
            self.socket.sendall(_frame(_PING, _ACK, 0, payload))
        elif kind in (_RESET, _GOAWAY):
            raise ConnectionError(f"the server ended the load with frame {kind}: {payload!r}")

    def _ended(self, stream: int) -> None:
        self._tally.latencies.append(time.perf_counter() - self._sent_at.pop(stream))
        answer = self._answer.pop(stream, b"")
        self._note(answer)
        if self._is_streaming:
            raise ConnectionError("the server ended a stream")
        self._call()

    def _note(self, answer: bytes) -> None:
        if len(answer) <= _MESSAGE_HEAD:
            self._tally.failures += 1
        elif len(self._tally.samples) < _SAMPLE:
            self._tally.samples.append(answer[_MESSAGE_HEAD:])

    def _take_messages(self, payload: bytes) -> None:
        data = self._answer.pop(1, b"") + payload
        place = 0
        now = time.perf_counter()
        while len(data) - place >= _MESSAGE_HEAD:
            (size,) = struct.unpack_from(">I", data, place + 1)
            if len(data) - place < _MESSAGE_HEAD + size:
                break
            self._note(data[place : place + _MESSAGE_HEAD + size])
            self._tally.latencies.append(now - self._in_flight.pop(0))
            place += _MESSAGE_HEAD + size
            self._send_message(1)
        self._answer[1] = data[place:]

    def _headers(self, stream: int) -> None:
        block = self._first_headers if stream == 1 else b"\x83\x86\xc1\xc0\xbf\xbe"
        self.socket.sendall(_frame(_HEADERS, _END_HEADERS, stream, block))

    def _call(self) -> None:
        stream = self._next_stream
        self._next_stream += 2
        self._sent_at[stream] = time.perf_counter()
        body = next(self._bodies)
        block = self._first_headers if stream == 1 else b"\x83\x86\xc1\xc0\xbf\xbe"
        head = _frame(_HEADERS, _END_HEADERS, stream, block)
        if not self._waiting and len(body) <= min(self._window, self._stream_window, _LARGEST_FRAME):
            self._window -= len(body)
            self.socket.sendall(head + _frame(_DATA, _END_STREAM, stream, body))
        else:
            self.socket.sendall(head)
            self._waiting[stream] = (body, self._stream_window)
            self._flush()

    def _send_message(self, stream: int) -> None:
        self._in_flight.append(time.perf_counter())
        body = next(self._bodies)
        rest, window = self._waiting.get(stream, (b"", self._stream_window))
        self._waiting[stream] = (rest + body, window)
        self._flush()

    def _flush(self) -> None:
        for stream, (unsent, left) in list(self._waiting.items()):
            body, window = unsent, left
            while body and (size := min(len(body), window, self._window, _LARGEST_FRAME)) > 0:
                is_last = size == len(body) and not self._is_streaming
                self.socket.sendall(_frame(_DATA, _END_STREAM * is_last, stream, body[:size]))
                body, window, self._window = body[size:], window - size, self._window - size
            if body or self._is_streaming:
                self._waiting[stream] = (body, window)
            else:
                del self._waiting[stream]

    def _grow(self, stream: int, by: int) -> None:
        if stream == 0:
            self._window += by
        elif stream in self._waiting:
            body, window = self._waiting[stream]
            self._waiting[stream] = (body, window + by)
        self._flush()

    def _settings(self, payload: bytes) -> None:
        for name, value in struct.iter_unpack(">HI", payload):
            if name == _SETTING_INITIAL_WINDOW:
                change = value - self._stream_window
                self._stream_window = value
                self._waiting = {key: (body, window + change) for key, (body, window) in self._waiting.items()}
        self.socket.sendall(_frame(_SETTINGS, _ACK, 0, b""))
        self._flush()


def run(order: Order) -> Result:
    """Sends the load."""
    sent = itertools.cycle(_bodies(order))
    tally = _Tally()
    selector = selectors.DefaultSelector()
    connections = [_Connection(order, sent, tally) for _ in range(order.connections)]
    started = time.perf_counter()
    for connection in connections:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.begin()
    end = started + order.seconds
    while (now := time.perf_counter()) < end:
        for key, _ in selector.select(end - now):
            key.data.receive()
    took = time.perf_counter() - started
    cuts = [1000 * cut for cut in quantiles(tally.latencies, n=100)]
    size = bodies.decisions(order.method, order.batch)
    allows = [allow for sample in tally.samples for allow in bodies.allows(order.method, sample, expected=size)]
    return Result(
        answers=len(tally.latencies),
        decisions=len(tally.latencies) * size,
        failures=tally.failures,
        seconds=took,
        per_second=len(tally.latencies) * size / took,
        p50=cuts[49],
        p90=cuts[89],
        p99=cuts[98],
        allows=allows.count(True),
        denials=allows.count(False),
    )


def _bodies(order: Order) -> list[bytes]:
    if order.prepared:
        return bodies.kept(Path(order.prepared))
    return bodies.made(order.method, order.bodies, seed=order.seed, cold=order.cold)


if __name__ == "__main__":
    print(json.dumps(asdict(run(Order(**json.loads(sys.argv[1]))))))  # noqa: T201 - its answer
