"""Takes a client secret without letting it onto the command line, where every user of the machine could read it.

In this order: a file, standard input, the environment variable, a hidden prompt if somebody sits there.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

import click

from entraid_client.authorization import Secret

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE: Final = "ENTRAIDCTL_CLIENT_SECRET"
_DER_HEAD: Final = b"\x30\x82"


def read_secret(file: Path | None, *, from_stdin: bool) -> Secret:
    """The client secret, without the line end that editors and `echo` leave.

    Raises:
        click.UsageError: There is none, or none that can be used.
    """
    if file is not None and from_stdin:
        raise click.UsageError("give either --client-secret-file or --client-secret-stdin, not both")
    text = _text(file, from_stdin=from_stdin).rstrip("\r\n")
    if not text:
        raise click.UsageError("the client secret is empty: check the file, standard input or variable it comes from")
    return Secret(text)


def _text(file: Path | None, *, from_stdin: bool) -> str:
    if file is not None:
        return read_text(file)
    if from_stdin:
        return sys.stdin.read()
    if VARIABLE in os.environ:
        return os.environ[VARIABLE]
    if sys.stdin.isatty():
        found: str = click.prompt("Client secret", hide_input=True, err=True)
        return found
    raise click.UsageError(
        f"a client secret is needed: give --client-secret-file, --client-secret-stdin or {VARIABLE}, "
        "or --certificate-file, --workload-identity or --admin-consent instead"
    )


def read_text(file: Path) -> str:
    """The content of a text file, or a usage error that does not quote it."""
    try:
        if file.read_bytes()[:2] == _DER_HEAD:
            raise click.UsageError(
                f"`{file}` looks like a PFX: turn it into a PEM with "
                f"`openssl pkcs12 -in {file.name} -nodes -out {file.stem}.pem`, and give that"
            )
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"`{file}` cannot be read as text") from error
