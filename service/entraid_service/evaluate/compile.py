"""From a condition as the caller states it to one that can be tested often: values folded, answers made in advance.

The result depends on the condition alone and serves every connection; what it looks up in a connection's groups is
kept with that connection's snapshot.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from entraid_service.evaluate.groups import GroupLeaf
from entraid_service.evaluate.joints import AllOf, AnyOf, NoneOf
from entraid_service.evaluate.leaves import AttributeLeaf, ManagerLeaf, UserLeaf
from entraid_service.evaluate.patterns import GroupPatternLeaf
from entraid_service.evaluate.result import Kept, Node
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

Compiled: TypeAlias = Node
"""A condition ready to be tested by `decide`."""

_MOST_LEVELS: Final = 64
"""Far above what the contract allows; it only keeps a tree that nobody checked from exhausting the stack."""

_JOINTS: Final[Mapping[Combinator, Callable[[str, tuple[Node, ...], Kept], Node]]] = {
    Combinator.ALL_OF: AllOf,
    Combinator.ANY_OF: AnyOf,
    Combinator.NONE_OF: NoneOf,
}


def compile_condition(condition: Condition) -> Compiled:
    """Prepares a condition.

    Raises:
        ValueError: It breaks the rules that whoever took it in had to check: something is empty, or far too deep.
    """
    return _compiled(condition, {}, level=1)


def _compiled(condition: Condition, kept: Kept, *, level: int) -> Node:
    if level > _MOST_LEVELS:
        raise ValueError(f"`{condition.field}` is nested deeper than {_MOST_LEVELS} levels")
    if not isinstance(condition, Combination):
        return _leaf(condition)
    if not condition.conditions:
        # All of nothing would hold for everybody.
        raise ValueError(f"`{condition.field}` joins no conditions")
    children = tuple(_compiled(child, kept, level=level + 1) for child in condition.conditions)
    return _JOINTS[condition.combinator](condition.field, children, kept)


def _leaf(condition: Leaf) -> Node:
    if (condition.operator is Operator.IS_SET) == bool(condition.values):
        # None of nothing would hold for everybody.
        raise ValueError(f"`{condition.field}` has no values to compare with, or `IS_SET` has some")
    match condition:
        case GroupCondition(operator=Operator.IS | Operator.IS_NOT):
            return GroupLeaf(condition)
        case GroupCondition():
            return GroupPatternLeaf(condition)
        case AttributeCondition():
            return AttributeLeaf(condition)
        case UserCondition():
            return UserLeaf(condition)
        case ManagerCondition():
            return ManagerLeaf(condition)
