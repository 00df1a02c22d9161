"""`entraidctl evaluate`: one decision, its reasons, and on request how it came about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TextIO

import click
from google.protobuf import duration_pb2

from entraid.v1.snapshot_pb2 import Consistency
from entraid_client.access import is_allowed
from entraid_client.commands.condition_text import ATTRIBUTE_FORMS, ConditionOptions, combine, json_condition
from entraid_client.commands.exit_codes import ExitCode
from entraid_client.commands.names import CONNECTION, named
from entraid_client.commands.session import Session, with_session
from entraid_client.errors import EntraidError
from entraid_client.names import user_name
from entraid_client.show.decision import decision_text, paths, trace_tree
from entraid_client.show.screen import as_json

if TYPE_CHECKING:
    from entraid.v1.access_service_pb2 import Condition, EvaluateAccessResponse
    from entraid_client.client import EntraidClient

_DURATION: Final = re.compile(r"(\d{1,9})(s|m|h|d)")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_MOST_TITLES: Final = 50


class Duration(click.ParamType[timedelta]):
    """A time such as `30s`, `15m`, `2h` or `1d`."""

    name = "duration"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The time, or a usage error."""
        found = _DURATION.fullmatch(value)
        if found is None:
            self.fail(f"`{value}` is no duration: write for example 30s, 15m, 2h or 1d", param, ctx)
        return timedelta(**{_UNITS[found[2]]: int(found[1])})


@click.command
@click.argument("subject", nargs=-1, required=True, metavar="[CONNECTION] USER")
@click.option("--connection", type=CONNECTION, help="The connection, where USER is bare.")
@click.option("--group", multiple=True, help="In this group (object ID or name), at any depth.")
@click.option("--not-group", multiple=True, help="Not in this group.")
@click.option("--group-contains", multiple=True, help="In a group with this in its name.")
@click.option("--group-starts-with", multiple=True, help="In a group whose name begins like this.")
@click.option("--direct-only", is_flag=True, help="Count direct membership only.")
@click.option("--attribute", multiple=True, help=f"On an attribute: {ATTRIBUTE_FORMS}.")
@click.option("--is-user", multiple=True, help="Is this user (object ID, UPN or mail address).")
@click.option("--manager", multiple=True, help="Reports to this user.")
@click.option("--not-manager", multiple=True, help="Does not report to this user.")
@click.option("--condition", type=click.File("r", encoding="utf-8"), help="A condition as JSON, from a file or - .")
@click.option("--any", "is_any", is_flag=True, help="One of the conditions is enough.")
@click.option("--max-staleness", type=Duration(), help="Refuse to decide from data older than this, such as 15m.")
@click.option("--at-least-as-fresh", default="", help="Refuse to decide from data before the snapshot of this token.")
@click.option("--explain", is_flag=True, help="Show every condition with its outcome and the membership path.")
@with_session
def evaluate(  # noqa: PLR0913 - one argument per option
    session: Session,
    /,
    *,
    subject: tuple[str, ...],
    connection: str | None,
    condition: TextIO | None,
    is_any: bool,
    direct_only: bool,
    max_staleness: timedelta | None,
    at_least_as_fresh: str,
    explain: bool,
    **options: tuple[str, ...],
) -> None:
    """Decide whether USER satisfies all the given conditions, or any of them with --any.

    USER is an object ID, UPN or mail address in CONNECTION, or connections/.../users/... in full. Exit codes: 0
    allowed, 3 denied, 4 unavailable, 6 no data or too old; anything but 0 must be taken for a denial.
    """
    question = Question(
        user=_user(subject, connection),
        condition=_condition(ConditionOptions(direct_only=direct_only, **options), condition, is_any=is_any),
        consistency=_consistency(max_staleness, at_least_as_fresh),
        explain=explain,
    )
    session.run(lambda client: _decide(client, session, question))


def _user(subject: tuple[str, ...], connection: str | None) -> str:
    """The user's full name out of `CONNECTION USER`, or `USER` with or without --connection."""
    match subject:
        case (user,):
            return named(user_name, user, connection)
        case (parent, user) if connection is None:
            return named(user_name, user, parent)
        case _:
            raise click.UsageError(
                "name one user: CONNECTION USER, or USER with --connection, or connections/.../users/..."
            )


@dataclass(frozen=True, slots=True)
class Question:
    """What the service is asked."""

    user: str
    condition: Condition
    consistency: Consistency | None
    explain: bool


async def _decide(client: EntraidClient, session: Session, question: Question) -> ExitCode:
    response = await client.evaluate_access(
        question.user, question.condition, consistency=question.consistency, explain=question.explain
    )
    if session.screen.is_json:
        session.screen.document(as_json(response))
    else:
        session.screen.out.print(decision_text(response, question.user), soft_wrap=True)
        if response.HasField("trace"):
            titles = await _titles(client, response)
            session.screen.out.print(trace_tree(response.trace, question.condition, titles), soft_wrap=True)
    return ExitCode.OK if is_allowed(response) else ExitCode.DENIED


async def _titles(client: EntraidClient, response: EvaluateAccessResponse) -> dict[str, str]:
    """Display names of the groups on the paths. A name that cannot be had does not take back the decision."""
    titles: dict[str, str] = {}
    for name in sorted(set(paths(response.trace)))[:_MOST_TITLES]:
        try:
            titles[name] = (await client.get_group(name)).group.display_name or name
        except EntraidError:
            return titles
    return titles


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
