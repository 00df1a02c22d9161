"""`entraidctl connect` and `entraidctl disconnect`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from entraid_client.authorization import (
    Authorization,
    ClientSecret,
    ConsentByAdministrator,
    ServiceWorkload,
)
from entraid_client.commands.consent import await_consent, open_page
from entraid_client.commands.exit_codes import ExitCode
from entraid_client.commands.names import CONNECTION
from entraid_client.commands.secret_input import read_certificate, read_secret
from entraid_client.commands.session import Session, with_session
from entraid_client.connections import CONNECT_DEADLINE
from entraid_client.show.permissions import show_permissions
from entraid_client.show.screen import as_json, plain
from entraid_client.show.status import connection_details
from entraid_client.show.words import last_segment, moment

if TYPE_CHECKING:
    from entraid.v1.connection_service_pb2 import ConnectResponse
    from entraid_client.client import EntraidClient
    from entraid_client.show.screen import Screen

_FILE: Final = click.Path(exists=True, dir_okay=False, allow_dash=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class AppOptions:
    """The options that say where the right to read the tenant comes from."""

    client_id: str
    secret_file: Path | None
    secret_from_stdin: bool
    certificate_file: Path | None
    certificate_password_file: Path | None
    workload_identity: bool
    admin_consent: bool
    redirect_uri: str

    def authorization(self) -> Authorization:
        """What they come to; asks for a secret where they leave one out.

        Raises:
            click.UsageError: They contradict each other, or something is missing.
        """
        has_secret = self.secret_file is not None or self.secret_from_stdin
        methods = (has_secret, self.certificate_file is not None, self.workload_identity, self.admin_consent)
        if sum(methods) > 1:
            raise click.UsageError(
                "a client secret, --certificate-file, --workload-identity, --admin-consent: give one"
            )
        if self.certificate_password_file is not None and self.certificate_file is None:
            raise click.UsageError("--certificate-password-file is for a PFX: give that by --certificate-file")
        if self.admin_consent:
            return ConsentByAdministrator(self.redirect_uri)
        if not self.client_id:
            raise click.UsageError(
                "--client-id is missing: it is the Application (client) ID on the app's overview page"
            )
        if self.workload_identity:
            return ServiceWorkload(self.client_id)
        if self.certificate_file is not None:
            return read_certificate(self.client_id, self.certificate_file, self.certificate_password_file)
        return ClientSecret(self.client_id, read_secret(self.secret_file, from_stdin=self.secret_from_stdin))


@click.command
@click.argument("connection", required=False, type=CONNECTION)
@click.option("--tenant", default="", help="Tenant ID or verified domain.")
@click.option("--display-name", default="", help="What people call the connection.")
@click.option("--groups-to-sync", multiple=True, help="Group to copy, by ID or name; repeat, or separate by commas.")
@click.option("--client-id", default="", help="The app's application (client) ID.")
@click.option("--client-secret-file", type=_FILE, help="File that holds the client secret.")
@click.option("--client-secret-stdin", is_flag=True, help="Read the client secret from standard input.")
@click.option("--certificate-file", type=_FILE, help="Certificate and private key, PEM or PFX, instead of a secret.")
@click.option("--certificate-password-file", type=_FILE, help="File that holds the password of the PFX.")
@click.option("--workload-identity", is_flag=True, help="Let the service's own workload identity prove the app.")
@click.option("--admin-consent", is_flag=True, help="Ask an administrator to consent to the service's own app.")
@click.option("--redirect-uri", default="", help="Where the browser goes after --admin-consent.")
@click.option("--browser/--no-browser", default=None, help="Open the link of --admin-consent [on a terminal].")
@click.option("--wait/--no-wait", default=None, help="Wait until --admin-consent is given [on a terminal].")
@click.option("--check", is_flag=True, help="Prove everything and save nothing.")
@with_session
def connect(  # noqa: PLR0913 - one argument per option
    session: Session,
    *,
    connection: str | None,
    tenant: str,
    display_name: str,
    groups_to_sync: tuple[str, ...],
    client_id: str,
    client_secret_file: Path | None,
    client_secret_stdin: bool,
    certificate_file: Path | None,
    certificate_password_file: Path | None,
    workload_identity: bool,
    admin_consent: bool,
    redirect_uri: str,
    browser: bool | None,
    wait: bool | None,
    check: bool,
) -> None:
    """Connect a tenant, or authorize CONNECTION anew.

    The client secret comes from --client-secret-file, --client-secret-stdin, the variable ENTRAIDCTL_CLIENT_SECRET or a
    hidden prompt, never from the command line; so does the password of a PFX, from --certificate-password-file,
    ENTRAIDCTL_CERTIFICATE_PASSWORD or a prompt. Without CONNECTION the service makes up an ID.
    """
    if not tenant and not admin_consent:
        raise click.UsageError("--tenant is missing: give the tenant's ID or one of its verified domains")
    authorization = AppOptions(
        client_id=client_id,
        secret_file=client_secret_file,
        secret_from_stdin=client_secret_stdin,
        certificate_file=certificate_file,
        certificate_password_file=certificate_password_file,
        workload_identity=workload_identity,
        admin_consent=admin_consent,
        redirect_uri=redirect_uri,
    ).authorization()

    async def work(client: EntraidClient) -> ExitCode:
        screen = session.screen
        response = await client.connect(
            authorization,
            tenant=tenant,
            connection_id=last_segment(connection or ""),
            display_name=display_name,
            groups_to_sync=groups_to_sync,
            validate_only=check,
            deadline=session.timeout or CONNECT_DEADLINE,
        )
        _show(screen, response, is_check=check)
        if not response.HasField("pending_consent"):
            return ExitCode.OK
        is_terminal = screen.out.is_terminal and not screen.is_json
        if is_terminal if browser is None else browser:
            open_page(screen, response.pending_consent.consent_uri)
        if is_terminal if wait is None else wait:
            return await await_consent(client, screen, response)
        return ExitCode.OK

    session.run(work)


def _show(screen: Screen, response: ConnectResponse, *, is_check: bool) -> None:
    if screen.is_json:
        screen.document(as_json(response))
        return
    screen.out.print(connection_details(response.connection))
    show_permissions(screen, response.connection)
    if response.HasField("pending_consent"):
        pending = response.pending_consent
        screen.out.print(plain(f"next: an administrator opens this page before {moment(pending.expire_time)}:"))
        screen.out.print(plain(pending.consent_uri), soft_wrap=True)
    elif is_check:
        screen.out.print(plain("all of it works; nothing was saved, since this was a check"))
    else:
        screen.out.print(plain(f"next: entraidctl sync {last_segment(response.connection.name)}"), soft_wrap=True)


@click.command
@click.argument("connection", type=CONNECTION)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--etag", default="", help="Only if the connection still has this etag.")
@with_session
def disconnect(session: Session, *, connection: str, yes: bool, etag: str) -> None:
    """Delete CONNECTION, its credentials and all its directory data.

    The tenant's consent to the app stays; an administrator can revoke it in Microsoft Entra.
    """
    if not yes:
        _confirm(connection)

    async def work(client: EntraidClient) -> ExitCode:
        await client.disconnect(connection, etag=etag)
        if session.screen.is_json:
            session.screen.document({"name": connection, "disconnected": True})
        else:
            session.screen.out.print(plain(f"disconnected {connection}; credentials and directory data are deleted"))
        return ExitCode.OK

    session.run(work)


def _confirm(connection: str) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError(f"this deletes all data of `{connection}`: add --yes where nobody can be asked")
    click.confirm(f"Delete {connection}, its credentials and all its directory data?", abort=True, err=True)
