"""What a parsed `$filter` means for a type of object: which properties and operators it may use, and what it matches.

Refusals are Graph's: an operator that a property does not take, one that needs advanced query parameters, too many
clauses. Text compares ignoring case, as the directory does.
"""

from collections.abc import Callable, Iterator

from entraid_emulator.graph.errors import GraphError, malformed_query, unsupported_query
from entraid_emulator.graph.filter_syntax import Both, Comparison, Either, Literal, Not, Tree
from entraid_emulator.graph.options import QueryOptions
from entraid_emulator.graph.schema import EntityType
from entraid_emulator.objects import GraphObject, Json, ObjectId

Matches = Callable[[GraphObject], bool]

_MAX_CLAUSES = 15  # of `or`, and of the list of `in`; more are refused by the directory
_ADVANCED = {"ne", "endswith"}


def compile_filter(tree: Tree, entity: EntityType, options: QueryOptions) -> Matches:
    """The test that a filter makes on an object.

    Raises:
        GraphError: 400, the type cannot be filtered so.
    """
    for leaf in _leaves(tree):
        _check_leaf(leaf, entity, options)
    _check_size(tree)
    if not options.is_advanced and _has_negation(tree):
        raise _needs_advanced("not")
    return lambda thing: _holds(tree, thing)


def ids_asked_for(tree: Tree) -> tuple[ObjectId, ...] | None:
    """The ids of a filter that asks for nothing but ids, so that nobody has to walk the directory for it."""
    if isinstance(tree, Comparison) and tree.prop == "id" and tree.operator in {"eq", "in"}:
        return tuple(dict.fromkeys(ObjectId(str(value).lower()) for value in tree.values))
    if not isinstance(tree, Either):
        return None
    ids: dict[ObjectId, None] = {}
    for part in tree.parts:
        found = ids_asked_for(part)
        if found is None:
            return None
        ids.update(dict.fromkeys(found))
    return tuple(ids)


def _leaves(tree: Tree) -> Iterator[Comparison]:
    match tree:
        case Comparison():
            yield tree
        case Not(inner):
            yield from _leaves(inner)
        case Both(parts) | Either(parts):
            for part in parts:
                yield from _leaves(part)


def _has_negation(tree: Tree) -> bool:
    match tree:
        case Not():
            return True
        case Both(parts) | Either(parts):
            return any(_has_negation(part) for part in parts)
        case Comparison():
            return False


def _check_size(tree: Tree) -> None:
    match tree:
        case Comparison(_, "in", values) if len(values) > _MAX_CLAUSES:
            raise _too_many(len(values))
        case Either(parts) if len(parts) > _MAX_CLAUSES:
            raise _too_many(len(parts))
        case Both(parts) | Either(parts):
            for part in parts:
                _check_size(part)
        case Not(inner):
            _check_size(inner)
        case Comparison():
            pass


def _check_leaf(leaf: Comparison, entity: EntityType, options: QueryOptions) -> None:
    if not entity.knows(leaf.prop):
        raise malformed_query(
            f"Invalid filter clause: Could not find a property named '{leaf.prop}' on type"
            f" 'microsoft.graph.{entity.name}'."
        )
    taken = entity.filters.get(leaf.prop, frozenset())
    if leaf.operator not in taken or leaf.element != (leaf.prop in entity.lists):
        raise unsupported_query(
            f"Unsupported or invalid query filter clause specified for property '{leaf.prop}' of resource"
            f" '{entity.resource}'."
        )
    if not all(_is_comparable(leaf, value, entity) for value in leaf.values):
        raise malformed_query(
            "Invalid filter clause: A binary operator with incompatible types was detected for property"
            f" '{leaf.prop}' of type 'microsoft.graph.{entity.name}'."
        )
    if leaf.operator in _ADVANCED and not options.is_advanced:
        raise _needs_advanced("endsWith" if leaf.operator == "endswith" else leaf.operator)


def _is_comparable(leaf: Comparison, value: Literal, entity: EntityType) -> bool:
    if value is None:
        return leaf.operator in {"eq", "ne", "in"}
    return isinstance(value, bool if leaf.prop in entity.booleans else str)


def _needs_advanced(operator: str) -> GraphError:
    return unsupported_query(
        f"Operator '{operator}' is not supported because the required parameters might be missing. Try adding"
        " $count=true"
        " query parameter and ConsistencyLevel:eventual header. Refer to https://aka.ms/graph-docs/advanced-queries for"
        " more information"
    )


def _too_many(clauses: int) -> GraphError:
    return unsupported_query(
        f"Too many child clauses specified in search filter expression containing 'OR' operators: {clauses}. Max"
        " allowed:"
        f" {_MAX_CLAUSES}."
    )


def _holds(tree: Tree, thing: GraphObject) -> bool:
    match tree:
        case Comparison():
            return _leaf_holds(tree, thing)
        case Not(inner):
            return not _holds(inner, thing)
        case Both(parts):
            return all(_holds(part, thing) for part in parts)
        case Either(parts):
            return any(_holds(part, thing) for part in parts)


def _leaf_holds(leaf: Comparison, thing: GraphObject) -> bool:
    value = thing.get(leaf.prop)
    if leaf.element:
        elements = value if isinstance(value, list | tuple) else ()
        return any(_compares(leaf.operator, element, leaf.values) for element in elements)
    return _compares(leaf.operator, value, leaf.values)


def _compares(operator: str, value: Json, wanted: tuple[Literal, ...]) -> bool:
    left = _folded(value)
    rights = [_folded(one) for one in wanted]
    match operator:
        case "ne":
            return left not in rights
        case "startswith":
            return isinstance(left, str) and left.startswith(str(rights[0]))
        case "endswith":
            return isinstance(left, str) and left.endswith(str(rights[0]))
        case _:
            return left in rights


def _folded(value: object) -> object:
    return value.casefold() if isinstance(value, str) else value
