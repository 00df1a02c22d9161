"""`entraid emulator change` and `entraid emulator requests`: the control interface for people, by the ready file."""

import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import orjson

from entraid_emulator.control import CONTROL_PREFIX
from entraid_emulator.control.commands import COMMANDS, Command
from entraid_emulator.objects import Json
from entraid_emulator.troubles import TROUBLES

_TIMEOUT_SECONDS = 10.0

_FILE = click.Path(dir_okay=False, path_type=Path)


class Remote:
    """The control interface of a running emulator."""

    def __init__(self, ready_file: Path) -> None:
        try:
            facts = orjson.loads(ready_file.read_bytes())
            self._url = f"{facts['url']}{CONTROL_PREFIX}"
            self._token = str(facts["control_token"])
            tls = ssl.create_default_context(cafile=facts["ca_file"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise click.ClickException(f"`{ready_file}` is no ready file of a running emulator: {error}") from error
        # no proxy stands between a person and an emulator on the same machine
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls)
        )

    def ask(self, method: str, path: str, body: Json = None) -> Mapping[str, Json]:
        """Ask the emulator; its refusal ends the command with its words."""
        request = urllib.request.Request(  # noqa: S310 - the URL is the ready file's own, https
            self._url + path,
            method=method,
            data=None if body is None else orjson.dumps(body),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        try:
            with self._opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
                document: Mapping[str, Json] = orjson.loads(answer.read())
                return document
        except urllib.error.HTTPError as error:
            raise click.ClickException(_reason(error)) from error
        except OSError as error:
            raise click.ClickException(f"the emulator does not answer: {error}. Is it still running?") from error


@dataclass(frozen=True, slots=True)
class Aim:
    """Which emulator and tenant to change: looked for only when there is something to do, so that --help needs none."""

    ready_file: Path | None
    tenant: str | None

    def remote(self) -> Remote:
        """The emulator."""
        if self.ready_file is None:
            raise click.UsageError("Missing option '--ready-file': it stands before the change.")
        return Remote(self.ready_file)


def _reason(error: urllib.error.HTTPError) -> str:
    with error:
        try:
            return str(orjson.loads(error.read())["error"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return f"the emulator answered {error.code}"


def _command(command: Command) -> click.Command:
    @click.pass_obj
    def run(aim: Aim, /, **arguments: str) -> None:
        asked: dict[str, Json] = {"change": command.name, "arguments": [arguments[name] for name in command.takes]}
        if aim.tenant is not None:
            asked["tenant"] = aim.tenant
        done = aim.remote().ask("POST", "/changes", asked)
        click.echo(f"{command.name}: {done['object']} (version {done['version']})")

    callback: Callable[..., None] = run
    parameters: list[click.Parameter] = [click.Argument([name]) for name in command.takes]
    return click.Command(command.name, params=parameters, callback=callback, help=command.does)


@click.group(commands=[_command(command) for command in COMMANDS.values()])
@click.option("--ready-file", type=_FILE, help="The ready file of the running emulator; it has to be given.")
@click.option("--tenant", help="Tenant id or domain; the first one if not given.")
@click.pass_context
def change(context: click.Context, *, ready_file: Path | None, tenant: str | None) -> None:
    """Change a running emulator: its directory, its faults, its clock."""
    context.obj = Aim(ready_file, tenant)


@change.command("add-fault")
@click.argument("trouble", type=click.Choice([*TROUBLES, "storm"]))
@click.option("--path", default="^/v1.0/", show_default=True, help="Regular expression of path and query.")
@click.option("--times", type=click.IntRange(min=0), default=1, show_default=True, help="How often; 0 is for ever.")
@click.option("--chance", type=click.FloatRange(0, 1), default=0.2, show_default=True, help="Share hit by a storm.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of a storm.")
@click.pass_obj
def add_fault(aim: Aim, *, trouble: str, path: str, times: int, chance: float, seed: int) -> None:
    """Let requests go wrong in a way known from the field."""
    document: dict[str, Json] = {"path": path}
    if trouble == "storm":
        document |= {"storm": chance, "seed": seed}
    else:
        document |= {"trouble": trouble, "times": times or None}
    click.echo(f"{aim.remote().ask('POST', '/faults', document)['faults']} faults in force")


@change.command("clear-faults")
@click.pass_obj
def clear_faults(aim: Aim) -> None:
    """Let everything go well again."""
    aim.remote().ask("DELETE", "/faults")
    click.echo("no faults in force")


@change.command("advance-clock")
@click.argument("seconds", type=click.FloatRange(min=0))
@click.pass_obj
def advance_clock(aim: Aim, *, seconds: float) -> None:
    """Let time pass for tokens and links, not for anybody else."""
    click.echo(f"now {aim.remote().ask('POST', '/clock', {'advance_seconds': seconds})['now']}")


@click.command()
@click.option("--ready-file", type=_FILE, required=True, help="The ready file of the running emulator.")
@click.option("--matching", default="", help="Regular expression of path and query.")
def requests(*, ready_file: Path, matching: str) -> None:
    """Show which requests came and how they were answered."""
    found = Remote(ready_file).ask("GET", f"/requests?matching={urllib.parse.quote(matching)}")["requests"]
    for one in found if isinstance(found, list) else []:
        click.echo(f"{one['at']} {one['method']} {one['target']} {one['status']}")
