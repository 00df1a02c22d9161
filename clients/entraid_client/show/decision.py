"""Shows a decision: allow or deny, the reasons, and on request a tree of every condition with the membership paths."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rich.text import Text
from rich.tree import Tree

from entraid.v1 import access_service_pb2 as pb
from entraid_client.access import is_allowed
from entraid_client.show.screen import clean
from entraid_client.show.words import last_segment, moment, operator, outcome, reason_code

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_STYLES: Final[Mapping[int, str]] = {
    pb.ConditionTrace.OUTCOME_SATISFIED: "green",
    pb.ConditionTrace.OUTCOME_NOT_SATISFIED: "red",
    pb.ConditionTrace.OUTCOME_UNKNOWN: "yellow",
}
_STEP: Final = re.compile(r"(all_of|any_of|none_of)\.conditions\[(\d{1,4})\]")


def decision_text(response: pb.EvaluateAccessResponse, asked: str) -> Text:
    """The decision in a line, then each reason in one.

    Args:
        response: The answer.
        asked: The user as the caller named it.
    """
    word, style = ("ALLOW", "bold green") if is_allowed(response) else ("DENY", "bold red")
    text = Text.assemble((word, style), f"  {clean(last_segment(asked))}")
    for reason in response.reasons:
        text.append(f"\n  {reason_code(reason.code)}", style="bold")
        text.append(f"  {clean(reason.message)}")
        if reason.field:
            text.append(f"  ({clean(reason.field)})", style="dim")
    text.append(
        f"\n  data of {moment(response.snapshot.sync_time)}, decision {clean(response.decision_id)}", style="dim"
    )
    return text


def trace_tree(trace: pb.ConditionTrace, condition: pb.Condition, titles: Mapping[str, str]) -> Tree:
    """Every condition with its outcome.

    Args:
        trace: What the service told.
        condition: What it was asked.
        titles: Display names of groups by resource name; a group without one is shown by its ID.
    """
    tree = Tree(_label(trace, condition, titles))
    pending = [(tree, trace)]
    while pending:
        node, parent = pending.pop()
        pending.extend((node.add(_label(child, condition, titles)), child) for child in parent.children)
    return tree


def paths(trace: pb.ConditionTrace) -> Iterator[str]:
    """The resource names of all groups on membership paths, in no order, some of them twice."""
    pending = [trace]
    while pending:
        step = pending.pop()
        yield from step.group_path
        pending.extend(step.children)


def _label(trace: pb.ConditionTrace, condition: pb.Condition, titles: Mapping[str, str]) -> Text:
    found = condition_at(condition, trace.field)
    label = Text(clean(trace.field if found is None else describe(found)))
    label.append(f"  {outcome(trace.outcome)}", style=_STYLES.get(trace.outcome, "dim"))
    if trace.code:
        label.append(f"  {reason_code(trace.code)}", style="dim")
    if trace.group_path:
        steps = " > ".join(titles.get(name, last_segment(name)) for name in trace.group_path)
        label.append(f"\nuser > {clean(steps)}", style="cyan")
    return label


def condition_at(condition: pb.Condition, field: str) -> pb.Condition | None:
    """The part of a condition that a field path of the service leads to; None if it leads nowhere."""
    found = condition
    for step in _STEP.finditer(field):
        kind, index = step[1], int(step[2])
        parts = _parts(found) if found.WhichOneof("kind") == kind else []
        if index >= len(parts):
            return None
        found = parts[index]
    return found


def describe(condition: pb.Condition) -> str:
    """A condition in words; of a combination only how it combines, as its parts are shown below it."""
    match condition.WhichOneof("kind"):
        case "group":
            scope = "direct group" if condition.group.direct_only else "group"
            return _compare(scope, condition.group)
        case "attribute":
            return _compare(condition.attribute.attribute, condition.attribute)
        case "user":
            return _compare("user", condition.user)
        case "manager":
            return _compare("manager", condition.manager)
        case None:
            return "no condition"
        case combination:
            return combination.replace("_", " ")


def _compare(
    subject: str, leaf: pb.GroupCondition | pb.AttributeCondition | pb.UserCondition | pb.ManagerCondition
) -> str:
    return f"{subject} {operator(leaf.operator)} {' or '.join(leaf.values)}".rstrip()


def _parts(condition: pb.Condition) -> list[pb.Condition]:
    match condition.WhichOneof("kind"):
        case "all_of":
            return list(condition.all_of.conditions)
        case "any_of":
            return list(condition.any_of.conditions)
        case "none_of":
            return list(condition.none_of.conditions)
        case _:
            return []
