"""Waiting for an administrator: his page in a browser, and a connection that becomes active."""

from __future__ import annotations

import asyncio
import os
import sys
import webbrowser
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from entraid.v1.connection_service_pb2 import Connection
from entraid_client.commands.exit_codes import ExitCode
from entraid_client.show.permissions import show_permissions
from entraid_client.show.screen import plain
from entraid_client.show.status import connection_details
from entraid_client.show.words import last_segment

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from entraid.v1.connection_service_pb2 import ConnectResponse
    from entraid_client.client import EntraidClient
    from entraid_client.show.screen import Screen

_POLL_SECONDS: Final = 1.5
# Without a display Python would start a text browser, which takes the terminal over.
_DISPLAYS: Final = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


def open_page(screen: Screen, uri: str) -> None:
    """Opens a page in the person's browser, where there is one; the link is printed in any case."""
    if urlsplit(uri).scheme not in {"https", "http"}:
        screen.err.print(plain("the link is no web address and is not opened"))
        return
    is_local = sys.platform in {"darwin", "win32"} or any(os.environ.get(name) for name in _DISPLAYS)
    if not is_local or not webbrowser.open(uri):
        screen.err.print(plain("no browser can be opened here: open the link yourself, on any machine"))


async def await_consent(client: EntraidClient, screen: Screen, asked: ConnectResponse) -> ExitCode:
    """Waits until the consent is complete or its link expires; tells what goes wrong meanwhile."""
    name, told = asked.connection.name, ""
    expires = asked.pending_consent.expire_time.ToDatetime(UTC)
    with _spinner(screen):
        while datetime.now(UTC) < expires:
            connection = await client.get_connection(name)
            if connection.state == Connection.STATE_ACTIVE and connection.etag != asked.connection.etag:
                return _tell_active(screen, connection)
            problem = connection.last_error.message if connection.state == Connection.STATE_PENDING_CONSENT else ""
            if problem and problem != told:
                screen.err.print(plain(f"not yet: {problem}"), soft_wrap=True)
            told = problem
            await asyncio.sleep(_POLL_SECONDS)
    screen.err.print(plain("the link has expired before anybody consented; run the command again for a new one"))
    return ExitCode.REAUTHORIZE


def _spinner(screen: Screen) -> AbstractContextManager[object]:
    if screen.is_json or not screen.err.is_terminal:
        return nullcontext()
    return screen.err.status("waiting for the administrator's consent; Ctrl-C leaves the link good")


def _tell_active(screen: Screen, connection: Connection) -> ExitCode:
    if screen.is_json:  # its one document, with the link, stands there already
        return ExitCode.OK
    screen.out.print(connection_details(connection))
    show_permissions(screen, connection)
    screen.out.print(plain(f"connected; next: entraidctl status {last_segment(connection.name)}"), soft_wrap=True)
    return ExitCode.OK
