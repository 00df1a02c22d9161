"""Conditions in words: `group is`, `department does not contain`, `all of`; see README.md beside this file."""

import re
from collections.abc import Sequence

from entraid.v1 import access_service_pb2 as pb
from golden.tenant import Tenant, Yaml, mapping, texts

_TEST = re.compile(r"(?P<subject>[\w.]+( group)?) (?P<operator>is not|is set|is|contains|does not contain|starts with)")


def condition(form: Yaml, tenant: Tenant) -> pb.Condition:
    """The condition that a form in words means."""
    if isinstance(form, Sequence) and not isinstance(form, str):
        return condition({"all of": form}, tenant)
    ((key, value),) = mapping(form).items()
    if key in ("all of", "any of", "none of"):
        assert isinstance(value, Sequence)
        return _joined(key, pb.ConditionList(conditions=[condition(part, tenant) for part in value]))
    found = _TEST.fullmatch(key)
    assert found, f"`{key}` is no test: write for example `group is` or `department contains`"
    operator = pb.MatchOperator.Value(f"MATCH_OPERATOR_{found['operator'].upper().replace(' ', '_')}")
    values = [tenant.resolved(text) for text in texts(value)] if found["operator"] != "is set" else []
    return _leaf(found["subject"], operator, values)


def _joined(how: str, inner: pb.ConditionList) -> pb.Condition:
    match how:
        case "all of":
            return pb.Condition(all_of=inner)
        case "any of":
            return pb.Condition(any_of=inner)
        case _:
            return pb.Condition(none_of=inner)


def _leaf(subject: str, operator: pb.MatchOperator.ValueType, values: list[str]) -> pb.Condition:
    match subject:
        case "group" | "direct group":
            direct = subject == "direct group"
            return pb.Condition(group=pb.GroupCondition(operator=operator, values=values, direct_only=direct))
        case "user":
            return pb.Condition(user=pb.UserCondition(operator=operator, values=values))
        case "manager":
            return pb.Condition(manager=pb.ManagerCondition(operator=operator, values=values))
        case _:
            return pb.Condition(attribute=pb.AttributeCondition(attribute=subject, operator=operator, values=values))
