"""What happens around every call, in one place, as each layer around a decision costs a part of what it costs itself.

1. The call passes the gate, which refuses it in plain words if there are too many or the server stops. What is too many
   is refused with as little work as can be: an error that is raised costs more than most answers.
2. The request is read from its bytes. To bytes that are no message grpc.aio would answer UNKNOWN, with the parser's
   text.
3. A call whose deadline passed while it waited is not answered: nobody would read it, in an overload much of the work
   would be for nothing, and of each answer that cannot be sent any more gRPC 1.85 keeps 400 bytes for good
   (https://github.com/grpc/grpc/issues/43360).
4. Our errors become statuses. Whatever nobody expected becomes INTERNAL with an error id; its text stays in our log,
   where grpc.aio would send it to the caller. Cancellation passes.
5. Method, code and duration go to the log and the metrics; never the request.

Answers come in two shapes: one message that is awaited, or a stream from an async generator. All of our methods have
one of these; a coroutine that writes a stream by itself is not supported.
"""

from __future__ import annotations  # RpcMethodHandler is generic in its stubs only

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, NoReturn, Protocol, TypeAlias, cast

import grpc
import structlog
from google.rpc import status_pb2
from grpc.aio import AbortError

from entraid_service.errors import EntraidError, Overloaded
from entraid_service.rpc.deciding import CallContext
from entraid_service.rpc.status import DETAILS_KEY, code_of, from_error, internal_fault
from entraid_service.rpc.wire import read_message

if TYPE_CHECKING:
    from entraid_service.observe.metrics import Metrics
    from entraid_service.rpc.gate import Gate

_log = structlog.get_logger(__name__)
_standard_log = logging.getLogger(__name__)

_QUIET = frozenset(
    (
        "/entraid.v1.AccessService/EvaluateAccess",
        "/entraid.v1.AccessService/BatchEvaluateAccess",
        "/grpc.health.v1.Health/Check",
    )
)
"""Methods that are called so often that a success is a line of the debug log only."""
_TOLD_AS_A_WHOLE = frozenset((grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.DEADLINE_EXCEEDED))
"""What comes by the thousand in an overload: the log tells of that, the metrics have the numbers."""


class _TooLate(asyncio.CancelledError):
    """The caller's deadline has passed. So gRPC ends the call and sends nothing."""


class Context(CallContext, Protocol):
    """What is looked at of a call: who makes it and how it ends, nothing of what was asked."""

    async def abort(
        self, code: grpc.StatusCode, details: str = "", trailing_metadata: tuple[tuple[str, bytes], ...] = ()
    ) -> NoReturn:
        """Ends the call with an error; raises `grpc.aio.AbortError`."""

    def set_code(self, code: grpc.StatusCode) -> None:
        """The code that the call ends with; the answer is then given, and not looked at."""

    def set_details(self, details: str) -> None:
        """The message to it."""

    def set_trailing_metadata(self, metadata: tuple[tuple[str, bytes], ...]) -> None:
        """What goes with it."""

    def time_remaining(self) -> float | None:
        """Seconds until the caller's deadline, None if there is none."""

    def code(self) -> grpc.StatusCode | int:
        """The code that the call was ended with; a number where gRPC's core set it."""


Behaviour: TypeAlias = Callable[[object, Context], Awaitable[object]]
StreamBehaviour: TypeAlias = Callable[[object, Context], AsyncIterator[object]]
Deserializer: TypeAlias = Callable[[bytes], object]
Serializer: TypeAlias = Callable[[object], bytes]
Shortcut: TypeAlias = Callable[[bytes, Context], bytes | None]
"""From a request's bytes to the answer's; None if the behaviour has to answer."""


class Guard:
    """Stands around the methods of a server."""

    def __init__(self, gate: Gate, metrics: Metrics) -> None:
        self._gate = gate
        self._calls = metrics.calls
        refusal = from_error(
            Overloaded("too many calls are waiting here: call again a little later, and with more pause")
        )
        self._refusal = refusal.message
        self._refusal_metadata = ((DETAILS_KEY, refusal.SerializeToString()),)

    def unary(
        self,
        method: str,
        behaviour: Behaviour,
        *,
        deserialize: Deserializer,
        serialize: Serializer,
        shortcut: Shortcut | None,
    ) -> Callable[[bytes, Context], Awaitable[bytes]]:
        """A method that answers with one message, from bytes to bytes.

        `shortcut` is asked first.
        """
        enter, answered = self._gate.entrance(method), self._answered(method)

        async def guarded(request: bytes, context: Context) -> bytes:
            started = time.perf_counter()
            try:
                is_admitted = enter()
                _check_time(context)
                if not is_admitted:
                    return self._refused(method, context, started)
                answer = None if shortcut is None else shortcut(request, context)
                if answer is None:
                    answer = serialize(await behaviour(read_message(deserialize, request), context))
            except BaseException as error:  # noqa: BLE001 - told by `_end`, which raises
                await self._end(method, error, context, started)
            answered(started)
            return answer

        return guarded

    def stream(
        self, method: str, behaviour: StreamBehaviour, *, deserialize: Deserializer, is_asked_by_stream: bool
    ) -> StreamBehaviour:
        """A method that answers with a stream, to requests that are bytes."""
        answered = self._answered(method)

        async def guarded(request: object, context: Context) -> AsyncIterator[object]:
            started = time.perf_counter()
            self._gate.stream_began()
            try:
                async for message in behaviour(decoded(request), context):
                    yield message
            except BaseException as error:  # noqa: BLE001 - told by `_end`, which raises
                await self._end(method, error, context, started)
            finally:
                self._gate.stream_ended()
            answered(started)

        def decoded(request: object) -> object:
            if is_asked_by_stream:
                return _each(deserialize, cast("AsyncIterator[bytes]", request))
            return read_message(deserialize, cast("bytes", request))

        return guarded

    def pipe(self, method: str, behaviour: Behaviour) -> Behaviour:
        """A method that reads and writes the bytes of two streams by itself."""
        answered = self._answered(method)

        async def guarded(requests: object, context: Context) -> None:
            started = time.perf_counter()
            self._gate.stream_began()
            try:
                await behaviour(requests, context)
            except BaseException as error:  # noqa: BLE001 - told by `_end`, which raises
                await self._end(method, error, context, started)
            finally:
                self._gate.stream_ended()
            answered(started)

        return guarded

    def _refused(self, method: str, context: Context, started: float) -> bytes:
        context.set_code(grpc.StatusCode.RESOURCE_EXHAUSTED)
        context.set_details(self._refusal)
        context.set_trailing_metadata(self._refusal_metadata)
        self._note(method, grpc.StatusCode.RESOURCE_EXHAUSTED, started)
        return b""

    async def _end(self, method: str, error: BaseException, context: Context, started: float) -> NoReturn:
        """Ends a call that failed, and tells of it."""
        if isinstance(error, EntraidError):
            status = from_error(error)
        elif isinstance(error, Exception) and not isinstance(error, AbortError):
            error_id = secrets.token_hex(8)
            _log.error("rpc_fault", method=method, error_id=error_id, exc_info=error)
            status = internal_fault(error_id)
        else:
            self._note(method, _code_of(error, context), started)
            raise error
        code = code_of(status)
        self._note(method, code, started)
        await context.abort(code, status.message, ((DETAILS_KEY, status.SerializeToString()),))

    def _answered(self, method: str) -> Callable[[float], None]:
        """What takes note of each call that was answered, by when it began."""
        count, is_quiet = self._calls(method, grpc.StatusCode.OK.name), method in _QUIET

        def note(started: float) -> None:
            seconds = time.perf_counter() - started
            count(seconds)
            _tell(method, grpc.StatusCode.OK, seconds, is_quiet=is_quiet)

        return note

    def _note(self, method: str, code: grpc.StatusCode, started: float) -> None:
        """Takes note of a call that failed."""
        seconds = time.perf_counter() - started
        self._calls(method, code.name)(seconds)
        _tell(method, code, seconds, is_quiet=code in _TOLD_AS_A_WHOLE)


def _tell(method: str, code: grpc.StatusCode, seconds: float, *, is_quiet: bool) -> None:
    if is_quiet and not _standard_log.isEnabledFor(logging.DEBUG):
        return  # which structlog would find out too, for as much as the rest of the call
    log = _log.debug if is_quiet else _log.info
    log("rpc", method=method, code=code.name, duration_ms=round(seconds * 1000, 3))


def _check_time(context: Context) -> None:
    """Returns if the caller may still be waiting.

    Raises:
        _TooLate: He is not.
    """
    remaining = context.time_remaining()
    if remaining is not None and remaining <= 0:
        raise _TooLate


async def _each(deserialize: Deserializer, requests: AsyncIterator[bytes]) -> AsyncIterator[object]:
    async for request in requests:
        yield read_message(deserialize, request)


def _code_of(error: BaseException, context: Context) -> grpc.StatusCode:
    """Of a call that was aborted by its method, came too late, was cancelled, or ends with the process."""
    if isinstance(error, AbortError):
        code = context.code()
        return code if isinstance(code, grpc.StatusCode) else code_of(status_pb2.Status(code=code))
    if isinstance(error, _TooLate):
        return grpc.StatusCode.DEADLINE_EXCEEDED
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return grpc.StatusCode.CANCELLED
    return grpc.StatusCode.INTERNAL
