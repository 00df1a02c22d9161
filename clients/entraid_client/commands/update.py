"""`entraidctl update`: a connection's settings, without connecting it anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from entraid.v1.connection_service_pb2 import Connection
from entraid_client.commands.exit_codes import ExitCode
from entraid_client.commands.names import CONNECTION
from entraid_client.commands.session import Session, with_session
from entraid_client.show.screen import as_json, plain
from entraid_client.show.status import connection_details
from entraid_client.show.words import last_segment

if TYPE_CHECKING:
    from entraid_client.client import EntraidClient


@click.command
@click.argument("connection", type=CONNECTION)
@click.option("--display-name", help="What people shall call it; empty takes the name away.")
@click.option(
    "--groups-to-sync",
    multiple=True,
    help="Group to copy, by ID or name, in place of the present ones; repeat, or separate by commas.",
)
@click.option("--all-groups", is_flag=True, help="Copy everything in the directory again.")
@click.option("--etag", default="", help="Only if the connection still has this etag.")
@with_session
def update(
    session: Session,
    *,
    connection: str,
    display_name: str | None,
    groups_to_sync: tuple[str, ...],
    all_groups: bool,
    etag: str,
) -> None:
    """Change CONNECTION's settings; what is not given stays.

    Other Groups to Sync take effect with the next sync; until then lists and decisions are those of the former ones. A
    sync that would remove a large share of the copy is held until it is approved.
    """
    if all_groups and groups_to_sync:
        raise click.UsageError("--groups-to-sync and --all-groups contradict each other: give one")
    is_scoped = all_groups or bool(groups_to_sync)
    if display_name is None and not is_scoped:
        raise click.UsageError("nothing to change: give --display-name, --groups-to-sync or --all-groups")
    wanted = Connection(name=connection, display_name=display_name or "", groups_to_sync=groups_to_sync, etag=etag)
    paths = ["display_name"] * (display_name is not None) + ["groups_to_sync"] * is_scoped

    async def work(client: EntraidClient) -> ExitCode:
        changed = await client.update_connection(wanted, fields=paths)
        screen = session.screen
        if screen.is_json:
            screen.document({"connection": as_json(changed)})
            return ExitCode.OK
        screen.out.print(connection_details(changed))
        if is_scoped:
            screen.out.print(plain(f"next: entraidctl sync {last_segment(changed.name)}"), soft_wrap=True)
        return ExitCode.OK

    session.run(work)
