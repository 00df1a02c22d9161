"""From the results of a condition to the reasons of an answer: what carried it, or what stood in its way.

Each function looks at one question about a result and asks the same or the opposite one of the results inside it.
"""

from collections.abc import Iterator

from entraid_service.evaluate.result import Combined, Finding, Node, Result
from entraid_service.model.conditions import Combinator
from entraid_service.model.decision import Outcome, Reason, ReasonCode


def carried_by(result: Result) -> Iterator[Reason]:
    """Why it is SATISFIED."""
    if isinstance(result, Finding):
        yield result.reason
        return
    match result.node.combinator:
        case Combinator.ALL_OF:
            for inner in result.results:
                yield from carried_by(inner)
        case Combinator.ANY_OF:
            yield from carried_by(result.results[-1])  # the first that held, and the last that was looked at
        case Combinator.NONE_OF:
            for inner in result.results:
                yield from _refuted_by(inner)


def in_the_way_of(result: Result) -> Iterator[Reason]:
    """Why it is not SATISFIED."""
    if isinstance(result, Finding):
        yield result.reason
        return
    is_exclusion = result.node.combinator is Combinator.NONE_OF
    for child, inner in zip(result.node.children, result.results, strict=True):
        if not is_exclusion:
            if inner.outcome is not Outcome.SATISFIED:
                yield from in_the_way_of(inner)
        elif inner.outcome is Outcome.SATISFIED:
            yield _excluded(child, inner)
        elif inner.outcome is Outcome.UNKNOWN:
            yield from _left_open_by(inner)


def _refuted_by(result: Result) -> Iterator[Reason]:
    """Why it is NOT_SATISFIED, where that is what carries an answer."""
    if isinstance(result, Finding):
        yield result.reason
        return
    carries = carried_by if result.node.combinator is Combinator.NONE_OF else _refuted_by
    decisive = Outcome.SATISFIED if result.node.combinator is Combinator.NONE_OF else Outcome.NOT_SATISFIED
    for inner in result.results:
        if inner.outcome is decisive:
            yield from carries(inner)


def _left_open_by(result: Result) -> Iterator[Reason]:
    """Why it is UNKNOWN."""
    if isinstance(result, Finding):
        yield result.reason
        return
    for inner in result.results:
        if inner.outcome is Outcome.UNKNOWN:
            yield from _left_open_by(inner)


def _excluded(child: Node, result: Result) -> Reason:
    if isinstance(result, Combined):
        return Reason(ReasonCode.EXCLUDED, child.field, "conditions that are ruled out hold")
    return Reason(ReasonCode.EXCLUDED, child.field, f"{result.reason.message}, and that is ruled out")
