"""The command `entraid`: serve, migrate, check, health; more commands join by the entry-point group `entraid.commands`.

The emulator and the demo are such: the service knows neither, they are other packages that ship beside it.
"""

import asyncio
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path

import click
import msgspec

from entraid_service import app, workers
from entraid_service.config import Settings, SettingsError, describe, load, unknown_variables
from entraid_service.errors import EntraidError
from entraid_service.oauth.keys import KeyUnusable
from entraid_service.rotation import rotate_key
from entraid_service.rpc.loop import ServingLoop
from entraid_service.store.migrate import migrate as migrate_store
from entraid_service.store.rebuild import Rebuilt
from entraid_service.store.rebuild import rebuild as rebuild_store

_COMMANDS = "entraid.commands"
_HEALTH_TIMEOUT_SECONDS = 3.0

_config = click.option(
    "--config", "file", metavar="FILE", help="TOML file of settings; environment variables go over it."
)


class _Commands(click.Group):
    """Our commands, and those of other packages, which are loaded when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, ordered by name."""
        return sorted({*super().list_commands(ctx), *(entry.name for entry in entry_points(group=_COMMANDS))})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One of ours, else one of another package."""
        if (ours := super().get_command(ctx, cmd_name)) is not None:
            return ours
        for entry in entry_points(group=_COMMANDS, name=cmd_name):
            found: click.Command = entry.load()
            return found
        return None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="entraid")
def main() -> None:
    """Connect Microsoft Entra ID tenants, keep a copy of their directory, and decide from it who may ask for access."""


@main.command()
@_config
@click.option("--grpc-address", metavar="HOST:PORT", help="See `entraid check`; port 0 takes a free one.")
@click.option("--http-address", metavar="HOST:PORT", help="The same for health and metrics.")
@click.option("--database-url", metavar="URL", help="For example sqlite:///entraid.db.")
@click.option("--workers", metavar="NUMBER", help="Processes that take gRPC calls on the one port.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]))
@click.option("--log-format", type=click.Choice(["json", "console"]))
@click.option(
    "--ready-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="JSON with the addresses, written once calls are taken and removed at the end.",
)
def serve(file: str | None, ready_file: Path | None, **flags: str | None) -> None:
    """Serve until SIGTERM or SIGINT, then finish the calls under way and stop."""
    settings = _load(file, flags)
    try:
        if ready_file is not None:
            ready_file.unlink(missing_ok=True)  # of a process that was killed: it tells of addresses that are gone
        with asyncio.Runner(loop_factory=ServingLoop) as runner:
            runner.run(_serve(settings, ready_file))
    except (EntraidError, KeyUnusable, OSError) as error:
        raise click.ClickException(f"the service cannot start: {error}") from error


@main.command()
@_config
@click.option(
    "--rebuild", is_flag=True, help="Move a damaged database aside first, and keep the connections that can be read."
)
def migrate(file: str | None, *, rebuild: bool) -> None:
    """Bring the database to this version's schema; `serve` does so too when it starts."""
    settings = _load(file, {})
    try:
        if rebuild:
            _tell_rebuilt(asyncio.run(rebuild_store(settings.database_path())))
        version = asyncio.run(migrate_store(settings.database_path()))
    except EntraidError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{settings.database_url}: schema version {version}")


@main.command("rotate-key")
@_config
def rotate_key_command(file: str | None) -> None:
    """Seal every stored secret with a new key: one that is made now, or the first line of ENTRAID_ENCRYPTION_KEY."""
    settings = _load(file, {})
    try:
        done = asyncio.run(rotate_key(settings))
    except (EntraidError, KeyUnusable) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{done.resealed} stored secrets sealed anew")
    if done.key_file:
        click.echo(f"`{done.key_file}` holds the new key only: back it up; a service that runs takes it over by itself")
    elif done.old_keys:
        click.echo(
            f"nothing needs the {done.old_keys} keys behind the first any more: remove them, restart the service"
        )
    else:
        click.echo("put a new key as the first line before the one there is, and run this again to change keys")


@main.command()
@_config
def check(file: str | None) -> None:
    """Print the effective settings, secrets masked, and what is wrong with them."""
    settings = _load(file, {})
    for variable, value in describe(settings):
        click.echo(f"{variable}={value}")
    for variable in unknown_variables():
        click.echo(f"warning: `{variable}` is no setting of this version and has no effect", err=True)
    click.echo("settings are sound", err=True)


@main.command()
@_config
@click.option("--http-address", metavar="HOST:PORT", help="Where the service's HTTP listens.")
def health(file: str | None, **flags: str | None) -> None:
    """Ask the running service whether it takes calls: exit code 0 if it does. For container health checks."""
    address = _load(file, flags).http_address
    host, _, port = address.rpartition(":")
    reachable = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104 - compared, not bound
    url = f"http://{reachable}:{port}/readyz"
    try:
        with urllib.request.urlopen(url, timeout=_HEALTH_TIMEOUT_SECONDS) as answer:
            click.echo(answer.read().decode().strip())
    except (OSError, urllib.error.URLError) as error:
        raise click.ClickException(f"`{url}` does not answer that it is ready: {error}") from error


def _tell_rebuilt(rebuilt: Rebuilt | None) -> None:
    if rebuilt is None:
        click.echo("the database is sound; nothing was moved")
    else:
        click.echo(f"the damaged database is `{rebuilt.moved_to}` now; {rebuilt.connections} connections were kept")
        click.echo("sync each of them: directory data is read anew")


def _load(file: str | None, flags: dict[str, str | None]) -> Settings:
    try:
        return load(file=file, flags={name: value for name, value in flags.items() if value})
    except SettingsError as error:
        for problem in error.problems:
            click.echo(f"error: {problem}", err=True)
        sys.exit(2)


async def _serve(settings: Settings, ready_file: Path | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    service = app.running(settings) if settings.workers == 1 else workers.supervised(settings)
    async with service as endpoints:
        with _announced(endpoints, ready_file):
            await stop.wait()


@contextmanager
def _announced(endpoints: app.Endpoints, ready_file: Path | None) -> Iterator[None]:
    """The ready file, there whole or not at all, for as long as calls are taken."""
    if ready_file is None:
        yield
        return
    draft = ready_file.with_name(f"{ready_file.name}.tmp")
    draft.write_bytes(msgspec.json.encode(endpoints))
    draft.replace(ready_file)
    try:
        yield
    finally:
        ready_file.unlink(missing_ok=True)
