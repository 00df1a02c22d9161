"""`entraidctl connect --admin-consent`: the link, the browser, the wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from google.rpc import status_pb2

from client.command_line import entraidctl
from entraid.v1.connection_service_pb2 import (
    Connection,
    ConnectRequest,
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
CERTIFICATE = ("--client-id", "99999999-2222-4333-8444-555555555555", "--certificate-file")


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


PASSWORD = "canary-password"


@pytest.mark.parametrize("source", ["file", "variable", "none"])
async def test_a_pfx_is_sent_as_it_is_with_its_password(script: Script, tmp_path: Path, source: str) -> None:
    """Known by its content; the password comes from a file or a variable, and is nowhere in what is printed."""
    file, password_file = tmp_path / "app.any", tmp_path / "password"
    content = b"\x30\x82\x0a\x00\xff\x00"
    file.write_bytes(content)
    password_file.write_text(PASSWORD + "\n")
    script.answer("Connect", ConnectResponse(connection=Connection(name=NAME, state=Connection.STATE_ACTIVE)))
    ended = await entraidctl(
        *("--target", script.target, "connect", "contoso", "--tenant", "contoso.example", *CERTIFICATE, str(file)),
        *(("--certificate-password-file", str(password_file)) if source == "file" else ()),
        env={"ENTRAIDCTL_CERTIFICATE_PASSWORD": PASSWORD} if source == "variable" else {},
    )
    assert ended.code == 0
    (request,) = script.requests("Connect")
    assert isinstance(request, ConnectRequest)
    assert request.app_credentials.certificate_pfx.content == content
    assert request.app_credentials.certificate_pfx.password == ("" if source == "none" else PASSWORD)
    assert PASSWORD not in ended.all


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--certificate-file", "pem", "--certificate-password-file", "password"), "no PFX"),
        (("--client-secret-file", "password", "--certificate-password-file", "password"), "is for a PFX"),
        (("--client-secret-file", "pfx"), "looks like a PFX"),
        (("--certificate-file", "empty"), "is empty"),
    ],
)
async def test_a_certificate_file_that_cannot_be_meant_is_refused_here(
    script: Script, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    """Nothing is sent, and nothing of a file is shown."""
    (tmp_path / "pem").write_text("-----BEGIN CERTIFICATE-----")
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "pfx").write_bytes(b"\x30\x82\x0a\x00")
    (tmp_path / "empty").write_bytes(b"")
    given = [str(tmp_path / one) if (tmp_path / one).exists() else one for one in options]
    ended = await entraidctl(
        *("--target", script.target, "connect", "contoso", "--tenant", "contoso.example", *CERTIFICATE[:2], *given)
    )
    assert ended.code == 2
    assert words in ended.err
    assert PASSWORD not in ended.all
    assert not script.requests("Connect")


async def test_permissions_are_a_table_with_what_to_do(script: Script) -> None:
    """What each is for and whether it is there; what is required and missing has its remedy below."""
    kinds = Connection.Permission
    permissions = [
        kinds(
            name="User.Read.All",
            feature="reads users",
            required=True,
            state=kinds.STATE_GRANTED,
            granted_by="Directory.Read.All",
        ),
        kinds(
            name="GroupMember.Read.All",
            feature="reads groups",
            required=True,
            state=kinds.STATE_NOT_GRANTED,
            remedy="add it to the app",
        ),
        kinds(name="Member.Read.Hidden", feature="reads hidden ones", state=kinds.STATE_UNKNOWN, remedy="look there"),
    ]
    connection = Connection(name=NAME, permissions=permissions)
    script.answer("Connect", ConnectResponse(connection=connection))
    script.answer("GetConnection", GetConnectionResponse(connection=connection))
    checked = await entraidctl(
        *("--target", script.target, "connect", "contoso", "--tenant", "contoso.example", "--check"),
        *("--client-id", "99999999-2222-4333-8444-555555555555", "--workload-identity"),
    )
    shown = await entraidctl("--target", script.target, "status", "contoso", "--runs", "0")
    for ended in (checked, shown):
        lines = ended.out.splitlines()
        (users,) = (line for line in lines if line.lstrip().startswith("User.Read.All "))
        assert "reads users" in users
        assert "required" in users
        assert "granted, by Directory.Read.All" in users
        assert any("not granted" in line and "reads groups" in line for line in lines)
        assert any("optional" in line and "unknown" in line for line in lines)
        assert "GroupMember.Read.All: add it to the app" in ended.out
        assert "look there" not in ended.out
