"""What happens around every call, from the outside in.

1. `FaultBarrier`: whatever nobody expected becomes INTERNAL with an error id; its text stays in our log. grpc.aio would
   send the text of an exception to the caller.
2. `AccessLog`: method, code and duration, to the log and the metrics; never the request.
3. `Translation`: reads the request's bytes and turns our errors into statuses. grpc.aio would answer UNKNOWN, with the
   parser's text, to bytes that are no message.

Cancellation passes through all of them.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import grpc
import structlog
from google.protobuf.message import DecodeError
from grpc.aio import AbortError

from entraid_service.errors import EntraidError, InvalidField
from entraid_service.observe.metrics import Metrics
from entraid_service.rpc.status import DETAILS_KEY, code_of, from_error
from entraid_service.rpc.wrapping import Behaviour, Context, Handler, StreamBehaviour, Wrapping

_log = structlog.get_logger(__name__)

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
                return await _end_as_fault(method, context, error)

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
        super().__init__()
        self._metrics = metrics

    def around_unary(self, method: str, behaviour: Behaviour) -> Behaviour:
        """See `Wrapping`."""

        async def accounted(request: object, context: Context) -> object:
            with self._account(method, context):
                return await behaviour(request, context)

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
        except AbortError:
            code = context.code()
            raise
        except (asyncio.CancelledError, GeneratorExit):
            code = grpc.StatusCode.CANCELLED
            raise
        except BaseException:
            code = grpc.StatusCode.INTERNAL
            raise
        finally:
            self._note(method, code, time.perf_counter() - started)

    def _note(self, method: str, code: grpc.StatusCode, seconds: float) -> None:
        self._metrics.count_call(method, code=code.name, seconds=seconds)
        log = _log.debug if code is grpc.StatusCode.OK and method in _QUIET else _log.info
        log("rpc", method=method, code=code.name, duration_ms=round(seconds * 1000, 3))


class Translation(Wrapping):
    """Turns bytes into requests and our errors into statuses."""
