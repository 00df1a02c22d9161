"""Shows what a condition amounts to: who satisfies it, and what is to be said against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from entraid.v1.access_service_pb2 import ConditionIssue
from entraid_client.show.screen import clean, plain
from entraid_client.show.tables import table
from entraid_client.show.words import count, issue_code, moment, reason_code

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.table import Table

    from entraid.v1.access_service_pb2 import EligibleUser, ValidateConditionResponse


def eligible_table(found: Iterable[EligibleUser]) -> Table:
    """One row per user, with the codes of the reasons."""
    shown = table("name", "user principal name", "because", "object id")
    for eligible in found:
        codes = dict.fromkeys(reason_code(reason.code) for reason in eligible.reasons)
        shown.add_row(
            plain(eligible.user.display_name),
            plain(eligible.user.user_principal_name),
            plain(", ".join(codes)),
            plain(eligible.user.object_id, "dim"),
        )
    return shown


def issue_text(issue: ConditionIssue) -> Text:
    """An issue in a line, and in another what may have been meant."""
    is_error = issue.severity == ConditionIssue.SEVERITY_ERROR
    word, style = ("error", "bold red") if is_error else ("warning", "bold yellow")
    text = Text.assemble((word, style), f"  {issue_code(issue.code)}", f"  {clean(issue.message)}")
    text.append(f"  ({clean(issue.field)})", style="dim")
    if issue.suggestions:
        text.append(f"\n  did you mean: {', '.join(clean(each) for each in issue.suggestions)}")
    return text


def verdict(response: ValidateConditionResponse) -> str:
    """The whole in a line."""
    errors = sum(issue.severity == ConditionIssue.SEVERITY_ERROR for issue in response.issues)
    rest = len(response.issues) - errors
    found = f"{count(errors, 'error')}, {count(rest, 'warning')}" if response.issues else "nothing against it"
    return f"{found}, data of {moment(response.snapshot.sync_time)}"
