"""Takes secrets without letting them onto the command line, where every user of the machine could read them.

In this order: a file, standard input, the environment variable, a hidden prompt if somebody sits there.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

import click

from entraid_client.authorization import ClientCertificate, ClientPfx, Secret

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE: Final = "ENTRAIDCTL_CLIENT_SECRET"
PASSWORD_VARIABLE: Final = "ENTRAIDCTL_CERTIFICATE_PASSWORD"  # noqa: S105 - its name, not its value
# DER: a SEQUENCE whose length takes more than a byte. As text it would be a zero and no letter.
_DER_HEADS: Final = tuple(bytes((0x30, length)) for length in range(0x80, 0x85))


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
        return _read_text(file)
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


def read_certificate(client_id: str, file: Path, password_file: Path | None) -> ClientCertificate | ClientPfx:
    """What is in a certificate file, by its content: a PFX with its password, or PEM.

    Raises:
        click.UsageError: It cannot be read, or a password is given for a PEM.
    """
    content = _bytes(file)
    if content.startswith(_DER_HEADS):
        return ClientPfx(client_id, content, _pfx_password(password_file))
    if password_file is not None:
        raise click.UsageError(f"`{file}` is no PFX, and a PEM's key has to be without a password: leave it out")
    return ClientCertificate(client_id, Secret(_decoded(content, file)))


def _pfx_password(file: Path | None) -> Secret | None:
    """The password, None where the file has none; there, nothing can be asked for either."""
    if file is not None:
        text = _decoded(_bytes(file), file).rstrip("\r\n")
    elif PASSWORD_VARIABLE in os.environ:
        text = os.environ[PASSWORD_VARIABLE]
    elif sys.stdin.isatty():
        text = click.prompt(
            "Password of the PFX (empty for none)", default="", hide_input=True, show_default=False, err=True
        )
    else:
        text = ""
    return Secret(text) if text else None


def _read_text(file: Path) -> str:
    content = _bytes(file)
    if content.startswith(_DER_HEADS):
        raise click.UsageError(f"`{file}` looks like a PFX: give it by --certificate-file")
    return _decoded(content, file)


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise click.UsageError(f"`{file}` cannot be read ({error.strerror})") from error


def _decoded(content: bytes, file: Path) -> str:
    """The content of a text file, or a usage error that does not quote it."""
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"`{file}` cannot be read as text") from error
    if not text.strip():
        raise click.UsageError(f"`{file}` is empty")
    return text
