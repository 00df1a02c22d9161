"""How every condition came out, as a tree of the same shape as the condition, with membership paths."""

from itertools import zip_longest

from entraid_service.evaluate.result import Finding, Node, Result
from entraid_service.model.decision import Outcome, Trace
from entraid_service.model.ids import GroupId
from entraid_service.snapshot.person import Person
from entraid_service.snapshot.snapshot import Snapshot


def untested(node: Node) -> Trace:
    """The tree of a condition that was not looked at."""
    return Trace(node.field, None, children=tuple(untested(child) for child in node.children))


def traced(result: Result, *, node: Node, snapshot: Snapshot, person: Person) -> Trace:
    """The tree of a condition that was looked at; what was settled before its turn is marked as untested."""
    if isinstance(result, Finding):
        path = _path(result, snapshot, person)
        return Trace(node.field, result.outcome, code=result.reason.code, group_path=path)
    children = tuple(
        untested(child) if inner is None else traced(inner, node=child, snapshot=snapshot, person=person)
        for child, inner in zip_longest(node.children, result.results)
    )
    return Trace(node.field, result.outcome, children=children)


def _path(finding: Finding, snapshot: Snapshot, person: Person) -> tuple[GroupId, ...]:
    if finding.group is None or finding.outcome is not Outcome.SATISFIED:
        return ()
    return snapshot.groups.closure.path(person.direct_groups(), finding.group)
