"""What reasons say. They name what the caller asked for and display names of groups, never what a user's attribute is.

Who may see a decision need not be allowed to read the directory, so values of attributes stay out.
"""

from collections.abc import Sequence
from typing import Final

from entraid_service.model.conditions import Operator

_MOST_NAMED: Final = 3

_PASSED: Final = {
    Operator.IS: "is one of the values asked for",
    Operator.IS_NOT: "is none of the values ruled out",
    Operator.CONTAINS: "contains one of the values asked for",
    Operator.DOES_NOT_CONTAIN: "contains none of the values ruled out",
    Operator.STARTS_WITH: "starts with one of the values asked for",
    Operator.IS_SET: "is set",
}
_FAILED: Final = {
    Operator.IS: "is none of the values asked for",
    Operator.IS_NOT: "is one of the values ruled out",
    Operator.CONTAINS: "contains none of the values asked for",
    Operator.DOES_NOT_CONTAIN: "contains one of the values ruled out",
    Operator.STARTS_WITH: "starts with none of the values asked for",
    Operator.IS_SET: "is empty",
}


def passed(what: str, operator: Operator) -> str:
    """Says that a test was passed."""
    return f"{what} {_PASSED[operator]}"


def failed(what: str, operator: Operator) -> str:
    """Says that a test was failed."""
    return f"{what} {_FAILED[operator]}"


def quoted(names: Sequence[str]) -> str:
    """A few names in backticks, and how many more there are."""
    shown = ", ".join(f"`{name}`" for name in names[:_MOST_NAMED])
    return shown if len(names) <= _MOST_NAMED else f"{shown} and {len(names) - _MOST_NAMED} more"
