"""`entraidctl`: the command line over `EntraidClient`.

Here the commands are gathered; each lives in a room of `commands`, and what they print in one of `show`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from entraid_client.commands.connect import connect, disconnect
from entraid_client.commands.directory import groups, users
from entraid_client.commands.evaluate import evaluate
from entraid_client.commands.session import SessionOptions, session_options
from entraid_client.commands.status import connections, status
from entraid_client.commands.syncs import approve, cancel, sync
from entraid_client.commands.update import update
from entraid_client.commands.who_can import validate, who_can

if TYPE_CHECKING:
    from pathlib import Path


@click.group(
    commands=(
        connect,
        connections,
        update,
        sync,
        status,
        users,
        groups,
        evaluate,
        who_can,
        validate,
        disconnect,
        approve,
        cancel,
    ),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@session_options(from_environment=True)
@click.version_option(package_name="entraid")
@click.pass_context
def main(  # noqa: PLR0913 - one argument per option
    context: click.Context,
    *,
    target: str | None,
    tls: bool | None,
    ca_file: Path | None,
    cert_file: Path | None,
    key_file: Path | None,
    server_name: str | None,
    output: str | None,
    timeout: float | None,
) -> None:
    """Connect Microsoft Entra tenants, sync them, and ask who may have access.

    The options may stand before or after the command. Exit codes: 0 done (of evaluate: allowed), 1 failed, 2 the
    command or request is wrong, 3 denied, 4 unavailable for now, 5 an administrator has to act in Microsoft Entra,
    6 no data or data too old, 7 a sync waits for approval, 130 interrupted.

    From the environment: ENTRAID_TARGET, ENTRAID_TLS, ENTRAID_CA_FILE, ENTRAID_CERT_FILE, ENTRAID_KEY_FILE for the
    options of these names, and ENTRAIDCTL_CLIENT_SECRET for connect.
    """
    context.obj = SessionOptions(
        target=target,
        tls=tls,
        ca_file=ca_file,
        cert_file=cert_file,
        key_file=key_file,
        server_name=server_name,
        output=output,
        timeout=timeout,
    )


if __name__ == "__main__":
    main()
