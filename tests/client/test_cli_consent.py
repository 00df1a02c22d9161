"""`entraidctl connect --admin-consent`: the link, the browser, the wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from google.rpc import status_pb2

from client.command_line import entraidctl
from entraid.v1.connection_service_pb2 import (
    Connection,
    ConnectResponse,
    GetConnectionResponse,
    ListConnectionsResponse,
    PendingConsent,
)

if TYPE_CHECKING:
    from pathlib import Path

    from client.scripted_service import Script

LINK = "https://entraid.example/connect/canary-link"
NAME = "connections/contoso"


def asked(*, seconds: float = 600, link: str = LINK) -> ConnectResponse:
    """A connection that waits."""
    pending = PendingConsent(consent_uri=link)
    pending.expire_time.FromDatetime(datetime.now(UTC) + timedelta(seconds=seconds))
    return ConnectResponse(
        connection=Connection(name=NAME, state=Connection.STATE_PENDING_CONSENT, etag='"1"'), pending_consent=pending
    )


def found(state: Connection.State.ValueType, *, etag: str, error: str = "") -> GetConnectionResponse:
    """How it stands."""
    last_error = status_pb2.Status(code=7, message=error) if error else None
    return GetConnectionResponse(connection=Connection(name=NAME, state=state, etag=etag, last_error=last_error))


async def test_it_waits_until_the_connection_is_active(script: Script) -> None:
    """The link first, then what goes wrong, once, then the connection."""
    script.answer("Connect", asked())
    waits = found(Connection.STATE_PENDING_CONSENT, etag='"1"', error="the administrator declined")
    script.answer("GetConnection", waits, waits, found(Connection.STATE_ACTIVE, etag='"2"'))
    ended = await entraidctl("--target", script.target, "connect", "contoso", "--admin-consent", "--wait")
    assert ended.code == 0
    assert LINK in ended.out
    assert ended.err.count("the administrator declined") == 1
    assert "connected" in ended.out


async def test_a_renewal_waits_for_the_new_consent(script: Script) -> None:
    """A connection that was active all the time is not taken for the answer."""
    renewal = asked()
    renewal.connection.state = Connection.STATE_ACTIVE
    script.answer("Connect", renewal)
    script.answer(
        "GetConnection", found(Connection.STATE_ACTIVE, etag='"1"'), found(Connection.STATE_ACTIVE, etag='"2"')
    )
    ended = await entraidctl("--target", script.target, "connect", "contoso", "--admin-consent", "--wait")
    assert ended.code == 0
    assert len(script.requests("GetConnection")) == 2


async def test_a_link_that_expires_ends_the_wait(script: Script) -> None:
    """With the code that says that an administrator has to act."""
    script.answer("Connect", asked(seconds=1))
    script.answer("GetConnection", found(Connection.STATE_PENDING_CONSENT, etag='"1"'))
    ended = await entraidctl("--target", script.target, "connect", "contoso", "--admin-consent", "--wait")
    assert ended.code == 5
    assert "expired" in ended.err


@pytest.mark.parametrize(
    ("link", "is_opened"), [(LINK, True), ("file:///etc/passwd", False), ("javascript:alert(1)", False)]
)
async def test_only_web_pages_are_opened(script: Script, tmp_path: Path, link: str, *, is_opened: bool) -> None:
    """A service cannot make the command open anything else."""
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n', encoding="utf-8")
    browser.chmod(0o700)
    script.answer("Connect", asked(link=link))
    await entraidctl(
        *("--target", script.target, "connect", "contoso", "--admin-consent", "--browser"),
        env={"BROWSER": str(browser)},
    )
    assert opened.exists() == is_opened


async def test_without_a_terminal_it_prints_the_link_and_ends(script: Script) -> None:
    """A script is not kept waiting, and no browser appears."""
    script.answer("Connect", asked())
    ended = await entraidctl("--target", script.target, "connect", "contoso", "--admin-consent")
    assert ended.code == 0
    assert LINK in ended.out
    assert not script.requests("GetConnection")


async def test_a_check_says_that_nothing_was_saved(script: Script) -> None:
    """The call carries `validate_only`."""
    script.answer("Connect", ConnectResponse(connection=Connection(name=NAME, state=Connection.STATE_ACTIVE)))
    ended = await entraidctl(
        *("--target", script.target, "connect", "contoso", "--check", "--workload-identity"),
        *("--client-id", "99999999-2222-4333-8444-555555555555", "--tenant", "contoso.example"),
    )
    assert ended.code == 0
    assert "nothing was saved" in ended.out
    assert getattr(script.requests("Connect")[0], "validate_only", None) is True


async def test_connections_are_listed(script: Script) -> None:
    """By the plain name of the command."""
    script.answer("ListConnections", ListConnectionsResponse(connections=[Connection(name=NAME)]))
    ended = await entraidctl("--target", script.target, "connections")
    assert ended.code == 0
    assert "contoso" in ended.out


async def test_a_pfx_is_told_how_to_become_a_pem(script: Script, tmp_path: Path) -> None:
    """Nothing is sent."""
    file = tmp_path / "app.pfx"
    file.write_bytes(b"\x30\x82\x0a\x00")
    ended = await entraidctl(
        *("--target", script.target, "connect", "contoso", "--tenant", "contoso.example"),
        *("--client-id", "99999999-2222-4333-8444-555555555555", "--certificate-file", str(file)),
    )
    assert ended.code == 2
    assert "openssl pkcs12 -in app.pfx" in ended.err
    assert not script.requests("Connect")
