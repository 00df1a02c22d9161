"""`entraidctl evaluate`: one decision, its reasons, and on request how it came about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from entraid_client.access import is_allowed
from entraid_client.commands.condition_options import condition_options, consistency_options
from entraid_client.commands.exit_codes import ExitCode
from entraid_client.commands.names import CONNECTION, named
from entraid_client.commands.session import Session, with_session
from entraid_client.errors import EntraidError
from entraid_client.names import user_name
from entraid_client.show.decision import decision_text, paths, trace_tree
from entraid_client.show.screen import as_json

if TYPE_CHECKING:
    from entraid.v1.access_service_pb2 import Condition, EvaluateAccessResponse
    from entraid.v1.snapshot_pb2 import Consistency
    from entraid_client.client import EntraidClient

_MOST_TITLES: Final = 50


@click.command
@click.argument("subject", nargs=-1, required=True, metavar="[CONNECTION] USER")
@click.option("--connection", type=CONNECTION, help="The connection, where USER is bare.")
@condition_options
@consistency_options
@click.option("--explain", is_flag=True, help="Show every condition with its outcome and the membership path.")
@with_session
def evaluate(
    session: Session,
    /,
    *,
    subject: tuple[str, ...],
    connection: str | None,
    condition: Condition,
    consistency: Consistency | None,
    explain: bool,
) -> None:
    """Decide whether USER satisfies all the given conditions, or any of them with --any.

    USER is an object ID, UPN or mail address in CONNECTION, or connections/.../users/... in full. Exit codes: 0
    allowed, 3 denied, 4 unavailable, 6 no data or too old; anything but 0 must be taken for a denial.
    """
    question = Question(_user(subject, connection), condition, consistency, explain=explain)
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
