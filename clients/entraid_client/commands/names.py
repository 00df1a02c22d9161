"""Arguments that name resources: a bare ID or a full name, checked while the command line is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from entraid_client.names import connection_name

if TYPE_CHECKING:
    from collections.abc import Callable


class ConnectionName(click.ParamType[str]):
    """A connection by ID or full name; becomes the full name."""

    name = "connection"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The full name, or a usage error."""
        try:
            return connection_name(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


CONNECTION: Final = ConnectionName()


def named(build: Callable[[str, str], str], name: str, connection: str | None) -> str:
    """A resource name out of two arguments, or a usage error.

    Args:
        build: `user_name`, `group_name` or `sync_run_name`.
        name: ID or full name.
        connection: The connection of an ID.
    """
    try:
        return build(name, connection or "")
    except ValueError as error:
        raise click.UsageError(str(error)) from error
