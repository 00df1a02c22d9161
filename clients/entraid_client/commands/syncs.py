"""`entraidctl sync`, `approve` and `cancel`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click

from entraid.v1.sync_service_pb2 import SYNC_MODE_FULL, SYNC_MODE_INCREMENTAL, SYNC_MODE_UNSPECIFIED, SyncMode, SyncRun
from entraid_client.commands.exit_codes import ExitCode
from entraid_client.commands.names import CONNECTION, named
from entraid_client.commands.session import Session, with_session
from entraid_client.names import sync_run_name
from entraid_client.show.run import Bar, Lines, RunView, summary
from entraid_client.show.screen import as_json
from entraid_client.syncs import FINAL_STATES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from entraid_client.client import EntraidClient
    from entraid_client.show.screen import Screen

_MODES: Final[Mapping[str, SyncMode.ValueType]] = {
    "auto": SYNC_MODE_UNSPECIFIED,
    "incremental": SYNC_MODE_INCREMENTAL,
    "full": SYNC_MODE_FULL,
}
_EXIT_CODES: Final[Mapping[int, ExitCode]] = {
    SyncRun.STATE_FAILED: ExitCode.ERROR,
    SyncRun.STATE_CANCELLED: ExitCode.ERROR,
    SyncRun.STATE_HELD: ExitCode.HELD,
}

_NOT_RUNNING: Final = (
    "a held run is not running, so there is nothing to cancel: it takes effect only if it is approved (entraidctl "
    "approve), and the next sync that takes effect replaces it"
)


@click.command
@click.argument("connection", required=False, type=CONNECTION)
@click.option("--mode", type=click.Choice(sorted(_MODES)), default="auto", help="How much to read.")
@click.option("--watch/--no-watch", default=None, help="Stay until the run has ended; the default on a terminal.")
@click.option("--follow", metavar="RUN", default="", help="Start nothing, stay until this run has ended.")
@click.option("--request-id", default="", help="UUID under which a second call starts no second run.")
@with_session
def sync(
    session: Session, *, connection: str | None, mode: str, watch: bool | None, follow: str, request_id: str
) -> None:
    """Bring the copy of CONNECTION up to date with Microsoft Graph.

    Exit codes: 0 the data is in use (or, unwatched, the run has started), 1 the run failed or was cancelled, 6 another
    run is under way, 7 the run waits for approval.
    """
    followed = named(sync_run_name, follow, connection) if follow else None
    stays = bool(follow) or (sys.stderr.isatty() if watch is None else watch)

    async def work(client: EntraidClient) -> ExitCode:
        if followed is not None:
            run = await client.get_sync_run(followed)
        elif connection is not None:
            run = await client.sync(connection, mode=_MODES[mode], request_id=request_id)
        else:
            raise click.UsageError("name the connection to sync, or the run to --follow")
        if stays and run.state not in FINAL_STATES:
            run = await _follow(client, session.screen, run)
        _show(session.screen, run)
        return _EXIT_CODES.get(run.state, ExitCode.OK)

    session.run(work)


async def _follow(client: EntraidClient, screen: Screen, run: SyncRun) -> SyncRun:
    """Shows the run until its final state, and returns that."""
    with _view(screen) as view:
        view.update(run)
        async for moved in client.watch_sync_run(run.name):
            view.update(moved)
            run = moved
    return run


def _view(screen: Screen) -> RunView:
    if screen.err.is_terminal:
        return Bar(screen.err)
    return Lines(None if screen.is_json else screen.err)


@click.command
@click.argument("run")
@click.option("--connection", type=CONNECTION, help="The connection, where RUN is a bare ID.")
@with_session
def approve(session: Session, *, run: str, connection: str | None) -> None:
    """Let the held RUN take effect, with all that it removes."""
    name = named(sync_run_name, run, connection)

    async def work(client: EntraidClient) -> ExitCode:
        _show(session.screen, await client.approve_sync_run(name))
        return ExitCode.OK

    session.run(work)


@click.command
@click.argument("run")
@click.option("--connection", type=CONNECTION, help="The connection, where RUN is a bare ID.")
@with_session
def cancel(session: Session, *, run: str, connection: str | None) -> None:
    """Ask RUN to stop; what it has read is dropped.

    Exit codes: 0 it stops, or has ended already, 7 it is held: that one does not run, and waits for approval.
    """
    name = named(sync_run_name, run, connection)

    async def work(client: EntraidClient) -> ExitCode:
        found = await client.cancel_sync_run(name)
        _show(session.screen, found)
        if found.state != SyncRun.STATE_HELD:
            return ExitCode.OK
        session.screen.err.print(_NOT_RUNNING, soft_wrap=True)
        return ExitCode.HELD

    session.run(work)


def _show(screen: Screen, run: SyncRun) -> None:
    if screen.is_json:
        screen.document({"syncRun": as_json(run)})
    else:
        screen.out.print(summary(run), soft_wrap=True)
