"""From our errors to `google.rpc.Status`: one table, and the bound on what an error may weigh.

gRPC drops a whole error whose metadata passes 8 KiB (`GRPC_ARG_MAX_METADATA_SIZE`,
https://grpc.github.io/grpc/core/group__grpc__arg__keys.html), so message and details are cut before.
"""

from collections.abc import Iterator
from urllib.parse import quote

import grpc
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from entraid_service.errors import EntraidError, InvalidField, InvalidFilter, InvalidPageToken, RetryLater
from entraid_service.model.report import ErrorReport

DETAILS_KEY = "grpc-status-details-bin"
"""The trailer in which every gRPC library looks for `google.rpc.Status`."""
DOMAIN = "entraid"
LARGEST_STATUS = 4096
"""Bytes of a serialized status."""
_LONGEST_MESSAGE = 2048
"""Bytes of a message as gRPC sends it, percent-encoded."""
_LONGEST_DESCRIPTION = 512
_SHORTEST_METADATA = 16


class NotOffered(EntraidError):  # noqa: N818 - named as the tree of `errors` names
    """The contract has it, this release does not."""

    status = "UNIMPLEMENTED"


def from_report(report: ErrorReport) -> status_pb2.Status:
    """The status of an error that was kept with a connection or a run."""
    return _fitted(report, [])


def from_error(error: EntraidError) -> status_pb2.Status:
    """The status of an error that ends a call."""
    return _fitted(error.report(), list(_details(error)))


def internal_fault(error_id: str) -> status_pb2.Status:
    """The status of an error that nobody expected: what the log knows it by, and nothing else."""
    report = ErrorReport(
        status="INTERNAL",
        message=f"the service failed unexpectedly; its log tells more under the error id `{error_id}`",
    )
    return _fitted(report, [error_details_pb2.RequestInfo(request_id=error_id)])


def code_of(status: status_pb2.Status) -> grpc.StatusCode:
    """A status' code as gRPC's enum."""
    return _BY_NUMBER[status.code]


def _details(error: EntraidError) -> Iterator[Message]:
    match error:
        case InvalidField(field=field):
            yield _bad_request(field, str(error))
        case InvalidPageToken():
            yield _bad_request("page_token", str(error))
        case InvalidFilter():
            yield _bad_request("filter", str(error))
        case RetryLater(retry_after=delay) if delay is not None:
            wait = Duration()
            wait.FromTimedelta(delay)
            yield error_details_pb2.RetryInfo(retry_delay=wait)


def _bad_request(field: str, text: str) -> error_details_pb2.BadRequest:
    violation = error_details_pb2.BadRequest.FieldViolation(field=field[:256], description=text[:_LONGEST_DESCRIPTION])
    return error_details_pb2.BadRequest(field_violations=[violation])


def _fitted(report: ErrorReport, details: list[Message]) -> status_pb2.Status:
    """The status with its longest metadata halved until all of it fits."""
    metadata = {key: str(value) for key, value in report.metadata.items()}
    while True:
        status = _status(report, metadata, details)
        longest = max(metadata, key=lambda key: len(metadata[key]), default=None)
        if status.ByteSize() <= LARGEST_STATUS or longest is None:
            return status
        if len(metadata[longest]) <= _SHORTEST_METADATA:
            del metadata[longest]
        else:
            metadata[longest] = f"{metadata[longest][: len(metadata[longest]) // 2]}…"


def _status(report: ErrorReport, metadata: dict[str, str], details: list[Message]) -> status_pb2.Status:
    number, _ = grpc.StatusCode[report.status].value
    status = status_pb2.Status(code=number, message=_cut(report.message))
    if report.reason is not None:
        reason = f"ERROR_REASON_{report.reason.name}"
        _pack(status, error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata))
    for detail in details:
        _pack(status, detail)
    return status


def _pack(status: status_pb2.Status, detail: Message) -> None:
    packed = any_pb2.Any()
    packed.Pack(detail)
    status.details.append(packed)


def _cut(message: str) -> str:
    """The message, shortened so that it fits when percent-encoded."""
    while len(quote(message, safe=" ")) > _LONGEST_MESSAGE:
        message = f"{message[: len(message) * 3 // 4]}…"
    return message


_BY_NUMBER = {code.value[0]: code for code in grpc.StatusCode}
