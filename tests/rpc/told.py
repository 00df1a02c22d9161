"""What an error tells its caller beside the code: reason, field and other details."""

from typing import TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

D = TypeVar("D", bound=Message)


def status_of(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    """The rich status of an error; fails if there is none."""
    metadata = dict(error.trailing_metadata() or ())
    data = metadata["grpc-status-details-bin"]
    assert isinstance(data, bytes)
    return status_pb2.Status.FromString(data)


def reason_of(error: grpc.aio.AioRpcError | status_pb2.Status) -> str:
    """The reason without its prefix."""
    reason: str = detail_of(error, error_details_pb2.ErrorInfo()).reason
    return reason.removeprefix("ERROR_REASON_")


def field_of(error: grpc.aio.AioRpcError | status_pb2.Status) -> str:
    """The field that an error is about."""
    field: str = detail_of(error, error_details_pb2.BadRequest()).field_violations[0].field
    return field


def detail_of(error: grpc.aio.AioRpcError | status_pb2.Status, detail: D) -> D:
    """The detail of this type; fails if there is none."""
    status = error if isinstance(error, status_pb2.Status) else status_of(error)
    assert any(packed.Unpack(detail) for packed in status.details)
    return detail
