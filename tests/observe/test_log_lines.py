import asyncio
import io
import logging
from collections.abc import Callable

import grpc
import pytest
import structlog
from grpc._cython import cygrpc  # type: ignore[attr-defined] # the stubs leave it out

from entraid.v1 import connection_service_pb2 as pb
from entraid_service.model.secret import Secret
from entraid_service.observe.logs import set_up_logs

CANARY = "canary-7Q~8f14e45fceea467f"
JWT = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJjYW5hcnkifQ.c2lnbmF0dXJlLWNhbmFyeQ"
PEM = f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----"
REQUEST = pb.ConnectRequest(app_credentials=pb.AppCredentials(client_secret=CANARY))

Lines = Callable[[], list[dict[str, object]]]


def fail(message: str) -> None:
    """Raises."""
    raise ValueError(message)


@pytest.mark.parametrize(
    "fields",
    [
        {"secret": CANARY},
        {"client_secret": CANARY},
        {"access_token": CANARY},
        {"headers": {"Authorization": CANARY, "Set-Cookie": CANARY}},
        {"attempts": [{"password": CANARY}]},
        {"client_assertion": {"anything": [CANARY]}},
        {"certificate_pem": CANARY.encode()},
        {"value": Secret(CANARY)},
        {"values": [Secret(CANARY)]},
        {"request": REQUEST},
        {"calls": [{"sent": REQUEST}]},
        {"note": f"sent Authorization: Bearer {CANARY}"},
        {"url": f"https://login.example/token?client_secret={CANARY}&x=1"},
        {"url": f"https://login.example/cb?code={CANARY}&state={CANARY}"},
        {"body": f'{{"client_secret": "{CANARY}", "grant_type": "client_credentials"}}'},
        {"body": f"client_secret: '{CANARY}'"},
        {"text": str(REQUEST)},
        {"key": PEM},
        {"cut": PEM.partition("-----END")[0]},
        {"raw": CANARY.encode()},
        {"odd": ValueError(f"client_secret={CANARY}")},
    ],
    ids=str,
)
def test_no_field_shows_a_secret(lines: Lines, stream: io.StringIO, fields: dict[str, object]) -> None:
    """By its type, its name or its look: a secret is masked wherever it stands in a line."""
    structlog.get_logger().warning("event", **fields)
    assert CANARY not in stream.getvalue()
    assert lines()[0]["event"] == "event"


def test_tokens_are_known_by_their_look(stream: io.StringIO, lines: Lines) -> None:
    """A JSON web token is masked in any text, the text around it stays."""
    structlog.get_logger().info(f"Entra sent {JWT} as expected")
    assert lines()[0]["event"] == "Entra sent *** as expected"
    assert "c2lnbmF0dXJl" not in stream.getvalue()


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("got %s", (REQUEST,)),
        ("got %r", (Secret(CANARY),)),
        ("got %(password)s", ({"password": CANARY},)),
        ("got client_secret=%s", (CANARY,)),
        (REQUEST, ()),
        ("got %s", ([REQUEST],)),
    ],
    ids=str,
)
def test_other_libraries_logs_are_masked_too(
    lines: Lines, stream: io.StringIO, message: object, arguments: tuple[object, ...]
) -> None:
    """What grpc, aiohttp or msal log goes through the same steps, its arguments before they become text."""
    logging.getLogger("some.library").warning(message, *arguments)
    assert CANARY not in stream.getvalue()
    assert lines()[0]["level"] == "warning"
    assert lines()[0]["logger"] == "some.library"


def test_tracebacks_are_masked(lines: Lines, stream: io.StringIO) -> None:
    """An exception's text is logged, the secret in it is not, whichever way it was logged."""
    try:
        fail(f"rejected client_secret={CANARY} by Entra")
    except ValueError:
        structlog.get_logger().exception("own")
        logging.getLogger("library").exception("foreign")
    own, foreign = lines()
    for line in (own, foreign):
        assert "ValueError: rejected client_secret=*** by Entra" in str(line["exception"])
    assert CANARY not in stream.getvalue()


def test_numbers_and_harmless_texts_stay(lines: Lines) -> None:
    """Masking leaves a log that is worth reading."""
    structlog.get_logger().info("read", users=3, token_requests=2, rate=0.5, is_first=True, group="Sales", none=None)
    line = lines()[0]
    assert {key: line[key] for key in ("users", "token_requests", "rate", "is_first", "group", "none")} == {
        "users": 3,
        "token_requests": 2,
        "rate": 0.5,
        "is_first": True,
        "group": "Sales",
        "none": None,
    }
    assert line["level"] == "info"
    assert str(line["timestamp"]).endswith("Z")


def test_the_level_holds_for_both_ways_of_logging(stream: io.StringIO) -> None:
    """Below the level nothing is written."""
    set_up_logs(log_format="json", level="warning", stream=stream)
    structlog.get_logger().info("quiet")
    logging.getLogger("x").info("quiet")
    assert stream.getvalue() == ""


async def test_a_caller_who_left_is_no_error(lines: Lines) -> None:
    """What grpc.aio tells of an answer that it could not send, with the error that it raises then; others it tells."""
    left: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()

    async def answer(_: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            try:
                await context.write(b"too late")
            except cygrpc.ExecuteBatchError as error:
                left.set_result(error)

    server = grpc.aio.server()
    server.add_registered_method_handlers("a.B", {"C": grpc.unary_stream_rpc_method_handler(answer)})
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        ask: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream("/a.B/C")
        with pytest.raises(grpc.aio.AioRpcError):
            await ask(b"", timeout=0.05).read()
        error = await asyncio.wait_for(left, 5)
    await server.stop(0)
    for failed in (error, cygrpc.ExecuteBatchError("Failed grpc_call_start_batch: 8")):
        told = (type(failed), failed, None)
        logging.getLogger("grpc._cython.cygrpc").error("raised by servicer method [%s]", "/a.B/C", exc_info=told)
    lowered, shown = [line for line in lines() if line["event"] == "raised by servicer method [/a.B/C]"]
    assert (lowered["level"], shown["level"]) == ("debug", "error")
    assert "exception" not in lowered
    assert "start_batch: 8" in str(shown["exception"])


def test_lines_for_people_are_masked_as_well(stream: io.StringIO) -> None:
    """The console's renderer prints tracebacks itself unless they are text before; locals would show secrets."""
    set_up_logs(log_format="console", level="info", stream=stream)
    try:
        fail(f"password={CANARY}")
    except ValueError:
        structlog.get_logger().exception("failed", password=CANARY, request=REQUEST)
    assert CANARY not in stream.getvalue()
    assert "ValueError: password=***" in stream.getvalue()


def test_an_unknown_level_is_refused() -> None:
    """A misspelt level is told at once, not taken for another one."""
    with pytest.raises(ValueError, match="`loud` is not a log level"):
        set_up_logs(log_format="json", level="loud")
