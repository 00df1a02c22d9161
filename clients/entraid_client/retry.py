"""Decides whether and when a failed call is made again.

Only UNAVAILABLE and an overload are tried again, and only where a second call cannot do a thing twice. What a server
asks for in RetryInfo is kept. Nothing here waits: `calls.py` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import grpc
from google.protobuf.descriptor_pb2 import MethodOptions

from entraid.v1 import errors_pb2

if TYPE_CHECKING:
    from google.protobuf.descriptor import MethodDescriptor

    from entraid_client.errors import Problem

_OVERLOADED: Final = errors_pb2.ErrorReason.Name(errors_pb2.ERROR_REASON_OVERLOADED)
_LONGEST_EXPONENT: Final = 16  # beyond it a pause has long reached its bound, and a timedelta could overflow


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How a client insists on an answer."""

    attempts: int = 4
    """Calls in all, the first included; 1 never tries again."""

    first_pause: timedelta = timedelta(milliseconds=100)
    """The longest pause before the second call; each further one may take twice as long."""

    longest_pause: timedelta = timedelta(seconds=5)
    """The bound of that growth."""

    def __post_init__(self) -> None:
        """Refuses a policy that could not make a call."""
        if self.attempts < 1:
            raise ValueError(f"a retry policy needs at least one attempt, not `{self.attempts}`")

    def pause(self, problem: Problem, *, attempt: int, remaining: timedelta, chance: float) -> timedelta | None:
        """How long to wait before the call is made again; None gives up.

        Args:
            problem: What the server said.
            attempt: How many calls were made so far, from 1.
            remaining: What is left of the caller's deadline. A pause that would use it up is not begun.
            chance: A random number from 0 to 1. Callers that fail together must not come back together.
        """
        is_passing = problem.code is grpc.StatusCode.UNAVAILABLE or problem.reason == _OVERLOADED
        if not is_passing or attempt >= self.attempts:
            return None
        pause = self.spread(attempt, chance) + (problem.retry_after or timedelta())
        return pause if pause < remaining else None

    def spread(self, attempt: int, chance: float) -> timedelta:
        """The pause after that many failures in a row when the server names none: any part of a growing bound."""
        growth: int = 2 ** min(attempt - 1, _LONGEST_EXPONENT)
        return min(self.first_pause * growth, self.longest_pause) * chance


def contract_allows_repeat(rpc: MethodDescriptor) -> bool:
    """Whether the contract marks the call as one that may be made twice (`idempotency_level`)."""
    level = rpc.GetOptions().idempotency_level
    return level in {MethodOptions.NO_SIDE_EFFECTS, MethodOptions.IDEMPOTENT}
