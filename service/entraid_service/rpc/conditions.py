"""From the contract's condition to the core's, within bounds, with the field path of every node.

The bound on levels is checked on the way down, so that a hostile tree cannot exhaust the stack. `ConditionCache` keeps
what was compiled lately: an access flow asks the same condition for everybody.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from entraid.v1 import access_service_pb2 as pb
from entraid_service.errors import InvalidField
from entraid_service.model.conditions import (
    AttributeCondition,
    Combination,
    Combinator,
    Condition,
    GroupCondition,
    Leaf,
    ManagerCondition,
    Operator,
    UserCondition,
)
from entraid_service.observe.audit_line import digest

MOST_LEVELS = 8
MOST_NODES = 256
MOST_VALUES = 500
"""Values of one leaf."""
LONGEST_VALUE = 1024
LONGEST_ATTRIBUTE = 256
_LARGEST_CACHED = 16 * 1024
"""Bytes of a condition that is kept; with the number of entries this bounds the cache's memory."""

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Prepared(Generic[C]):
    """A condition ready for use; `digest` names it in the audit log."""

    compiled: C
    digest: str


class ConditionCache(Generic[C]):
    """Compiled conditions by the bytes of what was asked, the least recently used dropped first."""

    def __init__(self, compile_condition: Callable[[Condition], C], *, most: int = 1024) -> None:
        self._compile = compile_condition
        self._most = most
        self._prepared: OrderedDict[bytes, Prepared[C]] = OrderedDict()

    def prepared(self, condition: pb.Condition) -> Prepared[C]:
        """The condition of a request's field `condition`, compiled.

        Raises:
            InvalidField: It breaks a rule.
        """
        key = condition.SerializeToString(deterministic=True)
        known = self._prepared.get(key)
        if known is not None:
            self._prepared.move_to_end(key)
            return known
        prepared = Prepared(self._compile(read_condition(condition)), digest(key))
        self._keep(key, prepared)
        return prepared

    def compiled(self, condition: pb.Condition) -> C:
        """What `prepared` compiled."""
        return self.prepared(condition).compiled

    def _keep(self, key: bytes, prepared: Prepared[C]) -> None:
        if len(key) > _LARGEST_CACHED:
            return
        self._prepared[key] = prepared
        if len(self._prepared) > self._most:
            self._prepared.popitem(last=False)


def read_condition(condition: pb.Condition, field: str = "condition") -> Condition:
    """The condition as the core knows it.

    Raises:
        InvalidField: It is too deep or too large, or a part of it is empty, too long or unknown.
    """
    return _Reader().read(condition, field, level=1)


@dataclass(frozen=True, slots=True)
class Inspected:
    """The leaves of a condition that can be read, and why the others, or what joins them, cannot."""

    leaves: tuple[Leaf, ...]
    problems: tuple[InvalidField, ...]


def inspect_condition(condition: pb.Condition, field: str = "condition") -> Inspected:
    """Reads as much of a condition as can be read; `read_condition` stops at the first problem."""
    leaves: list[Leaf] = []
    problems: list[InvalidField] = []
    waiting = [(condition, field, 1)]
    nodes = 0
    while waiting:
        part, path, level = waiting.pop()
        nodes += 1
        try:
            _check_size(path, nodes=nodes, level=level)
            kind = part.WhichOneof("kind")
            if kind in _COMBINATIONS:
                combined: pb.ConditionList = getattr(part, kind)
                path = f"{path}.{kind}"
                _check_combined(combined, path)
                children = [
                    (child, f"{path}.conditions[{index}]", level + 1) for index, child in enumerate(combined.conditions)
                ]
                waiting += reversed(children)
            else:
                leaves.append(_read_leaf(part, path))
        except InvalidField as problem:
            problems.append(problem)
            if nodes > MOST_NODES:
                break
    return Inspected(tuple(leaves), tuple(problems))


class _Reader:
    """Reads one tree and counts its nodes; `MOST_LEVELS` bounds the recursion."""

    def __init__(self) -> None:
        self._nodes = 0

    def read(self, condition: pb.Condition, field: str, *, level: int) -> Condition:
        self._nodes += 1
        _check_size(field, nodes=self._nodes, level=level)
        match condition.WhichOneof("kind"):
            case "all_of":
                return self._combined(condition.all_of, Combinator.ALL_OF, f"{field}.all_of", level=level)
            case "any_of":
                return self._combined(condition.any_of, Combinator.ANY_OF, f"{field}.any_of", level=level)
            case "none_of":
                return self._combined(condition.none_of, Combinator.NONE_OF, f"{field}.none_of", level=level)
            case _:
                return _read_leaf(condition, field)

    def _combined(self, group: pb.ConditionList, combinator: Combinator, field: str, *, level: int) -> Combination:
        _check_combined(group, field)
        children = tuple(
            self.read(child, f"{field}.conditions[{index}]", level=level + 1)
            for index, child in enumerate(group.conditions)
        )
        return Combination(field, combinator, children)


def _check_size(field: str, *, nodes: int, level: int) -> None:
    if nodes > MOST_NODES:
        raise InvalidField(field, f"the condition has more than {MOST_NODES} parts: split it or simplify it")
    if level > MOST_LEVELS:
        raise InvalidField(field, f"the condition is nested deeper than {MOST_LEVELS} levels: flatten it")


def _check_combined(combined: pb.ConditionList, field: str) -> None:
    if not combined.conditions:
        raise InvalidField(
            f"{field}.conditions", "the list is empty: no rule holds by itself, so give at least one condition"
        )


def _read_leaf(condition: pb.Condition, field: str) -> Leaf:
    match condition.WhichOneof("kind"):
        case None:
            raise InvalidField(
                field, "the condition is empty: set one of all_of, any_of, none_of, group, attribute, user, manager"
            )
        case "group":
            group = condition.group
            path = f"{field}.group"
            operator, values = _comparison(group.operator, group.values, path)
            return GroupCondition(path, operator, values, direct_only=group.direct_only)
        case "attribute":
            attribute = condition.attribute
            path = f"{field}.attribute"
            operator, values = _comparison(attribute.operator, attribute.values, path)
            return AttributeCondition(path, _attribute_name(attribute.attribute, path), operator, values)
        case "user":
            path = f"{field}.user"
            return UserCondition(path, *_comparison(condition.user.operator, condition.user.values, path))
        case _:
            path = f"{field}.manager"
            return ManagerCondition(path, *_comparison(condition.manager.operator, condition.manager.values, path))


def _comparison(operator: int, values: Sequence[str], field: str) -> tuple[Operator, tuple[str, ...]]:
    known = _OPERATORS.get(operator)
    if known is None:
        raise InvalidField(f"{field}.operator", f"`{operator}` is not a match operator that this service knows")
    if known is Operator.IS_SET:
        if values:
            raise InvalidField(f"{field}.values", "MATCH_OPERATOR_IS_SET compares with nothing: leave `values` empty")
        return known, ()
    if not values:
        raise InvalidField(f"{field}.values", "there is nothing to compare with: give at least one value")
    if len(values) > MOST_VALUES:
        raise InvalidField(f"{field}.values", f"{len(values)} values are too many: at most {MOST_VALUES} are taken")
    for index, value in enumerate(values):
        _check_value(value, f"{field}.values[{index}]")
    return known, tuple(values)


def _check_value(value: str, field: str) -> None:
    if not value.strip():
        # Every text contains the empty one: such a value would match everybody.
        raise InvalidField(field, "the value is empty: it would match everything or nothing")
    if len(value) > LONGEST_VALUE:
        raise InvalidField(field, f"the value has {len(value)} characters: at most {LONGEST_VALUE} are taken")


def _attribute_name(name: str, field: str) -> str:
    if not name.strip():
        raise InvalidField(f"{field}.attribute", "no attribute is named: give its Microsoft Graph name")
    if len(name) > LONGEST_ATTRIBUTE:
        raise InvalidField(
            f"{field}.attribute", f"the name has {len(name)} characters: at most {LONGEST_ATTRIBUTE} are taken"
        )
    return name


_COMBINATIONS = frozenset(combinator.value for combinator in Combinator)
_OPERATORS = {int(pb.MATCH_OPERATOR_UNSPECIFIED): Operator.IS} | {operator.value: operator for operator in Operator}
