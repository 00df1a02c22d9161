"""Query options of a delta request, parsed and checked. Pure.

https://learn.microsoft.com/graph/delta-query-overview and the notes of https://learn.microsoft.com/graph/api/user-delta:
`$select`, `$filter` on ids and `$deltatoken=latest` count, `$top` is ignored without a word, the rest is refused. A
token already holds the options, so none may come with it.
"""

from dataclasses import dataclass

from entraid_emulator.graph.delta_tokens import Tracked
from entraid_emulator.graph.errors import denied, malformed_query, outside_store, unsupported_query
from entraid_emulator.graph.filter_syntax import Comparison, Either, Tree, parse_filter
from entraid_emulator.graph.options import Pairs, parse_select, unknown_property
from entraid_emulator.graph.permissions import Roles, allows
from entraid_emulator.graph.schema import EntityType
from entraid_emulator.objects import ObjectId

MAX_IDS = 50

_IGNORED = frozenset({"$top", "$count"})
_TOKENS = frozenset({"$skiptoken", "$deltatoken"})
_LATEST = "latest"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaOptions:
    """The options of one delta request.

    Attributes:
        select: selected properties and relations; None without `$select`.
        filter: the filter expression as text.
        skiptoken: goes on with a round.
        deltatoken: begins a round of changes; an empty one begins anew.
        is_latest: whether changes are wanted from now on, and nothing of before.
    """

    select: tuple[str, ...] | None
    filter: str | None
    skiptoken: str | None
    deltatoken: str | None
    is_latest: bool


def parse_delta(pairs: Pairs) -> DeltaOptions:
    """Parse the query of a delta request.

    Raises:
        GraphError: 400, an option is unknown, given twice, not supported, or came with a token.
    """
    given: dict[str, str] = {}
    for name, value in pairs:
        if name.startswith("$"):
            if name in given:
                raise malformed_query(f"Query option '{name}' was specified more than once.")
            given[name] = value
    for name in given.keys() - _IGNORED - _TOKENS - {"$select", "$filter"}:
        raise unsupported_query(f"The query parameter '{name}' is not supported with delta query.")
    is_latest = given.get("$deltatoken") == _LATEST
    deltatoken = None if is_latest else given.get("$deltatoken")
    skiptoken = given.get("$skiptoken")
    if (skiptoken or deltatoken) and len(given) > 1:
        raise unsupported_query("Query parameters other than the token are not supported with a delta or skip token.")
    return DeltaOptions(
        select=parse_select(given.get("$select")),
        filter=given.get("$filter") or None,
        skiptoken=skiptoken or None,
        deltatoken=deltatoken or None,
        is_latest=is_latest,
    )


def tracked(options: DeltaOptions, entity: EntityType, *, relation: str, roles: Roles) -> Tracked:
    """What a first request asks to be told of.

    Args:
        options: its options.
        entity: the type.
        relation: the one relation that this type's delta tracks.
        roles: the caller's permissions.

    Raises:
        GraphError: 400 for a property or filter that delta does not take, 501 and 403 as for a list.
    """
    for name in options.select or ():
        if name in entity.navigation and name != relation:
            raise unsupported_query(f"The navigation property '{name}' is not supported with delta query.")
        if name != relation and not entity.knows(name):
            raise unknown_property(name, entity.name)
        if name in entity.outside:
            raise outside_store()
        if name in entity.guarded and not allows(roles, entity.guarded[name]):
            raise denied()
    ids = None if options.filter is None else _ids(parse_filter(options.filter))
    return Tracked(resource=f"{entity.name}s", select=options.select, ids=ids)


def _ids(tree: Tree) -> tuple[ObjectId, ...]:
    """`id eq '...' or id eq '...'`, nothing else, 50 at most: https://learn.microsoft.com/graph/api/group-delta."""
    leaves = tree.parts if isinstance(tree, Either) else (tree,)
    ids: dict[ObjectId, None] = {}
    for leaf in leaves:
        if not (isinstance(leaf, Comparison) and (leaf.prop, leaf.operator) == ("id", "eq")):
            raise unsupported_query("Only filters on ids, joined by 'or', are supported with delta query.")
        ids[ObjectId(str(leaf.values[0]).lower())] = None
    if len(leaves) > MAX_IDS:
        raise unsupported_query(
            f"The number of objects in the filter, {len(leaves)}, exceeds the maximum of {MAX_IDS}."
        )
    return tuple(ids)
