from collections.abc import Callable

import pytest
from google.protobuf import json_format

from entraid.v1 import access_service_pb2 as pb
from entraid_service.errors import InvalidField
from entraid_service.model.conditions import (
    AttributeCondition,
    Combination,
    Combinator,
    Condition,
    GroupCondition,
    ManagerCondition,
    Operator,
    UserCondition,
)
from entraid_service.rpc.conditions import MOST_NODES, MOST_VALUES, ConditionCache, read_condition


def leaf() -> pb.Condition:
    """The smallest condition."""
    return pb.Condition(user=pb.UserCondition(values=["x"]))


def nested(levels: int) -> pb.Condition:
    """A condition of so many levels."""
    condition = leaf()
    for _ in range(levels - 1):
        condition = pb.Condition(all_of=pb.ConditionList(conditions=[condition]))
    return condition


def wide(nodes: int) -> pb.Condition:
    """A condition of so many nodes."""
    return pb.Condition(any_of=pb.ConditionList(conditions=[leaf()] * (nodes - 1)))


def test_every_kind_is_read_with_its_field_path() -> None:
    """A reason can point at the very part of the request that it is about."""
    condition = json_format.ParseDict(
        {
            "allOf": {
                "conditions": [
                    {"group": {"values": ["Sales"], "directOnly": True}},
                    {
                        "noneOf": {
                            "conditions": [
                                {"attribute": {"attribute": "department", "operator": 5, "values": ["a", "b"]}},
                                {"manager": {"operator": "MATCH_OPERATOR_IS_SET"}},
                            ]
                        }
                    },
                    {"user": {"operator": "MATCH_OPERATOR_IS_NOT", "values": ["x"]}},
                ]
            }
        },
        pb.Condition(),
    )
    path = "condition.all_of.conditions"
    assert read_condition(condition) == Combination(
        "condition.all_of",
        Combinator.ALL_OF,
        (
            GroupCondition(f"{path}[0].group", Operator.IS, ("Sales",), direct_only=True),
            Combination(
                f"{path}[1].none_of",
                Combinator.NONE_OF,
                (
                    AttributeCondition(
                        f"{path}[1].none_of.conditions[0].attribute", "department", Operator.STARTS_WITH, ("a", "b")
                    ),
                    ManagerCondition(f"{path}[1].none_of.conditions[1].manager", Operator.IS_SET, ()),
                ),
            ),
            UserCondition(f"{path}[2].user", Operator.IS_NOT, ("x",)),
        ),
    )


def test_the_bounds_themselves_are_taken() -> None:
    """8 levels, 256 nodes and as many values as promised are fine."""
    read_condition(nested(8))
    read_condition(wide(MOST_NODES))
    read_condition(pb.Condition(group=pb.GroupCondition(values=["x"] * MOST_VALUES)))


@pytest.mark.parametrize(
    ("condition", "field"),
    [
        (pb.Condition(), "condition"),
        (nested(9), "condition" + ".all_of.conditions[0]" * 8),
        (wide(MOST_NODES + 1), f"condition.any_of.conditions[{MOST_NODES - 1}]"),
        (pb.Condition(all_of=pb.ConditionList()), "condition.all_of.conditions"),
        (pb.Condition(none_of=pb.ConditionList()), "condition.none_of.conditions"),
        (pb.Condition(all_of=pb.ConditionList(conditions=[pb.Condition()])), "condition.all_of.conditions[0]"),
        (pb.Condition(group=pb.GroupCondition()), "condition.group.values"),
        (pb.Condition(group=pb.GroupCondition(values=["a", ""])), "condition.group.values[1]"),
        (pb.Condition(user=pb.UserCondition(values=[" \t"])), "condition.user.values[0]"),
        (pb.Condition(user=pb.UserCondition(values=["x" * 1025])), "condition.user.values[0]"),
        (pb.Condition(user=pb.UserCondition(values=["x"] * (MOST_VALUES + 1))), "condition.user.values"),
        (
            pb.Condition(manager=pb.ManagerCondition(operator=pb.MATCH_OPERATOR_IS_SET, values=["x"])),
            "condition.manager.values",
        ),
        (
            pb.Condition(manager=pb.ManagerCondition(operator=pb.MatchOperator.ValueType(99), values=["x"])),
            "condition.manager.operator",
        ),
        (pb.Condition(attribute=pb.AttributeCondition(values=["x"])), "condition.attribute.attribute"),
        (
            pb.Condition(attribute=pb.AttributeCondition(attribute="a" * 257, values=["x"])),
            "condition.attribute.attribute",
        ),
    ],
)
def test_what_breaks_a_rule_is_named(condition: pb.Condition, field: str) -> None:
    """Nothing that is empty, unknown or out of bounds is taken; an empty value would match everybody."""
    with pytest.raises(InvalidField) as caught:
        read_condition(condition)
    assert caught.value.field == field


@pytest.fixture
def compiled() -> list[Condition]:
    """What was compiled."""
    return []


@pytest.fixture
def count(compiled: list[Condition]) -> Callable[[Condition], int]:
    """A compiler that notes what it is given."""

    def compile_condition(condition: Condition) -> int:
        compiled.append(condition)
        return len(compiled)

    return compile_condition


def test_a_condition_is_compiled_once(compiled: list[Condition], count: Callable[[Condition], int]) -> None:
    """The same question for the next user costs no compilation, another question does."""
    cache = ConditionCache(count)
    assert cache.compiled(leaf()) == cache.compiled(leaf())
    cache.compiled(wide(3))
    assert len(compiled) == 2


def test_the_cache_is_bounded(compiled: list[Condition], count: Callable[[Condition], int]) -> None:
    """The least recently used goes first, and what is huge is never kept."""
    cache = ConditionCache(count, most=2)
    for nodes in (2, 3, 2, 4, 2, 3):
        cache.compiled(wide(nodes))
    assert len(compiled) == 4  # 2, 3, 4, and 3 again
    huge = pb.Condition(group=pb.GroupCondition(values=["x" * 1000] * 100))
    cache.compiled(huge)
    cache.compiled(huge)
    assert len(compiled) == 6


def test_a_condition_that_breaks_a_rule_is_not_kept(count: Callable[[Condition], int]) -> None:
    """It fails the second time as it did the first."""
    cache = ConditionCache(count)
    for _ in range(2):
        with pytest.raises(InvalidField):
            cache.compiled(nested(9))
