"""From the results of a condition to the reasons of an answer: what carried it, or what stood in its way.

Each function looks at one question about a result and asks the same or the opposite one of the results inside it. They
add to one list, which is quicker than generators inside of generators.
"""

from collections.abc import Sequence
from typing import Final

from entraid_service.evaluate.result import Combined, Finding, Node, Result
from entraid_service.model.conditions import Combinator
from entraid_service.model.decision import Outcome, Reason, ReasonCode

_NOT_SATISFIED: Final = Outcome.NOT_SATISFIED
_UNKNOWN: Final = Outcome.UNKNOWN
_SATISFIED: Final = Outcome.SATISFIED
_ANY_OF: Final = Combinator.ANY_OF
_NONE_OF: Final = Combinator.NONE_OF


def carried_by(result: Result) -> Sequence[Reason]:
    """Why it is SATISFIED."""
    if isinstance(result, Finding):
        return (result.reason,)
    reasons: list[Reason] = []
    _add_carriers(result, reasons)
    return reasons


def in_the_way_of(result: Result) -> Sequence[Reason]:
    """Why it is not SATISFIED."""
    if isinstance(result, Finding):
        return (result.reason,)
    reasons: list[Reason] = []
    _add_obstacles(result, reasons)
    return reasons


def _add_carriers(result: Result, reasons: list[Reason]) -> None:
    if isinstance(result, Finding):
        reasons.append(result.reason)
        return
    combinator = result.node.combinator
    if combinator is _ANY_OF:
        _add_carriers(result.results[-1], reasons)  # the first that held, and the last that was looked at
        return
    add = _add_refuters if combinator is _NONE_OF else _add_carriers
    for inner in result.results:
        add(inner, reasons)


def _add_obstacles(result: Result, reasons: list[Reason]) -> None:
    if isinstance(result, Finding):
        reasons.append(result.reason)
        return
    if result.node.combinator is _NONE_OF:
        _add_exclusions(result, reasons)
        return
    for inner in result.results:
        if inner.outcome is not _SATISFIED:
            _add_obstacles(inner, reasons)


def _add_exclusions(result: Combined, reasons: list[Reason]) -> None:
    for child, inner in zip(result.node.children, result.results, strict=True):
        if inner.outcome is _SATISFIED:
            reasons.append(_excluded(child, inner))
        elif inner.outcome is _UNKNOWN:
            _add_open_ends(inner, reasons)


def _add_refuters(result: Result, reasons: list[Reason]) -> None:
    """Why it is NOT_SATISFIED, where that is what carries an answer."""
    if isinstance(result, Finding):
        reasons.append(result.reason)
        return
    is_exclusion = result.node.combinator is _NONE_OF
    add = _add_carriers if is_exclusion else _add_refuters
    decisive = _SATISFIED if is_exclusion else _NOT_SATISFIED
    for inner in result.results:
        if inner.outcome is decisive:
            add(inner, reasons)


def _add_open_ends(result: Result, reasons: list[Reason]) -> None:
    """Why it is UNKNOWN."""
    if isinstance(result, Finding):
        reasons.append(result.reason)
        return
    for inner in result.results:
        if inner.outcome is _UNKNOWN:
            _add_open_ends(inner, reasons)


def _excluded(child: Node, result: Result) -> Reason:
    if isinstance(result, Combined):
        return Reason(ReasonCode.EXCLUDED, child.field, "conditions that are ruled out hold")
    return Reason(ReasonCode.EXCLUDED, child.field, f"{result.reason.message}, and that is ruled out")
