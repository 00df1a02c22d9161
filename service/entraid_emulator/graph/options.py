"""Query options of a read, parsed and checked as far as they can be without the directory. Pure.

Every option that Graph refuses is refused here with its words; one that Graph serves and the emulator does not is
refused as such, never ignored.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from entraid_emulator.graph.errors import GraphError, bad_request, malformed_query, not_emulated, unsupported_query
from entraid_emulator.graph.schema import EntityType

Pairs = tuple[tuple[str, str], ...]
"""A query, decoded, in the order received."""

_MAX_PAGE = 999
_KNOWN = frozenset(
    {"$select", "$top", "$skiptoken", "$expand", "$filter", "$count", "$search", "$orderby", "$skip", "$format"}
)
_EXPAND = re.compile(r"(?P<name>\w+)(?:\((?P<nested>.*)\))?")


@dataclass(frozen=True, slots=True)
class Expand:
    """`$expand` of one relation.

    Attributes:
        name: the relation.
        select: properties of the expanded object; None means its defaults.
    """

    name: str
    select: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryOptions:
    """The options of one request.

    Attributes:
        select: selected properties in order, None without `$select`.
        top: page size, 1 to 999.
        skiptoken: as received.
        expand: the expanded relation.
        filter: the filter expression as text.
        count: whether `$count=true` was given; it means something only with `is_eventual`.
        is_eventual: whether the header `ConsistencyLevel: eventual` came.
        pairs: every option but the skip token, decoded, in the order received: what a nextLink repeats.
    """

    select: tuple[str, ...] | None = None
    top: int | None = None
    skiptoken: str | None = None
    expand: Expand | None = None
    filter: str | None = None
    count: bool = False
    is_eventual: bool = False
    pairs: Pairs = ()

    @property
    def is_advanced(self) -> bool:
        """Whether advanced queries are on: https://learn.microsoft.com/graph/aad-advanced-queries."""
        return self.count and self.is_eventual


def parse(pairs: Iterable[tuple[str, str]], consistency: str) -> QueryOptions:
    """Parse decoded query pairs and the ConsistencyLevel header.

    Raises:
        GraphError: an option is unknown, given twice, malformed or not supported.
    """
    given: dict[str, str] = {}
    for name, value in pairs:
        if name.startswith("$"):
            _check_name(name, given)
            given[name] = value
    is_eventual = consistency.lower() == "eventual"
    _refuse_unsupported(given, is_eventual=is_eventual)
    return QueryOptions(
        select=parse_select(given.get("$select")),
        top=_page_size(given.get("$top")),
        skiptoken=given.get("$skiptoken"),
        expand=_expand(given.get("$expand")),
        filter=given.get("$filter") or None,
        count=_boolean(given.get("$count")),
        is_eventual=is_eventual,
        pairs=tuple((name, value) for name, value in given.items() if name != "$skiptoken"),
    )


def parse_nothing(pairs: Iterable[tuple[str, str]], consistency: str) -> QueryOptions:  # noqa: ARG001 - as `parse`
    """The options of a read that has a grammar of its own, as delta has."""
    return QueryOptions()


def check_select(select: Iterable[str], entity: EntityType) -> None:
    """Refuse a selected property that the type does not have."""
    for name in select:
        if not entity.knows(name) and name not in entity.navigation:
            raise unknown_property(name, entity.name)


def unknown_property(name: str, entity: str) -> GraphError:
    """The refusal of a property that a type does not have."""
    return malformed_query(
        f"Parsing OData Select and Expand failed: Could not find a property named '{name}' on type"
        f" 'microsoft.graph.{entity}'."
    )


def _check_name(name: str, given: dict[str, str]) -> None:
    if name not in _KNOWN:
        raise malformed_query(f"The query option '{name}' is not recognized.")
    if name in given:
        raise malformed_query(
            f"Query option '{name}' was specified more than once, but it must be specified at most once."
        )


def _refuse_unsupported(given: dict[str, str], *, is_eventual: bool) -> None:
    if "$skip" in given:
        raise bad_request("'$skip' is not supported by the service.")
    if "$search" in given and not is_eventual:
        raise unsupported_query(
            "Request with $search query parameter only works through MSGraph with a special request header:"
            " 'ConsistencyLevel: eventual'"
        )
    for name in ("$search", "$orderby", "$format"):
        if name in given:
            raise not_emulated(f"`{name}`")


def parse_select(select: str | None) -> tuple[str, ...] | None:
    """The names of a `$select`; None where nothing is selected."""
    if select is None or not select.strip():
        return None
    return tuple(dict.fromkeys(name.strip() for name in select.split(",") if name.strip()))


def _page_size(top: str | None) -> int | None:
    if top is None:
        return None
    if not re.fullmatch(r"-?[0-9]{1,9}", top.strip()):
        raise malformed_query(
            f"Invalid value '{top}' for $top query option found. The $top query option requires a non-negative integer"
            " value."
        )
    size = int(top)
    if not 1 <= size <= _MAX_PAGE:
        raise unsupported_query(f"Invalid page size specified: '{size}'. Must be between 1 and 999 inclusive.")
    return size


def _boolean(count: str | None) -> bool:
    if count is None or count.lower() in {"true", "false"}:
        return count is not None and count.lower() == "true"
    raise malformed_query(
        f"Invalid value '{count}' for $count query option found. Valid values are 'true' and 'false'."
    )


def _expand(expand: str | None) -> Expand | None:
    if expand is None or not expand.strip():
        return None
    if "," in re.sub(r"\(.*?\)", "", expand):
        raise bad_request("Only one property can be expanded in a single query.")
    match = _EXPAND.fullmatch(expand.strip())
    if match is None:
        raise malformed_query(f"Parsing OData Select and Expand failed: syntax error in '{expand}'.")
    nested = match["nested"]
    if not nested:
        return Expand(match["name"], None)
    option, _, value = nested.partition("=")
    if option.strip() != "$select" or ";" in value:
        raise not_emulated(f"`{nested}` within `$expand`")
    return Expand(match["name"], parse_select(value))
