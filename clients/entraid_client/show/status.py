"""Tables of connections and sync runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from rich.table import Table

from entraid.v1.connection_service_pb2 import Connection
from entraid.v1.sync_service_pb2 import SyncRun
from entraid_client.show.run import unresolved
from entraid_client.show.screen import plain
from entraid_client.show.tables import table
from entraid_client.show.words import (
    age,
    connection_state,
    day,
    duration,
    last_segment,
    moment,
    run_state,
    sync_mode,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_CONNECTION_STYLES: Final[Mapping[int, str]] = {
    Connection.STATE_ACTIVE: "green",
    Connection.STATE_PENDING_CONSENT: "yellow",
    Connection.STATE_DEGRADED: "red",
}
_CREDENTIAL_WARNING: Final = timedelta(days=30)
_RUN_STYLES: Final[Mapping[int, str]] = {
    SyncRun.STATE_SUCCEEDED: "green",
    SyncRun.STATE_FAILED: "red",
    SyncRun.STATE_HELD: "yellow",
}


def connections_table(connections: Iterable[Connection]) -> Table:
    """One row per connection."""
    shown = table("connection", "name", "tenant", "state", "last sync", "next", "expires")
    for connection in connections:
        shown.add_row(
            plain(last_segment(connection.name), "bold"),
            plain(connection.display_name),
            plain(connection.tenant_id or "-"),
            plain(connection_state(connection.state), _CONNECTION_STYLES.get(connection.state, "")),
            plain(age(connection.snapshot.sync_time) or "-"),
            plain(until(connection.next_sync_time)),
            plain(day(connection.credential_expire_time)),
        )
    return shown


def warnings(connection: Connection, *, now: datetime) -> list[str]:
    """What somebody should look at, each with its connection: credential, permissions, the last error."""
    found: list[str] = []
    if connection.credential_expire_time.seconds:
        left = connection.credential_expire_time.ToDatetime(UTC) - now
        if left <= timedelta():
            found.append(f"its credential expired on {moment(connection.credential_expire_time)}: connect it again")
        elif left <= _CREDENTIAL_WARNING:
            found.append(f"its credential expires {until(connection.credential_expire_time)}: make a new one in time")
    if connection.missing_permissions:
        found.append(f"it lacks permissions: {', '.join(connection.missing_permissions)}")
    if connection.HasField("last_error"):
        found.append(f"its last sync did not take effect: {connection.last_error.message}")
    return [f"{last_segment(connection.name)}: {warning}" for warning in found]


def waiting_runs(runs: Iterable[SyncRun]) -> list[str]:
    """A warning for each run that waits for a person, with what to do about it."""
    return [
        f"{last_segment(run.name)} waits for approval; next: entraidctl approve {run.name}"
        for run in runs
        if run.state == SyncRun.STATE_HELD
    ]


def unresolved_groups(runs: Iterable[SyncRun]) -> list[str]:
    """A warning for each entry of Groups to Sync that brings in no group, by the newest run that took effect."""
    served = next((run for run in runs if run.state == SyncRun.STATE_SUCCEEDED), SyncRun())
    return [f"Groups to Sync: {problem}" for problem in unresolved(served)]


def connection_details(connection: Connection) -> Table:
    """Everything about one connection; permissions that are missing and the last error stand out."""
    details = Table(box=None, show_header=False, pad_edge=False)
    details.add_column(style="bold", no_wrap=True)
    details.add_column(overflow="fold")
    for name, value, style in _connection_rows(connection):
        details.add_row(plain(name), plain(value or "-", style))
    return details


def _connection_rows(connection: Connection) -> Iterable[tuple[str, str, str]]:
    yield "connection", connection.name, ""
    yield "name", connection.display_name, ""
    yield "tenant", connection.tenant_id, ""
    yield "client id", connection.client_id, ""
    yield "state", connection_state(connection.state), _CONNECTION_STYLES.get(connection.state, "")
    yield "groups to sync", ", ".join(connection.groups_to_sync) or "everything", ""
    yield "granted permissions", ", ".join(connection.granted_permissions), ""
    if connection.missing_permissions:
        yield "missing permissions", ", ".join(connection.missing_permissions), "red"
    yield "credential expires", moment(connection.credential_expire_time), ""
    yield "last sync", f"{moment(connection.snapshot.sync_time)} {age(connection.snapshot.sync_time)}".strip(), ""
    yield "next sync", f"{moment(connection.next_sync_time)} {until(connection.next_sync_time)}".strip(" -"), ""
    if connection.HasField("last_error"):
        yield "last error", connection.last_error.message, "red"


def runs_table(runs: Iterable[SyncRun]) -> Table:
    """One row per sync run; what it read is told as users, groups and memberships."""
    shown = table("run", "state", "mode", "asked for", "took", "read")
    for run in runs:
        shown.add_row(
            plain(last_segment(run.name)),
            plain(run_state(run.state), _RUN_STYLES.get(run.state, "")),
            plain(sync_mode(run.mode)),
            plain(age(run.create_time) or "-"),
            plain(duration(run.start_time, run.end_time)),
            plain(_read(run.progress), "yellow" if run.progress.skipped_objects else ""),
        )
    return shown


def _read(progress: SyncRun.Progress) -> str:
    read = f"{progress.users:,} / {progress.groups:,} / {progress.memberships:,}"
    return f"{read}, {progress.skipped_objects:,} skipped" if progress.skipped_objects else read
