"""What `entraidctl` says when a call fails: what happened, why, what to do next, and never a traceback or a secret."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import grpc
import pytest

from client.command_line import entraidctl
from client.scripted_service import Refusal, Script, error_info, retry_info
from entraid.v1 import connection_service_pb2

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "canary-5d0e-secret"
CONNECT = ("connect", "contoso", "--tenant", "contoso.com", "--client-id", "app")
EVALUATE = ("evaluate", "ada@contoso.com", "--connection", "contoso", "--group", "Sales")


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (grpc.StatusCode.INTERNAL, "", 1),
        (grpc.StatusCode.UNIMPLEMENTED, "", 1),
        (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", 2),
        (grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND", 2),
        (grpc.StatusCode.UNAVAILABLE, "GRAPH_UNAVAILABLE", 4),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "", 4),
        (grpc.StatusCode.FAILED_PRECONDITION, "CREDENTIALS_REJECTED", 5),
        (grpc.StatusCode.FAILED_PRECONDITION, "DIRECTORY_NOT_SYNCED", 6),
        (grpc.StatusCode.FAILED_PRECONDITION, "DIRECTORY_STALE", 6),
    ],
)
async def test_an_error_has_its_exit_code_and_is_never_an_allow(
    script: Script, code: grpc.StatusCode, reason: str, expected: int
) -> None:
    """Grouped by what the caller can do; `evaluate` returns 0 for none of them."""
    details = (error_info(f"ERROR_REASON_{reason}", hint="look here"),) if reason else ()
    script.answer("EvaluateAccess", Refusal(code, "it did not work", details))
    ended = await entraidctl(*EVALUATE, "--target", script.target)
    assert ended.code == expected
    assert ended.out == ""
    assert "error: it did not work" in ended.err
    assert "next: " in ended.err
    assert ("hint: look here" in ended.err) is bool(reason)
    assert "Traceback" not in ended.all


async def test_an_error_is_a_document_too(script: Script) -> None:
    """On standard error, so that a program never takes it for a result."""
    details = (error_info("ERROR_REASON_GRAPH_THROTTLED"), retry_info(120))
    script.answer("EvaluateAccess", Refusal(grpc.StatusCode.UNAVAILABLE, "slow down", details))
    ended = await entraidctl(*EVALUATE, "--target", script.target, "-o", "json", "--timeout", "2")
    error = json.loads(ended.err)["error"]
    assert ended.out == ""
    assert (error["kind"], error["code"], error["retryAfterSeconds"]) == ("GraphThrottled", "UNAVAILABLE", 120.0)
    assert error["reason"] == "ERROR_REASON_GRAPH_THROTTLED"


async def test_a_hostile_error_message_cannot_steer_the_terminal(script: Script) -> None:
    """Whoever answers at the target does not get to write escape sequences."""
    details = (error_info("ERROR_REASON_INVALID_FIELD", evil="\x1b[2J"),)
    script.answer("EvaluateAccess", Refusal(grpc.StatusCode.INVALID_ARGUMENT, "\x1b]0;x\x07[bold]no", details))
    ended = await entraidctl(*EVALUATE, "--target", script.target)
    assert not set("\x1b\x07") & set(ended.all)
    assert "[bold]no" in ended.err


async def test_a_service_that_is_not_there_is_said_to_be(script: Script) -> None:
    """Exit code 4, and where to look."""
    ended = await entraidctl("status", "--target", "127.0.0.1:1", "--timeout", "5")
    assert ended.code == 4
    assert "--target" in ended.err
    assert not script.calls


@pytest.mark.parametrize("source", ["file", "stdin", "environment"])
async def test_a_secret_arrives_whole_and_is_shown_nowhere(script: Script, tmp_path: Path, source: str) -> None:
    """From a file, standard input or the environment, without the line end, and the refusal does not repeat it."""
    script.answer("Connect", Refusal(grpc.StatusCode.FAILED_PRECONDITION, "rejected"))
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    arguments = {"file": ("--client-secret-file", str(file)), "stdin": ("--client-secret-stdin",), "environment": ()}
    env = {"ENTRAIDCTL_CLIENT_SECRET": SECRET} if source == "environment" else {}
    ended = await entraidctl(
        *CONNECT,
        *arguments[source],
        "--target",
        script.target,
        stdin=f"{SECRET}\r\n" if source == "stdin" else "",
        env=env,
    )
    (request,) = script.requests("Connect")
    assert isinstance(request, connection_service_pb2.ConnectRequest)
    assert request.app_credentials.client_secret == SECRET
    assert request.connection_id == "contoso"
    assert SECRET not in ended.all


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (CONNECT, "a client secret is needed"),
        ((*CONNECT, "--client-secret-stdin"), "secret is empty"),
        ((*CONNECT, "--client-secret-stdin", "--admin-consent"), "give one"),
        ((*CONNECT, "--client-secret", SECRET), "No such option"),
        (("connect", "contoso", "--client-id", "app"), "--tenant is missing"),
        (("connect", "contoso", "--tenant", "t"), "--client-id is missing"),
        (("connect", "a/b", "--tenant", "t"), "neither an ID"),
        (("evaluate", "ada@contoso.com", "--group", "Sales"), "which connection"),
        (("evaluate", "contoso", "ada", "--connection", "contoso", "--group", "Sales"), "name one user"),
        (("evaluate", "contoso", "ada", "eve", "--group", "Sales"), "name one user"),
        (("evaluate", "a", "connections/b/users/u", "--group", "Sales"), "not in the connection `a`"),
        (("evaluate", "connections/c/users/u"), "at least one condition"),
        (("evaluate", "connections/c/users/u", "--attribute", "a b"), "no condition on an attribute"),
        ((*EVALUATE, "--max-staleness", "15"), "no duration"),
        ((*EVALUATE, "--max-staleness", "1m", "--at-least-as-fresh", "t"), "not both"),
        ((*EVALUATE, "--condition", "-"), "not valid"),
        (("sync",), "name the connection"),
        (("status", "--no-tls", "--server-name", "x"), "contradicts"),
        (("status", "--ca-file", "/nowhere/ca.pem"), "does not exist"),
        (("status", "--timeout", "0"), "--timeout"),
    ],
)
async def test_a_wrong_command_line_is_explained_before_anything_is_sent(
    script: Script, arguments: tuple[str, ...], hint: str
) -> None:
    """Exit code 2, no traceback, and no call."""
    ended = await entraidctl("--target", script.target, *arguments)
    assert ended.code == 2
    assert hint in " ".join(ended.err.split())
    assert "Traceback" not in ended.err
    assert not script.calls


async def test_a_pending_consent_says_where_to_go(script: Script) -> None:
    """The whole address on one line, to be copied."""
    address = "https://login.example/adminconsent?state=" + "x" * 300
    script.answer(
        "Connect",
        connection_service_pb2.ConnectResponse(
            connection=connection_service_pb2.Connection(name="connections/contoso"),
            pending_consent=connection_service_pb2.PendingConsent(consent_uri=address),
        ),
    )
    ended = await entraidctl("connect", "contoso", "--admin-consent", "--target", script.target)
    assert ended.code == 0
    assert address in ended.out.splitlines()
