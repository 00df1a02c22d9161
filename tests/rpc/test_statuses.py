from datetime import UTC, datetime, timedelta

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from entraid.v1 import errors_pb2
from entraid_service import errors
from entraid_service.model.report import ErrorReason, ErrorReport
from entraid_service.rpc.status import LARGEST_STATUS, code_of, from_error, from_report, internal_fault

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ERRORS = [
    (errors.GraphThrottled("m", retry_after=timedelta(seconds=7)), "UNAVAILABLE"),
    (errors.GraphUnavailable("m", request_id="r"), "UNAVAILABLE"),
    (errors.StoreUnavailable("m"), "UNAVAILABLE"),
    (errors.Stopping("m"), "UNAVAILABLE"),
    (errors.Overloaded("m"), "RESOURCE_EXHAUSTED"),
    (errors.ConsentNotOffered("m"), "FAILED_PRECONDITION"),
    (errors.RunSuperseded("m"), "FAILED_PRECONDITION"),
    (errors.CredentialsRejected("m", aadsts="AADSTS7000215"), "FAILED_PRECONDITION"),
    (errors.PermissionMissing("m", missing=("User.Read.All",)), "FAILED_PRECONDITION"),
    (errors.ConsentDeclined("m", error="access_denied"), "PERMISSION_DENIED"),
    (errors.InvalidField("f", "m"), "INVALID_ARGUMENT"),
    (errors.InvalidPageToken("m"), "INVALID_ARGUMENT"),
    (errors.InvalidFilter("m", position=3), "INVALID_ARGUMENT"),
    (errors.ResourceNotFound("user", "u"), "NOT_FOUND"),
    (errors.ConnectionExists("m"), "ALREADY_EXISTS"),
    (errors.EtagMismatch("m"), "ABORTED"),
    (errors.SyncInProgress("s"), "ABORTED"),
    (errors.DirectoryNotSynced("m"), "FAILED_PRECONDITION"),
    (errors.DirectoryStale("m", sync_time=MOMENT), "FAILED_PRECONDITION"),
    (errors.SyncStopped("m"), "CANCELLED"),
]


def info(status: status_pb2.Status) -> error_details_pb2.ErrorInfo:
    """The machine-readable part."""
    found = error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(found) for detail in status.details)
    return found


@pytest.mark.parametrize(("error", "code"), ERRORS, ids=lambda value: type(value).__name__)
def test_each_error_has_its_status_and_reason(error: errors.EntraidError, code: str) -> None:
    """Code, message, reason and metadata of the contract arrive, and every reason is one that the contract has."""
    status = from_error(error)
    assert code_of(status) is grpc.StatusCode[code]
    assert status.message == str(error)
    if not isinstance(error, errors.SyncStopped):  # told of a run, never of a call
        assert error.reason is not None
        found = info(status)
        assert found.domain == "entraid"
        assert errors_pb2.ErrorReason.Value(found.reason) == error.reason.value
        assert dict(found.metadata) == dict(error.metadata)


@pytest.mark.parametrize("error", [error for error, _ in ERRORS if isinstance(error, errors.RetryLater)], ids=type)
def test_whatever_may_be_tried_again_says_when(error: errors.RetryLater) -> None:
    """What the other side asked for, else what is usual; callers must not have to guess."""
    wait = error_details_pb2.RetryInfo()
    assert any(detail.Unpack(wait) for detail in from_error(error).details)
    assert wait.retry_delay.ToTimedelta() == (error.retry_after or timedelta()) > timedelta()


def test_an_invalid_argument_names_its_field() -> None:
    """A form can put the message beside the right input."""
    for error, field in (
        (errors.InvalidField("a.b[1]", "m"), "a.b[1]"),
        (errors.InvalidPageToken("m"), "page_token"),
        (errors.InvalidFilter("m", position=0), "filter"),
    ):
        found = error_details_pb2.BadRequest()
        assert any(detail.Unpack(found) for detail in from_error(error).details)
        assert found.field_violations[0].field == field


def test_a_throttle_says_for_how_long() -> None:
    """A client waits as long as Graph asked for."""
    found = error_details_pb2.RetryInfo()
    error = errors.GraphThrottled("m", retry_after=timedelta(seconds=7))
    assert any(detail.Unpack(found) for detail in from_error(error).details)
    assert found.retry_delay.ToTimedelta() == timedelta(seconds=7)


@settings(deadline=None)
@given(
    st.text(max_size=20_000),
    st.dictionaries(st.text(max_size=50), st.text(max_size=20_000), max_size=30),
    st.integers(1, 5000),
)
def test_no_status_outgrows_what_a_client_takes(message: str, metadata: dict[str, str], repeat: int) -> None:
    """Beyond 8 KiB gRPC loses the whole error; ours stay below half of that, and say what they can."""
    report = ErrorReport("NOT_FOUND", message * repeat, ErrorReason.RESOURCE_NOT_FOUND, metadata)
    status = from_report(report)
    assert status.ByteSize() <= LARGEST_STATUS
    assert code_of(status) is grpc.StatusCode.NOT_FOUND
    assert info(status).reason == "ERROR_REASON_RESOURCE_NOT_FOUND"


def test_the_longest_metadata_is_cut_first() -> None:
    """A long list of permissions does not push out the short values beside it."""
    report = ErrorReport("NOT_FOUND", "m", ErrorReason.PERMISSION_MISSING, {"a": "short", "b": "x" * 10_000})
    metadata = info(from_report(report)).metadata
    assert metadata["a"] == "short"
    assert metadata["b"].startswith("xxx")
    assert metadata["b"].endswith("…")


def test_a_huge_field_path_and_message_fit_too() -> None:
    """What a caller sent as a field's value cannot blow up the error about it."""
    assert from_error(errors.InvalidField("f" * 100_000, "ü" * 100_000)).ByteSize() <= LARGEST_STATUS


def test_a_fault_tells_its_id_only() -> None:
    """What happened stays in the log."""
    status = internal_fault("abc123")
    assert code_of(status) is grpc.StatusCode.INTERNAL
    assert "abc123" in status.message
