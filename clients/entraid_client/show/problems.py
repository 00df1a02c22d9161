"""Prints a failed call: what happened, why, and what to do next. Never a traceback, never the request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from entraid_client.show.screen import Json, Screen, clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from entraid_client.errors import EntraidError


def show_problem(screen: Screen, error: EntraidError) -> None:
    """Prints an error to standard error, as a JSON document where results are JSON too."""
    if screen.is_json:
        screen.error_document({"error": problem_document(error)})
        return
    screen.err.print(Text.assemble(("error: ", "bold red"), clean(str(error))), soft_wrap=True)
    for line in _causes(error):
        screen.err.print(Text.assemble(("  why:  ", "bold"), clean(line)), soft_wrap=True)
    screen.err.print(Text.assemble(("  next: ", "bold"), error.remedy), soft_wrap=True)


def problem_document(error: EntraidError) -> dict[str, Json]:
    """The error as JSON, every key always there."""
    problem = error.problem
    return {
        "kind": type(error).__name__,
        "code": problem.code.name,
        "reason": problem.reason,
        "message": problem.message,
        "metadata": dict(problem.metadata),
        "violations": [{"field": found.field, "description": found.description} for found in problem.violations],
        "retryAfterSeconds": None if error.retry_after is None else error.retry_after.total_seconds(),
        "remedy": error.remedy,
    }


def _causes(error: EntraidError) -> Iterator[str]:
    problem = error.problem
    yield (problem.reason.removeprefix("ERROR_REASON_") or problem.code.name).replace("_", " ").lower()
    for found in problem.violations:
        yield f"{found.field or 'request'}: {found.description}"
    for key, value in sorted(problem.metadata.items()):
        yield f"{key}: {value}"
    if error.retry_after is not None:
        yield f"the service asks to wait {error.retry_after.total_seconds():g} s"
