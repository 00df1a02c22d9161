"""The options that state a condition, and how fresh the data must be: the same ones for every command that asks."""

from __future__ import annotations

import functools
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TextIO

import click
from google.protobuf import duration_pb2

from entraid.v1.snapshot_pb2 import Consistency
from entraid_client.commands.condition_text import ATTRIBUTE_FORMS, ConditionOptions, combine, json_condition

if TYPE_CHECKING:
    from collections.abc import Callable

    from entraid.v1.access_service_pb2 import Condition

_DURATION: Final = re.compile(r"(\d{1,9})(s|m|h|d)")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_CONDITION_NAMES: Final = (
    *("group", "not_group", "group_contains", "group_starts_with", "direct_only"),
    *("attribute", "is_user", "manager", "not_manager"),
)


class Duration(click.ParamType[timedelta]):
    """A time such as `30s`, `15m`, `2h` or `1d`."""

    name = "duration"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The time, or a usage error."""
        found = _DURATION.fullmatch(value)
        if found is None:
            self.fail(f"`{value}` is no duration: write for example 30s, 15m, 2h or 1d", param, ctx)
        return timedelta(**{_UNITS[found[2]]: int(found[1])})


def condition_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options that state a condition; the command gets what they amount to as `condition`."""

    @functools.wraps(command)
    def run(*args: object, condition: TextIO | None, is_any: bool, **values: object) -> None:
        stated = {name: values.pop(name) for name in _CONDITION_NAMES}
        options = ConditionOptions(**stated)  # type: ignore[arg-type] # click made them what they have to be
        command(*args, condition=_condition(options, condition, is_any=is_any), **values)

    return _with(run, _CONDITION_OPTIONS)


def consistency_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options that bound the age of the data; the command gets them as `consistency`."""

    @functools.wraps(command)
    def run(*args: object, max_staleness: timedelta | None, at_least_as_fresh: str, **values: object) -> None:
        command(*args, consistency=_consistency(max_staleness, at_least_as_fresh), **values)

    return _with(run, _CONSISTENCY_OPTIONS)


def _with(
    command: Callable[..., None], options: tuple[Callable[[Callable[..., None]], Callable[..., None]], ...]
) -> Callable[..., None]:
    return functools.reduce(lambda done, option: option(done), reversed(options), command)


def _condition(options: ConditionOptions, file: TextIO | None, *, is_any: bool) -> Condition:
    try:
        conditions = list(options.conditions())
        if file is not None:
            conditions.append(json_condition(file.read()))
        if not conditions:
            raise click.UsageError("give at least one condition, for example --group or --attribute or --condition")
        return combine(conditions, is_any=is_any)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _consistency(max_staleness: timedelta | None, token: str) -> Consistency | None:
    if max_staleness is not None and token:
        raise click.UsageError("give either --max-staleness or --at-least-as-fresh, not both")
    if max_staleness is not None:
        bound = duration_pb2.Duration()
        bound.FromTimedelta(max_staleness)
        return Consistency(max_staleness=bound)
    return Consistency(at_least_as_fresh=token) if token else None


_CONDITION_OPTIONS: Final = (
    click.option("--group", multiple=True, help="In this group (object ID or name), at any depth."),
    click.option("--not-group", multiple=True, help="Not in this group."),
    click.option("--group-contains", multiple=True, help="In a group with this in its name."),
    click.option("--group-starts-with", multiple=True, help="In a group whose name begins like this."),
    click.option("--direct-only", is_flag=True, help="Count direct membership only."),
    click.option("--attribute", multiple=True, help=f"On an attribute: {ATTRIBUTE_FORMS}."),
    click.option("--is-user", multiple=True, help="Is this user (object ID, UPN or mail address)."),
    click.option("--manager", multiple=True, help="Reports to this user."),
    click.option("--not-manager", multiple=True, help="Does not report to this user."),
    click.option("--condition", type=click.File("r", encoding="utf-8"), help="A condition as JSON, from a file or - ."),
    click.option("--any", "is_any", is_flag=True, help="One of the conditions is enough."),
)
_CONSISTENCY_OPTIONS: Final = (
    click.option("--max-staleness", type=Duration(), help="Refuse to answer from data older than this, such as 15m."),
    click.option(
        "--at-least-as-fresh", default="", help="Refuse to answer from data before the snapshot of this token."
    ),
)
