"""`entraidctl status`: every connection, or one with its latest sync runs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from entraid_client.commands.exit_codes import ExitCode
from entraid_client.commands.names import CONNECTION
from entraid_client.commands.session import Session, with_session
from entraid_client.show.permissions import show_permissions
from entraid_client.show.screen import Json, as_json, plain
from entraid_client.show.status import (
    connection_details,
    connections_table,
    runs_table,
    unresolved_groups,
    waiting_runs,
    warnings,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entraid.v1.sync_service_pb2 import SyncRun
    from entraid_client.client import EntraidClient


@click.command
@click.argument("connection", required=False, type=CONNECTION)
@click.option(
    "--runs", type=click.IntRange(0, 500), default=5, show_default=True, help="Sync runs of CONNECTION to show."
)
@with_session
def status(session: Session, *, connection: str | None, runs: int) -> None:
    """Show all connections, or CONNECTION with its latest sync runs."""
    if connection:
        session.run(lambda client: _one(client, session, connection, runs=runs))
    else:
        session.run(lambda client: _all(client, session))


@click.command
@with_session
def connections(session: Session) -> None:
    """List all connections."""
    session.run(lambda client: _all(client, session))


async def _all(client: EntraidClient, session: Session) -> ExitCode:
    connections = [connection async for connection in client.list_connections()]
    if session.screen.is_json:
        session.screen.document({"connections": [as_json(connection) for connection in connections]})
    elif connections:
        session.screen.out.print(connections_table(connections))
        for connection in connections:
            _warn(session, warnings(connection, now=datetime.now(UTC)))
    else:
        session.screen.out.print(plain("no tenant is connected; next: entraidctl connect --help"))
    return ExitCode.OK


async def _one(client: EntraidClient, session: Session, name: str, *, runs: int) -> ExitCode:
    connection = await client.get_connection(name)
    latest = await _latest_runs(client, name, runs)
    if session.screen.is_json:
        document: dict[str, Json] = {"connection": as_json(connection), "syncRuns": [as_json(run) for run in latest]}
        session.screen.document(document)
        return ExitCode.OK
    session.screen.out.print(connection_details(connection))
    show_permissions(session.screen, connection)
    if latest:
        session.screen.out.print(runs_table(latest))
    found = [*warnings(connection, now=datetime.now(UTC)), *waiting_runs(latest), *unresolved_groups(latest)]
    _warn(session, found)
    return ExitCode.OK


def _warn(session: Session, found: Sequence[str]) -> None:
    for warning in found:
        session.screen.out.print(plain(f"warning: {warning}", "yellow"), soft_wrap=True)


async def _latest_runs(client: EntraidClient, name: str, limit: int) -> list[SyncRun]:
    runs: list[SyncRun] = []
    if limit:
        async for run in client.list_sync_runs(name, page_size=limit):
            runs.append(run)
            if len(runs) == limit:
                break
    return runs
