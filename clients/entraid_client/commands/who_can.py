"""`entraidctl who-can` and `entraidctl validate`: a condition before it is saved in an access flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from entraid.v1.access_service_pb2 import ConditionIssue
from entraid.v1.snapshot_pb2 import Snapshot
from entraid_client.commands.condition_options import condition_options, consistency_options
from entraid_client.commands.exit_codes import ExitCode
from entraid_client.commands.names import CONNECTION
from entraid_client.commands.session import Session, with_session
from entraid_client.show.conditions import eligible_table, issue_text, verdict
from entraid_client.show.screen import as_json, plain
from entraid_client.show.words import count, moment

if TYPE_CHECKING:
    from entraid.v1.access_service_pb2 import Condition, EligibleUser
    from entraid.v1.snapshot_pb2 import Consistency
    from entraid_client.client import EntraidClient

_LARGEST_PAGE: Final = 1000


@click.command("who-can")
@click.argument("connection", type=CONNECTION)
@condition_options
@consistency_options
@click.option("--explain", is_flag=True, help="With every condition's outcome, in --output json.")
@click.option(
    "--limit", type=click.IntRange(min=0), default=100, show_default=True, help="Show at most this many; 0 shows all."
)
@with_session
def who_can(
    session: Session,
    /,
    *,
    connection: str,
    condition: Condition,
    consistency: Consistency | None,
    explain: bool,
    limit: int,
) -> None:
    """List the users of CONNECTION for whom evaluate would allow under the same conditions."""

    async def work(client: EntraidClient) -> ExitCode:
        found: list[EligibleUser] = []
        snapshot, has_more = Snapshot(), False
        async for page in client.search_eligible_pages(
            connection, condition, consistency=consistency, explain=explain, page_size=min(limit, _LARGEST_PAGE)
        ):
            found += page.users
            snapshot = page.snapshot
            if limit and len(found) >= limit:
                has_more = len(found) > limit or bool(page.next_page_token)
                break
        return _show_found(session, found[:limit] if limit else found, snapshot, has_more=has_more)

    session.run(work)


@click.command
@click.argument("connection", type=CONNECTION)
@condition_options
@with_session
def validate(session: Session, /, *, connection: str, condition: Condition) -> None:
    """Look a condition over against the directory of CONNECTION before it is used.

    Exit codes: 0 there is no error, at most warnings; 2 there is one.
    """

    async def work(client: EntraidClient) -> ExitCode:
        response = await client.validate_condition(connection, condition)
        if session.screen.is_json:
            session.screen.document(as_json(response))
        else:
            for issue in response.issues:
                session.screen.out.print(issue_text(issue), soft_wrap=True)
            session.screen.err.print(plain(verdict(response)), soft_wrap=True)
        is_wrong = any(issue.severity == ConditionIssue.SEVERITY_ERROR for issue in response.issues)
        return ExitCode.USAGE if is_wrong else ExitCode.OK

    session.run(work)


def _show_found(session: Session, found: list[EligibleUser], snapshot: Snapshot, *, has_more: bool) -> ExitCode:
    screen = session.screen
    if screen.is_json:
        users = [as_json(user) for user in found]
        screen.document({"users": users, "hasMore": has_more, "snapshot": as_json(snapshot)})
        return ExitCode.OK
    screen.out.print(eligible_table(found))
    more = "; there are more: raise --limit" if has_more else ""
    line = f"{count(len(found), 'eligible user')}, data of {moment(snapshot.sync_time)}{more}"
    screen.err.print(plain(line), soft_wrap=True)
    return ExitCode.OK
