"""Allow or deny, and why."""

import enum
from dataclasses import dataclass

import msgspec

from entraid_service.model.ids import GroupId, UserId


class Outcome(enum.IntEnum):
    """How a condition came out. The order is Kleene's: all of is the minimum, any of the maximum."""

    NOT_SATISFIED = 0
    UNKNOWN = 1
    SATISFIED = 2

    def negated(self) -> "Outcome":
        """The outcome of "not this"; what is unknown stays so."""
        return Outcome(2 - self)


class ReasonCode(enum.Enum):
    """Grounds; names and numbers are the contract's."""

    USER_NOT_FOUND = 1
    USER_DISABLED = 2
    GROUP_MEMBER = 3
    NOT_GROUP_MEMBER = 4
    GROUP_NOT_SYNCED = 5
    GROUP_NAME_AMBIGUOUS = 6
    ATTRIBUTE_MATCHED = 7
    ATTRIBUTE_NOT_MATCHED = 8
    ATTRIBUTE_NOT_SYNCED = 9
    EXCLUDED = 10
    USER_MATCHED = 11
    USER_NOT_MATCHED = 12
    MANAGER_MATCHED = 13
    MANAGER_NOT_MATCHED = 14
    USER_AMBIGUOUS = 15


class Reason(msgspec.Struct, frozen=True, gc=False):
    """One ground.

    `field` is the path of its condition, empty for the user himself; `message` holds no attribute values.
    """

    code: ReasonCode
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Trace:
    """How one condition came out.

    `outcome` is None where it was not evaluated because the result was settled before.
    """

    field: str
    outcome: Outcome | None
    code: ReasonCode | None = None
    group_path: tuple[GroupId, ...] = ()
    children: "tuple[Trace, ...]" = ()


class Decision(msgspec.Struct, frozen=True, gc=False):
    """The answer for one user. Anything but `is_allowed` denies.

    Many are kept, so garbage collection is spared them: nothing in them leads back.
    """

    is_allowed: bool
    reasons: tuple[Reason, ...]
    user_id: UserId | None = None
    trace: Trace | None = None
