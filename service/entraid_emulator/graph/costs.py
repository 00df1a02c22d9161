"""What a read costs in resource units.

Source: https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits.
"""

from entraid_emulator.graph.options import QueryOptions

_SMALL_PAGE = 20


def resource_units(base: int, options: QueryOptions, *, less_for_select: int = 1) -> int:
    """The cost of a read: its base cost, less for `$select` and small pages, more for `$expand`, at least one."""
    cost = base
    cost -= less_for_select * (options.select is not None)
    cost += options.expand is not None
    cost -= options.top is not None and options.top < _SMALL_PAGE
    return max(1, cost)
