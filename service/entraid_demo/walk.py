"""The walk of the demo: the commands that a platform engineer types, each with the exit code that it has to have."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import click

ALLOWED = 0
DENIED = 3
SECRET_VARIABLE = "ENTRAIDCTL_CLIENT_SECRET"  # noqa: S105 - a variable's name


_ENTRAIDCTL = "from entraid_client.cli import main; main(prog_name='entraidctl')"
"""The command, wherever its script may be installed."""

_STEP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Step:
    """One command: what it shows, what is typed behind `entraidctl`, and the exit code that it has to have."""

    shows: str
    arguments: tuple[str, ...]
    exit_code: int = 0


def steps(emulator: Mapping[str, str]) -> list[Step]:
    """The whole walk, for the tenant that the emulator serves."""
    return [
        Step(
            "Connect the tenant: Entra and Graph are asked before anything is saved",
            ("connect", "contoso", "--tenant", emulator["tenant_id"], "--client-id", emulator["client_id"]),
        ),
        Step("Copy users, groups and memberships", ("sync", "contoso", "--watch")),
        Step("Some users", ("users", "contoso", "--limit", "5")),
        Step("Some groups: nested members count", ("groups", "contoso", "--limit", "6")),
        Step(
            "Nadia is on call, four groups below Engineering: ALLOW, and the way there",
            ("evaluate", "contoso", "nadia.rahman@contoso.example", "--group", "Engineering", "--explain"),
            ALLOWED,
        ),
        Step(
            "Uma is in Finance: DENY, with the reason",
            ("evaluate", "contoso", "uma.krishnan@contoso.example", "--group", "Engineering"),
            DENIED,
        ),
        Step(
            "Nobody told us who is in the Works Council (hidden membership): what is unknown is a DENY, also under "
            "`not`",
            ("evaluate", "contoso", "carmen.ortiz@contoso.example", "--not-group", "Works Council"),
            DENIED,
        ),
    ]


def walk(emulator: Mapping[str, str], target: str, *, say: Callable[[str], None]) -> bool:
    """Runs every step and tells whether each came out as it has to."""
    environment = {**os.environ, SECRET_VARIABLE: emulator["client_secret"], "ENTRAID_TARGET": target}
    outcomes = [_run(step, environment, say=say) for step in steps(emulator)]
    return all(outcomes)


def _run(step: Step, environment: Mapping[str, str], *, say: Callable[[str], None]) -> bool:
    say("")
    say(click.style(f"# {step.shows}", bold=True))
    say(click.style(f"$ entraidctl {shlex.join(step.arguments)}", fg="cyan"))
    # A process of its own and not a call: so Ctrl-C has one meaning here, whatever the command makes of it.
    code = subprocess.call(  # noqa: S603 - our own command
        (sys.executable, "-c", _ENTRAIDCTL, *step.arguments), env=dict(environment), timeout=_STEP_SECONDS
    )
    if code != step.exit_code:
        say(click.style(f"expected exit code {step.exit_code}, got {code}", fg="red"))
    return code == step.exit_code
