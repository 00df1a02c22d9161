"""What an answer's headers say about how much of a tenant's allowance is used. Pure.

https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits
"""

from collections.abc import Mapping
from dataclasses import dataclass

from entraid_service.graph.retry_after import plain_number

_UNITS = "x-ms-resource-unit"
_USED = "x-ms-throttle-limit-percentage"

_LEAST_UNITS = 1.0
_MOST_UNITS = 100.0
_NEAR = 0.8
_MOST_USED = 1.8
"""Documented: reads cost 1 to some units; the part used is told from 0.8 on, up to 1.8 while Graph still answers."""


@dataclass(frozen=True, slots=True)
class Usage:
    """One answer's cost in resource units, and how far beyond 0.8 the used part of the limit is (0 to 1)."""

    units: float = _LEAST_UNITS
    excess: float = 0.0


def usage(headers: Mapping[str, str]) -> Usage:
    """The usage that an answer tells; the least where it does not."""
    units = plain_number(headers.get(_UNITS, "").strip())
    used = plain_number(headers.get(_USED, "").strip())
    return Usage(
        units=min(max(units or 0.0, _LEAST_UNITS), _MOST_UNITS),
        excess=min(max(used or 0.0, _NEAR), _MOST_USED) - _NEAR,
    )
