"""`entraid demo`: emulator and service on free ports in a throw-away folder, and a walk through them.

With `--keep` both stay up afterwards, and grpcurl lines are printed to try. Ctrl-C and SIGTERM end it at any time, and
both processes and the folder with it.
"""

import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click

from entraid_demo.grpcurl import grpcurl_lines
from entraid_demo.processes import ProcessFailedError, running
from entraid_demo.walk import walk

_GRAPH_LATENCY_MS = 100
"""As if Graph were far away, so that the progress of a sync can be seen."""

_INTERRUPTED = 130
"""Exit code of what Ctrl-C has ended, as shells have it."""


@click.command()
@click.option("--keep", is_flag=True, help="Stay up afterwards and print grpcurl lines to try.")
def demo(*, keep: bool) -> None:
    """Show connect, sync, list and evaluate against an emulated tenant, on free ports."""
    signal.signal(signal.SIGTERM, _interrupt)
    _forget_settings()
    try:
        with tempfile.TemporaryDirectory(prefix="entraid-demo-") as folder:
            is_as_expected = _show(Path(folder), keep=keep)
    except ProcessFailedError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    if not is_as_expected:
        raise click.ClickException("a step came out other than it has to; see above")


def _show(folder: Path, *, keep: bool) -> bool:
    emulated = [
        "emulator",
        "--tenant",
        "contoso",
        "--latency",
        str(_GRAPH_LATENCY_MS),
        "--ca-file",
        str(folder / "ca.pem"),
    ]
    with running("emulator", emulated, folder=folder, environment=os.environ) as emulator:
        click.echo(f"emulator of Entra and Graph: {emulator['url']}")
        with running("serve", ["serve"], folder=folder, environment=_service_environment(emulator)) as service:
            click.echo(f"entraid service: {service['grpc_address']}")
            is_as_expected = walk(emulator, service["grpc_address"], say=click.echo)
            if keep and is_as_expected:
                _stay(emulator, service)
    return is_as_expected


def _interrupt(*_: object) -> None:
    """Makes SIGTERM what Ctrl-C is: every context on the way is left in order."""
    raise KeyboardInterrupt


def _forget_settings() -> None:
    """What the person has set for a real service must not reach the demo's, nor its client."""
    for name in [name for name in os.environ if name.startswith("ENTRAID")]:
        del os.environ[name]


def _service_environment(emulator: Mapping[str, str]) -> dict[str, str]:
    return {
        **os.environ,
        "ENTRAID_CLOUD": "custom",
        "ENTRAID_AUTHORITY_URL": emulator["authority_url"],
        "ENTRAID_GRAPH_URL": emulator["graph_url"],
        "ENTRAID_CA_BUNDLE": emulator["ca_file"],
        "ENTRAID_GRPC_ADDRESS": "127.0.0.1:0",
        "ENTRAID_HTTP_ADDRESS": "127.0.0.1:0",
        "ENTRAID_DATABASE_URL": "sqlite:///entraid.db",
    }


def _stay(emulator: Mapping[str, str], service: Mapping[str, str]) -> None:
    click.echo("")
    click.echo("Both stay up. In another terminal:")
    for line in grpcurl_lines(emulator, service["grpc_address"]):
        click.echo(f"\n{line}")
    click.echo("\nStop with Ctrl-C.")
    try:
        signal.pause()  # the signals that are handled raise
    except KeyboardInterrupt:
        click.echo("\nstopped")
