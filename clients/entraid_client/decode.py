"""Turns what a server said about a failed call into an exception of `errors.py`.

What happens here, in this order: `google.rpc.Status` is read from the trailing metadata, its details are sorted into
reason, field violations and waiting time, and the reason, or else the status code, chooses the class. Nothing here
calls or waits, and nothing a server sends makes it raise anything else.
"""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

from entraid.v1 import errors_pb2
from entraid_client import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.any_pb2 import Any as PackedMessage

DOMAIN: Final = "entraid"
DETAILS_KEY: Final = "grpc-status-details-bin"

_LONGEST_DELAY_SECONDS: Final = 365 * 24 * 3600  # no caller waits longer, and timedelta could not hold every Duration
_NANOS_PER_SECOND: Final = 1_000_000_000

BY_REASON: Final[Mapping[str, type[errors.EntraidError]]] = MappingProxyType(
    {
        errors_pb2.ErrorReason.Name(reason): kind
        for reason, kind in (
            (errors_pb2.ERROR_REASON_INVALID_FIELD, errors.InvalidField),
            (errors_pb2.ERROR_REASON_INVALID_PAGE_TOKEN, errors.InvalidPageToken),
            (errors_pb2.ERROR_REASON_INVALID_FILTER, errors.InvalidFilter),
            (errors_pb2.ERROR_REASON_RESOURCE_NOT_FOUND, errors.ResourceNotFound),
            (errors_pb2.ERROR_REASON_CONNECTION_EXISTS, errors.ConnectionExists),
            (errors_pb2.ERROR_REASON_CONSENT_PENDING, errors.ConsentPending),
            (errors_pb2.ERROR_REASON_CONSENT_DECLINED, errors.ConsentDeclined),
            (errors_pb2.ERROR_REASON_PERMISSION_MISSING, errors.PermissionMissing),
            (errors_pb2.ERROR_REASON_CREDENTIALS_REJECTED, errors.CredentialsRejected),
            (errors_pb2.ERROR_REASON_SYNC_IN_PROGRESS, errors.SyncInProgress),
            (errors_pb2.ERROR_REASON_DIRECTORY_NOT_SYNCED, errors.DirectoryNotSynced),
            (errors_pb2.ERROR_REASON_DIRECTORY_STALE, errors.DirectoryStale),
            (errors_pb2.ERROR_REASON_GRAPH_THROTTLED, errors.GraphThrottled),
            (errors_pb2.ERROR_REASON_GRAPH_UNAVAILABLE, errors.GraphUnavailable),
            (errors_pb2.ERROR_REASON_ETAG_MISMATCH, errors.Conflict),
            (errors_pb2.ERROR_REASON_CONSENT_NOT_OFFERED, errors.ConsentNotOffered),
            (errors_pb2.ERROR_REASON_SERVICE_UNAVAILABLE, errors.ServiceUnavailable),
            (errors_pb2.ERROR_REASON_OVERLOADED, errors.Overloaded),
            (errors_pb2.ERROR_REASON_RUN_SUPERSEDED, errors.RunSuperseded),
        )
    }
)

BY_CODE: Final[Mapping[grpc.StatusCode, type[errors.EntraidError]]] = MappingProxyType(
    {
        grpc.StatusCode.UNAVAILABLE: errors.ServiceUnavailable,
        grpc.StatusCode.RESOURCE_EXHAUSTED: errors.Overloaded,
        grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlinePassed,
        grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidField,
        grpc.StatusCode.OUT_OF_RANGE: errors.FixRequest,
        grpc.StatusCode.FAILED_PRECONDITION: errors.FixRequest,
        grpc.StatusCode.NOT_FOUND: errors.ResourceNotFound,
        grpc.StatusCode.ALREADY_EXISTS: errors.ConnectionExists,
        grpc.StatusCode.ABORTED: errors.Conflict,
        grpc.StatusCode.UNAUTHENTICATED: errors.CallerRefused,
        grpc.StatusCode.PERMISSION_DENIED: errors.CallerRefused,
        grpc.StatusCode.UNIMPLEMENTED: errors.NotOffered,
    }
)

_CODES: Final[Mapping[int, grpc.StatusCode]] = MappingProxyType({code.value[0]: code for code in grpc.StatusCode})


def from_rpc_error(error: grpc.aio.AioRpcError, *, rpc: str) -> errors.EntraidError:
    """The exception for a call that gRPC reports as failed.

    Args:
        error: What grpc.aio raised.
        rpc: The call's full name.
    """
    return _build(error.code(), error.details() or "", details=_details(error), rpc=rpc)


def from_status(status: status_pb2.Status) -> errors.EntraidError:
    """The exception for one part of a batch, which carries its own status."""
    code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    return _build(code, status.message, details=tuple(status.details), rpc="")


def fault(message: str, *, rpc: str) -> errors.ServerFault:
    """The exception for an answer that breaks the contract."""
    return errors.ServerFault(errors.Problem(code=grpc.StatusCode.INTERNAL, message=message, rpc=rpc))


def _build(code: grpc.StatusCode, message: str, *, details: tuple[PackedMessage, ...], rpc: str) -> errors.EntraidError:
    info = _first(details, error_details_pb2.ErrorInfo())
    ours = info is not None and info.domain == DOMAIN
    reason = info.reason if info is not None and ours else ""
    problem = errors.Problem(
        code=code,
        message=message or f"the server answered {code.name} without a word",
        rpc=rpc,
        reason=reason,
        metadata=MappingProxyType(dict(info.metadata) if info is not None and ours else {}),
        violations=_violations(details),
        retry_after=_retry_after(details),
    )
    return BY_REASON.get(reason, BY_CODE.get(code, errors.ServerFault))(problem)


def _details(error: grpc.aio.AioRpcError) -> tuple[PackedMessage, ...]:
    """The details in the trailing metadata; none where a proxy cut or changed them."""
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                return tuple(status_pb2.Status.FromString(value).details)
            except DecodeError:
                return ()
    return ()


_Detail = TypeVar("_Detail", bound=Message)


def _first(details: tuple[PackedMessage, ...], empty: _Detail) -> _Detail | None:
    """The first detail of the type of `empty`, which is filled and returned; None if there is none."""
    for packed in details:
        try:
            if packed.Unpack(empty):
                return empty
        except DecodeError:
            return None
    return None


def _violations(details: tuple[PackedMessage, ...]) -> tuple[errors.FieldViolation, ...]:
    request = _first(details, error_details_pb2.BadRequest())
    if request is None:
        return ()
    return tuple(errors.FieldViolation(found.field, found.description) for found in request.field_violations)


def _retry_after(details: tuple[PackedMessage, ...]) -> timedelta | None:
    retry = _first(details, error_details_pb2.RetryInfo())
    if retry is None or not retry.HasField("retry_delay"):
        return None
    delay = retry.retry_delay
    # Not ToTimedelta(): it raises outside Duration's range, and a server's mistake is no crash of ours.
    seconds = min(max(delay.seconds, 0), _LONGEST_DELAY_SECONDS)
    return timedelta(seconds=seconds, microseconds=min(max(delay.nanos, 0), _NANOS_PER_SECOND) // 1000)
