"""What a caller learns from a failed call."""

from __future__ import annotations

import traceback
from datetime import timedelta

import grpc
import pytest
from google.protobuf.any_pb2 import Any as PackedMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st

from client.scripted_service import Refusal, Script, error_info, retry_info
from entraid.v1 import errors_pb2
from entraid_client import ClientSecret, EntraidClient, EntraidError, FieldViolation, Secret, errors
from entraid_client.decode import BY_REASON, from_status

REASONS = [name for name in errors_pb2.ErrorReason.keys() if name != "ERROR_REASON_UNSPECIFIED"]  # noqa: SIM118 - an enum wrapper is no dict
CODES = [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]
SECRET = "canary-9f1c-secret"


async def failure(client: EntraidClient, script: Script, refusal: Refusal) -> EntraidError:
    """What a refused call raises."""
    script.answer("GetGroup", refusal)
    with pytest.raises(EntraidError) as caught:
        await client.get_group("g", connection="c")
    return caught.value


@pytest.mark.parametrize("reason", REASONS)
async def test_each_reason_of_the_contract_has_an_exception_of_its_own(
    script: Script, client: EntraidClient, reason: str
) -> None:
    """The reason decides, not the code, and no two reasons look alike to an `except`."""
    refusal = Refusal(grpc.StatusCode.FAILED_PRECONDITION, "no", (error_info(reason),))
    error = await failure(client, script, refusal)
    assert type(error) is BY_REASON[reason]
    assert [kind for kind in BY_REASON.values() if kind is type(error)] == [type(error)]
    assert error.problem.reason == reason


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
async def test_a_reason_of_a_newer_service_is_treated_by_its_code(
    script: Script, client: EntraidClient, code: grpc.StatusCode
) -> None:
    """The same class as without any details, and the unknown reason is kept for the log."""
    newer = await failure(client, script, Refusal(code, "no", (error_info("ERROR_REASON_OF_TOMORROW"),)))
    bare = await failure(client, script, Refusal(code, "no"))
    assert type(newer) is type(bare)
    assert newer.problem.reason == "ERROR_REASON_OF_TOMORROW"


async def test_a_reason_under_another_domain_is_not_ours(script: Script, client: EntraidClient) -> None:
    """A proxy's ErrorInfo with the same word must not make an unavailable service look like an expired consent."""
    details = (error_info("ERROR_REASON_CONSENT_PENDING", domain="proxy.example", hint="x"),)
    error = await failure(client, script, Refusal(grpc.StatusCode.INTERNAL, "no", details))
    assert type(error) is errors.ServerFault
    assert error.problem.reason == ""
    assert not error.problem.metadata


@given(garbage=st.binary(min_size=1, max_size=64))
def test_no_details_make_the_decoder_fail(garbage: bytes) -> None:
    """Whatever bytes stand in a detail, the caller gets the error that the code stands for."""
    details = [
        PackedMessage(type_url=f"type.googleapis.com/google.rpc.{name}", value=garbage)
        for name in ("ErrorInfo", "BadRequest", "RetryInfo")
    ]
    error = from_status(status_pb2.Status(code=3, message="no", details=details))
    assert isinstance(error, EntraidError)
    assert error.problem.code is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("raw", [b"\xff\xff\xff", b"", b"\x00" * 100])
async def test_details_that_are_no_status_leave_the_code(script: Script, client: EntraidClient, raw: bytes) -> None:
    """A cut header is no reason to lose the error."""
    error = await failure(client, script, Refusal(grpc.StatusCode.NOT_FOUND, "gone", raw_details=raw))
    assert type(error) is errors.ResourceNotFound
    assert str(error) == "gone"


async def test_an_error_without_a_word_still_says_something(script: Script, client: EntraidClient) -> None:
    """People see the code where the server sent no message."""
    error = await failure(client, script, Refusal(grpc.StatusCode.NOT_FOUND, ""))
    assert "NOT_FOUND" in str(error)


@pytest.mark.parametrize("number", [0, 17, 999, -1])
def test_a_code_that_is_no_error_of_grpc_is_a_fault(number: int) -> None:
    """A result of a batch with code OK in its error, or with nonsense, is neither success nor a known failure."""
    assert type(from_status(status_pb2.Status(code=number, message="?"))) is errors.ServerFault


async def test_refused_fields_are_named_with_their_paths(script: Script, client: EntraidClient) -> None:
    """BadRequest arrives as values."""
    violation = error_details_pb2.BadRequest.FieldViolation(field="condition.group.values[0]", description="is empty")
    details = (error_info("ERROR_REASON_INVALID_FIELD"), error_details_pb2.BadRequest(field_violations=[violation]))
    error = await failure(client, script, Refusal(grpc.StatusCode.INVALID_ARGUMENT, "no", details))
    assert error.problem.violations == (FieldViolation("condition.group.values[0]", "is empty"),)


async def test_what_the_contract_promises_along_with_a_reason_has_a_name(script: Script, client: EntraidClient) -> None:
    """The run under way, the missing permissions and Entra's code are read from the metadata."""
    code = grpc.StatusCode.FAILED_PRECONDITION
    busy = error_info("ERROR_REASON_SYNC_IN_PROGRESS", sync_run="connections/c/syncRuns/r")
    error = await failure(client, script, Refusal(grpc.StatusCode.ABORTED, "busy", (busy,)))
    assert isinstance(error, errors.SyncInProgress)
    assert error.sync_run == "connections/c/syncRuns/r"
    missing = error_info("ERROR_REASON_PERMISSION_MISSING", missing_permissions="User.Read.All, Group.Read.All")
    decoded = from_status(Refusal(code, "no", (missing,)).status())
    assert isinstance(decoded, errors.PermissionMissing)
    assert decoded.missing_permissions == ("User.Read.All", "Group.Read.All")
    rejected = from_status(
        Refusal(code, "no", (error_info("ERROR_REASON_CREDENTIALS_REJECTED", aadsts="7000215"),)).status()
    )
    assert isinstance(rejected, errors.CredentialsRejected)
    assert rejected.aadsts == "7000215"


@pytest.mark.parametrize(
    ("delay", "expected"),
    [
        (Duration(seconds=2, nanos=500_000_000), timedelta(seconds=2.5)),
        (Duration(), timedelta()),
        (Duration(seconds=-5), timedelta()),
        (Duration(seconds=2**62), timedelta(days=365)),
    ],
)
def test_every_retry_delay_can_be_waited_for(delay: Duration, expected: timedelta) -> None:
    """Also those that no clock can hold."""
    detail = error_details_pb2.RetryInfo(retry_delay=delay)
    assert from_status(Refusal(grpc.StatusCode.UNAVAILABLE, "no", (detail,)).status()).retry_after == expected


async def test_a_refused_connect_shows_its_secret_nowhere(script: Script, client: EntraidClient) -> None:
    """Not in the error, its chain, its traceback with arguments, nor in the value that was passed in."""
    script.answer("Connect", Refusal(grpc.StatusCode.INVALID_ARGUMENT, "no", (retry_info(1),)))
    authorization = ClientSecret("app", Secret(SECRET))
    with pytest.raises(EntraidError) as caught:
        await client.connect(authorization, tenant="t")
    error = caught.value
    shown = "".join(traceback.format_exception(error)) + repr(error) + repr(error.problem) + repr(error.__cause__)
    assert SECRET not in shown + repr(authorization) + str(authorization) + f"{authorization.secret}"


def test_a_server_sentence_is_the_text_of_the_error() -> None:
    """`str()` is what a person should read, without codes around it."""
    assert str(from_status(status_pb2.Status(code=5, message="no such group"))) == "no such group"
