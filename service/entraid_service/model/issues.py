"""What may be wrong with a condition, held against a directory."""

import enum
from dataclasses import dataclass


class Severity(enum.Enum):
    """How grave; numbers are the contract's."""

    WARNING = 1
    ERROR = 2


class IssueCode(enum.Enum):
    """What it is about; names and numbers are the contract's."""

    INVALID = 1
    ATTRIBUTE_NOT_SYNCED = 2
    ATTRIBUTE_NOT_COMPARABLE = 3
    GROUP_NOT_SYNCED = 4
    GROUP_NOT_FOUND = 5
    GROUP_NAME_AMBIGUOUS = 6
    GROUP_MEMBERS_UNREADABLE = 7
    USER_NOT_FOUND = 8
    USER_AMBIGUOUS = 9
    NEVER_HOLDS = 10
    VALUE_MATCHES_NOTHING = 11
    NOBODY_ELIGIBLE = 12


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing to look at. `suggestions` is what may have been meant, likeliest first."""

    field: str
    severity: Severity
    code: IssueCode
    message: str
    suggestions: tuple[str, ...] = ()
