"""Access flows as policies of Cerbos: one resource policy each, which asks what our condition asks.

Names compare as they are written: the tenant has them in one spelling, and ignoring case would only cost Cerbos time.
"""

import json
from pathlib import Path

import yaml

from bench.cerbos.messages import ACTION, ROLE, kind
from entraid.v1 import access_service_pb2 as pb


def write(folder: Path, conditions: list[pb.Condition]) -> None:
    """One file for each condition."""
    for number, condition in enumerate(conditions):
        text = yaml.safe_dump(_policy(number, condition), sort_keys=False)
        (folder / f"{kind(number)}.yaml").write_text(text, encoding="utf-8")


def _policy(number: int, condition: pb.Condition) -> dict[str, object]:
    rule = {
        "actions": [ACTION],
        "effect": "EFFECT_ALLOW",
        "roles": [ROLE],
        "condition": {"match": {"all": {"of": [{"expr": "P.attr.accountEnabled"}, _match(condition)]}}},
    }
    return {
        "apiVersion": "api.cerbos.dev/v1",
        "resourcePolicy": {"resource": kind(number), "version": "default", "rules": [rule]},
    }


def _match(condition: pb.Condition) -> dict[str, object]:
    if condition.HasField("all_of"):
        return {"all": {"of": [_match(one) for one in condition.all_of.conditions]}}
    if condition.HasField("any_of"):
        return {"any": {"of": [_match(one) for one in condition.any_of.conditions]}}
    return {"expr": _expression(condition)}


def _expression(leaf: pb.Condition) -> str:
    group, attribute = leaf.group, leaf.attribute
    if group.operator == pb.MATCH_OPERATOR_IS:
        return f"hasIntersection(P.attr.groups, {json.dumps(list(group.values))})"
    if attribute.operator == pb.MATCH_OPERATOR_IS:
        return f"P.attr.{attribute.attribute} in {json.dumps(list(attribute.values))}"
    if attribute.operator == pb.MATCH_OPERATOR_IS_NOT and len(attribute.values) == 1:
        return f"P.attr.{attribute.attribute} != {json.dumps(attribute.values[0])}"
    raise ValueError(f"no expression is known for this condition: {leaf}")
