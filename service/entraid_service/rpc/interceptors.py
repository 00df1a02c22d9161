"""What happens around every call, from the outside in.

1. `FaultBarrier`: whatever nobody expected becomes INTERNAL with an error id; its text stays in our log. grpc.aio would
   send the text of an exception to the caller.
2. `AccessLog`: method, code and duration, to the log and the metrics; never the request.
3. `Translation`: reads the request's bytes and turns our errors into statuses. grpc.aio would answer UNKNOWN, with the
   parser's text, to bytes that are no message.

Cancellation passes through all of them.
"""

from __future__ import annotations  # RpcMethodHandler is generic in its stubs only

import asyncio
import logging
import secrets
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn, TypeVar, cast

import grpc
import structlog
from google.protobuf.message import DecodeError
from google.rpc import status_pb2
from grpc.aio import AbortError

from entraid_service.errors import EntraidError, InvalidField
from entraid_service.rpc.status import DETAILS_KEY, code_of, from_error, internal_fault
from entraid_service.rpc.wrapping import (
    Behaviour,
    Context,
    Deserializer,
    StreamBehaviour,
    Wrapping,
    with_behaviour,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from entraid_service.observe.metrics import Metrics

Q = TypeVar("Q")
S = TypeVar("S")

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


class FaultBarrier(Wrapping):
    """Lets no exception text out."""

    def around_unary(self, method: str, behaviour: Behaviour) -> Behaviour:
        """See `Wrapping`."""

        async def guarded(request: object, context: Context) -> object:
            try:
                return await behaviour(request, context)
            except AbortError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, its text must not get out
                await _end_as_fault(method, context, error)

        return guarded

    def around_stream(self, method: str, behaviour: StreamBehaviour) -> StreamBehaviour:
        """See `Wrapping`."""

        async def guarded(request: object, context: Context) -> AsyncIterator[object]:
            try:
                async for message in behaviour(request, context):
                    yield message
            except AbortError:
                raise
            except Exception as error:  # noqa: BLE001 - as above
                await _end_as_fault(method, context, error)

        return guarded


class AccessLog(Wrapping):
    """Counts and logs every call."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def around_unary(self, method: str, behaviour: Behaviour) -> Behaviour:
        """See `Wrapping`."""

        async def accounted(request: object, context: Context) -> object:
            # As `_account`, written out: a context manager costs this path more than all that it does.
            started = time.perf_counter()
            try:
                answer = await behaviour(request, context)
            except BaseException as error:
                self._note(method, _code_of(error, context), time.perf_counter() - started)
                raise
            self._note(method, grpc.StatusCode.OK, time.perf_counter() - started)
            return answer

        return accounted

    def around_stream(self, method: str, behaviour: StreamBehaviour) -> StreamBehaviour:
        """See `Wrapping`."""

        async def accounted(request: object, context: Context) -> AsyncIterator[object]:
            with self._account(method, context):
                async for message in behaviour(request, context):
                    yield message

        return accounted

    @contextmanager
    def _account(self, method: str, context: Context) -> Iterator[None]:
        started = time.perf_counter()
        code = grpc.StatusCode.OK
        try:
            yield
        except BaseException as error:
            code = _code_of(error, context)
            raise
        finally:
            self._note(method, code, time.perf_counter() - started)

    def _note(self, method: str, code: grpc.StatusCode, seconds: float) -> None:
        self._metrics.count_call(method, code=code.name, seconds=seconds)
        if (code is grpc.StatusCode.OK and method in _QUIET) or code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            if not _standard_log.isEnabledFor(logging.DEBUG):
                return  # which structlog would find out too, for as much as the rest of the call
            log = _log.debug
        else:
            log = _log.info
        log("rpc", method=method, code=code.name, duration_ms=round(seconds * 1000, 3))


class Translation(Wrapping):
    """Turns bytes into requests and our errors into statuses."""

    def rebuilt(self, method: str, handler: grpc.RpcMethodHandler[Q, S]) -> grpc.RpcMethodHandler[Q, S]:
        """See `Wrapping`. The handler gets bytes, which are read inside of the call."""
        decoding = _Decoding(cast("Deserializer", handler.request_deserializer), is_stream=handler.request_streaming)
        return with_behaviour(decoding, method, handler, deserializer=None)


class _Decoding(Wrapping):
    """`Translation` of one method, with the method's deserializer."""

    def __init__(self, deserialize: Deserializer, *, is_stream: bool) -> None:
        self._deserialize = deserialize
        self._is_stream = is_stream

    def around_unary(self, method: str, behaviour: Behaviour) -> Behaviour:
        """See `Wrapping`."""
        del method

        async def translated(request: object, context: Context) -> object:
            try:
                return await behaviour(self._decoded(request), context)
            except EntraidError as error:
                await _end_as_told(context, error)

        return translated

    def around_stream(self, method: str, behaviour: StreamBehaviour) -> StreamBehaviour:
        """See `Wrapping`."""
        del method

        async def translated(request: object, context: Context) -> AsyncIterator[object]:
            try:
                async for message in behaviour(self._decoded(request), context):
                    yield message
            except EntraidError as error:
                await _end_as_told(context, error)

        return translated

    def _decoded(self, request: object) -> object:
        if self._is_stream:
            return self._each(cast("AsyncIterator[bytes]", request))
        return self._read(cast("bytes", request))

    async def _each(self, requests: AsyncIterator[bytes]) -> AsyncIterator[object]:
        async for request in requests:
            yield self._read(request)

    def _read(self, data: bytes) -> object:
        try:
            return self._deserialize(data)
        except DecodeError as error:
            raise InvalidField(
                "request", "the bytes are not a message of this method: check the client's version of the API"
            ) from error


async def _end_as_told(context: Context, error: EntraidError) -> NoReturn:
    status = from_error(error)
    await context.abort(code_of(status), status.message, ((DETAILS_KEY, status.SerializeToString()),))


async def _end_as_fault(method: str, context: Context, error: Exception) -> NoReturn:
    error_id = secrets.token_hex(8)
    _log.error("rpc_fault", method=method, error_id=error_id, exc_info=error)
    status = internal_fault(error_id)
    await context.abort(code_of(status), status.message, ((DETAILS_KEY, status.SerializeToString()),))


def _code_of(error: BaseException, context: Context) -> grpc.StatusCode:
    if isinstance(error, AbortError):
        return _code(context)
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return grpc.StatusCode.CANCELLED
    return grpc.StatusCode.INTERNAL


def _code(context: Context) -> grpc.StatusCode:
    code = context.code()
    return code if isinstance(code, grpc.StatusCode) else code_of(status_pb2.Status(code=code))
