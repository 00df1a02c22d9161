"""Builds conditions: one short function per kind. Pure.

A rule reads as it would be spoken: `all_of(group("Sales"), none_of(attribute("userType", "Guest")))`. What a condition
means is the contract's business (`protos/entraid/v1/access_service.proto`).
"""

from __future__ import annotations

from entraid.v1 import access_service_pb2 as pb

IS = pb.MATCH_OPERATOR_IS
IS_NOT = pb.MATCH_OPERATOR_IS_NOT
CONTAINS = pb.MATCH_OPERATOR_CONTAINS
DOES_NOT_CONTAIN = pb.MATCH_OPERATOR_DOES_NOT_CONTAIN
STARTS_WITH = pb.MATCH_OPERATOR_STARTS_WITH
IS_SET = pb.MATCH_OPERATOR_IS_SET


def all_of(*conditions: pb.Condition) -> pb.Condition:
    """Holds if each of them does."""
    return pb.Condition(all_of=_several(conditions))


def any_of(*conditions: pb.Condition) -> pb.Condition:
    """Holds if one of them does."""
    return pb.Condition(any_of=_several(conditions))


def none_of(*conditions: pb.Condition) -> pb.Condition:
    """Holds if none of them does, and none is unknown."""
    return pb.Condition(none_of=_several(conditions))


def group(*values: str, operator: pb.MatchOperator.ValueType = IS, direct_only: bool = False) -> pb.Condition:
    """Compares the user's groups: object IDs or display names, or parts of names with the operators for parts."""
    return pb.Condition(group=pb.GroupCondition(operator=operator, values=values, direct_only=direct_only))


def attribute(name: str, *values: str, operator: pb.MatchOperator.ValueType = IS) -> pb.Condition:
    """Compares the attribute of that Microsoft Graph name."""
    return pb.Condition(attribute=pb.AttributeCondition(attribute=name, operator=operator, values=values))


def user(*values: str, operator: pb.MatchOperator.ValueType = IS) -> pb.Condition:
    """Compares the user: object IDs, user principal names, mail addresses."""
    return pb.Condition(user=pb.UserCondition(operator=operator, values=values))


def manager(*values: str, operator: pb.MatchOperator.ValueType = IS) -> pb.Condition:
    """Compares the user's manager, as `user` compares the user."""
    return pb.Condition(manager=pb.ManagerCondition(operator=operator, values=values))


def _several(conditions: tuple[pb.Condition, ...]) -> pb.ConditionList:
    if not conditions:
        raise ValueError("a combination of no conditions would hold of nothing: give at least one")
    return pb.ConditionList(conditions=conditions)
