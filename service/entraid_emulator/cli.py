"""`entraid emulator`: choose tenants, serve until a signal comes, say how to point the service here.

Order: options to tenants, start, ready file, text for people, wait for SIGTERM or SIGINT, stop. The ready file holds
the client secret, so it is readable by its owner only and goes away with the emulator.
"""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import click
import orjson

from entraid_emulator.apps import MULTI_TENANT_CLIENT_ID, multi_tenant_app
from entraid_emulator.control.cli import change, requests
from entraid_emulator.emulator import Emulator
from entraid_emulator.objects import Json, text
from entraid_emulator.tenant import Tenant
from entraid_emulator.tenants.contoso import contoso
from entraid_emulator.tenants.generated import generated
from entraid_emulator.tenants.recorded import DirectoryFileError, recorded

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@click.group(invoke_without_command=True, commands=[change, requests])
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port to listen on; 0 picks a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--tenant",
    "named",
    type=click.Choice(["contoso"]),
    help="Serve a hand-made tenant; the default if nothing is chosen.",
)
@click.option("--users", type=click.IntRange(min=0), help="Serve a generated tenant with that many users.")
@click.option("--groups", type=click.IntRange(min=0), help="Groups of the generated tenant.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the generated tenant.")
@click.option(
    "--directory",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Serve a recorded tenant: a JSON file of what Graph printed (see `entraid_emulator.tenants.recorded`).",
)
@click.option(
    "--ca-file", type=click.Path(dir_okay=False, path_type=Path), help="Where to write the CA certificate for clients."
)
@click.option(
    "--redirect-uri",
    "redirect_uris",
    multiple=True,
    help="Also register a multi-tenant app that browsers may be sent back to here after sign-in and consent.",
)
@click.option(
    "--managed-identity-port",
    type=click.IntRange(0, 65535),
    help="Also serve the managed identity endpoints, on plain HTTP; 0 picks a free port.",
)
@click.option("--latency", type=click.IntRange(min=0), default=0, help="Milliseconds that every request waits.")
@click.option(
    "--ready-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="JSON with everything a script needs, written once the emulator listens (mode 0600).",
)
@click.pass_context
def emulator(  # noqa: PLR0913 - one argument per option
    context: click.Context,
    *,
    port: int,
    host: str,
    named: str | None,
    users: int | None,
    groups: int | None,
    seed: int,
    file: Path | None,
    ca_file: Path | None,
    redirect_uris: tuple[str, ...],
    managed_identity_port: int | None,
    latency: int,
    ready_file: Path | None,
) -> None:
    """Emulate Microsoft Entra ID and Microsoft Graph over HTTPS, for demos and tests.

    Without a command it serves until it is stopped; the commands talk to one that is running.
    """
    if context.invoked_subcommand is not None:
        return
    tenants = _tenants(named, file, size=(users, groups, seed))
    served = Emulator(
        tenants,
        ca_file=ca_file,
        port=port,
        host=host,
        latency=timedelta(milliseconds=latency),
        managed_identity_port=managed_identity_port,
    )
    if redirect_uris:
        served.apps.append(multi_tenant_app(*redirect_uris))
    try:
        asyncio.run(_serve(served, ready_file))
    except OSError as error:
        raise click.ClickException(f"the emulator cannot start: {error}") from error


def _tenants(named: str | None, file: Path | None, *, size: tuple[int | None, int | None, int]) -> list[Tenant]:
    users, groups, seed = size
    chosen: list[Tenant] = []
    try:
        if file is not None:
            chosen.append(recorded(file))
        if users is not None or groups is not None:
            chosen.append(generated(users=users or 0, groups=groups or 0, seed=seed))
    except DirectoryFileError as error:
        raise click.ClickException(f"{error}. See `entraid_emulator.tenants.recorded` for the shape") from error
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if named == "contoso" or not chosen:
        chosen.insert(0, contoso())
    return chosen


async def _serve(served: Emulator, ready_file: Path | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in _SIGNALS:
        loop.add_signal_handler(one, stop.set)
    async with served:
        with _announced(served, ready_file):
            click.echo(_text(served))
            await stop.wait()  # by design until a signal comes


def _facts(served: Emulator) -> dict[str, Json]:
    """Everything a script needs; `tenant_id` is the first of `tenant_ids`, `administrators` are names by tenant id."""
    return {
        "url": served.url,
        "authority_url": served.authority_url,
        "graph_url": served.graph_url,
        "ca_file": str(served.ca_file.resolve()),
        "tenant_id": served.tenants[0].tenant_id,
        "tenant_ids": [tenant.tenant_id for tenant in served.tenants],
        "client_id": served.app.client_id,
        "client_secret": served.app.client_secret.reveal(),
        "control_token": served.control_token.reveal(),
        "administrators": {tenant.tenant_id: _administrators(tenant) for tenant in served.tenants},
        **_multi_tenant_facts(served),
        **_identity_facts(served),
    }


def _administrators(tenant: Tenant) -> list[Json]:
    found = (tenant.directory.users.get(one) for one in sorted(tenant.administrators))
    return [text(user, "userPrincipalName") for user in found if user is not None]


def _multi_tenant_facts(served: Emulator) -> dict[str, Json]:
    app = next((app for app in served.apps if app.client_id == MULTI_TENANT_CLIENT_ID), None)
    if app is None:
        return {}
    return {
        "multi_tenant_client_id": app.client_id,
        "multi_tenant_client_secret": app.client_secret.reveal(),
        "redirect_uris": list(app.redirect_uris),
    }


def _identity_facts(served: Emulator) -> dict[str, Json]:
    if not served.serves_managed_identity:
        return {}
    identity = served.managed_identity
    return {
        "managed_identity_url": identity.url,
        "managed_identity_client_id": identity.app.client_id,
        "managed_identity_header": identity.header.reveal(),
    }


@contextmanager
def _announced(served: Emulator, ready_file: Path | None) -> Iterator[None]:
    """The ready file, there whole or not at all, for as long as the emulator listens."""
    if ready_file is None:
        yield
        return
    draft = ready_file.with_name(f".{ready_file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(orjson.dumps(_facts(served), option=orjson.OPT_INDENT_2))
    draft.replace(ready_file)
    try:
        yield
    finally:
        ready_file.unlink(missing_ok=True)


def _text(served: Emulator) -> str:
    facts = _facts(served)
    tenants = "\n".join(
        f"  {tenant.display_name}: tenant {tenant.tenant_id}, {len(tenant.directory.users)} users,"
        f" {len(tenant.directory.groups)} groups"
        for tenant in served.tenants
    )
    multi = (
        f"\n  multi-tenant app {facts['multi_tenant_client_id']}, secret {facts['multi_tenant_client_secret']}"
        if "multi_tenant_client_id" in facts
        else ""
    )
    return f"""Entra and Graph emulator on {facts["url"]}
{tenants}
  app {facts["client_id"]}, secret {facts["client_secret"]}{multi}

Point the service here:
  export ENTRAID_CLOUD=custom
  export ENTRAID_AUTHORITY_URL={facts["authority_url"]}
  export ENTRAID_GRAPH_URL={facts["graph_url"]}
  export ENTRAID_CA_BUNDLE={facts["ca_file"]}

Stop with Ctrl-C."""
