"""How a command reaches the service and prints: the options that every command has, and running it with a client.

The options may stand before or after the command's name; after it they win, and both win over the environment.
"""

from __future__ import annotations

import asyncio
import functools
import sys
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec

import click

from entraid_client.calls import DEFAULT_DEADLINE
from entraid_client.channel import Tls
from entraid_client.client import EntraidClient
from entraid_client.commands.exit_codes import ExitCode, exit_code
from entraid_client.errors import EntraidError
from entraid_client.show.problems import show_problem
from entraid_client.show.screen import Screen, open_screen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

P = ParamSpec("P")
DEFAULT_TARGET: Final = "127.0.0.1:50051"
_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class Session:
    """What a command needs beside its own arguments."""

    target: str
    tls: Tls | None
    timeout: timedelta | None
    screen: Screen

    def run(self, work: Callable[[EntraidClient], Awaitable[ExitCode]]) -> None:
        """Does the work with an open client, prints its error if it has one, and exits."""
        try:
            code = asyncio.run(self._work(work))
        except EntraidError as error:
            show_problem(self.screen, error)
            code = exit_code(error)
        except KeyboardInterrupt:
            self.screen.err.print("interrupted; what the service was asked to do, it goes on doing")
            code = ExitCode.INTERRUPTED
        sys.exit(code)

    async def _work(self, work: Callable[[EntraidClient], Awaitable[ExitCode]]) -> ExitCode:
        try:
            client = EntraidClient(self.target, tls=self.tls, deadline=self.timeout or DEFAULT_DEADLINE)
        except OSError as error:
            raise click.FileError(str(error.filename), hint=error.strerror) from error
        async with client:
            return await work(client)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """The session's options as they stood in one place of the command line; None where they did not."""

    target: str | None = None
    tls: bool | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    server_name: str | None = None
    output: str | None = None
    timeout: float | None = None

    def over(self, other: SessionOptions) -> SessionOptions:
        """These, and those of the other place where these are left out."""
        return SessionOptions(
            target=self.target or other.target,
            tls=other.tls if self.tls is None else self.tls,
            ca_file=self.ca_file or other.ca_file,
            cert_file=self.cert_file or other.cert_file,
            key_file=self.key_file or other.key_file,
            server_name=self.server_name or other.server_name,
            output=self.output or other.output,
            timeout=other.timeout if self.timeout is None else self.timeout,
        )

    def session(self) -> Session:
        """The session that they describe.

        Raises:
            click.UsageError: They contradict each other.
        """
        return Session(
            target=self.target or DEFAULT_TARGET,
            tls=self._tls(),
            timeout=None if self.timeout is None else timedelta(seconds=self.timeout),
            screen=open_screen(is_json=self.output == "json"),
        )

    def _tls(self) -> Tls | None:
        has_files = any((self.ca_file, self.cert_file, self.key_file, self.server_name))
        if self.tls is False and has_files:
            raise click.UsageError("--no-tls contradicts the TLS options: leave out one or the other")
        if not self.tls and not has_files:
            return None
        try:
            return Tls(
                ca_file=self.ca_file,
                certificate_file=self.cert_file,
                key_file=self.key_file,
                server_name=self.server_name or "",
            )
        except ValueError as error:
            raise click.UsageError(f"{error}: give --cert-file along with --key-file") from error


_NAMES: Final = tuple(field.name for field in fields(SessionOptions))


def session_options(*, from_environment: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Adds the session's options to a command; only the outermost one reads the environment."""

    def variable(name: str) -> str | None:
        return name if from_environment else None

    options = (
        click.option(
            "--target", envvar=variable("ENTRAID_TARGET"), help=f"The service's host:port [{DEFAULT_TARGET}]."
        ),
        click.option("--tls/--no-tls", default=None, envvar=variable("ENTRAID_TLS"), help="Talk TLS."),
        click.option("--ca-file", type=_FILE, envvar=variable("ENTRAID_CA_FILE"), help="Authorities to trust, PEM."),
        click.option("--cert-file", type=_FILE, envvar=variable("ENTRAID_CERT_FILE"), help="Client certificate, PEM."),
        click.option("--key-file", type=_FILE, envvar=variable("ENTRAID_KEY_FILE"), help="Its private key, PEM."),
        click.option("--server-name", help="Name to expect in the server's certificate."),
        click.option("-o", "--output", type=click.Choice(["table", "json"]), help="For people, or for programs."),
        click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds that a call may take."),
    )
    return lambda command: functools.reduce(lambda done, option: option(done), reversed(options), command)


def with_session(command: Callable[Concatenate[Session, P], None]) -> Callable[..., None]:
    """Makes a command out of a function: adds the session's options and passes the session in front."""

    @session_options(from_environment=False)
    @click.pass_context
    @functools.wraps(command)
    def run(context: click.Context, /, *args: P.args, **values: P.kwargs) -> None:
        own = SessionOptions(**{name: context.params[name] for name in _NAMES})
        outer = context.find_object(SessionOptions) or SessionOptions()
        for name in _NAMES:
            values.pop(name)
        command(own.over(outer).session(), *args, **values)

    return run
