"""The service's decisions against those of a second evaluator that shares no code with it."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from entraid_service.evaluate import compile_condition, decide
from entraid_service.model.conditions import Combination, Condition
from entraid_service.model.decision import Trace
from evaluate.effort import examples, seconds
from evaluate.oracle import allows, is_in, outcome, who
from evaluate.world import Human, Joined, Rule, Test, World, condition, guid
from evaluate.worlds import questions

settings.register_profile("oracle", deadline=None, suppress_health_check=[HealthCheck.too_slow])
ORACLE = settings(settings.get_profile("oracle"), max_examples=examples(1000))


def nodes(trace: Trace, rule: Rule) -> Iterator[tuple[Trace, Rule]]:
    """Every condition with what the service says came out of it."""
    yield trace, rule
    if isinstance(rule, Joined):
        for child, part in zip(trace.children, rule.rules, strict=True):
            yield from nodes(child, part)


def paths(tree: Condition) -> Iterator[str]:
    """Every field path that a reason may name."""
    yield tree.field
    if isinstance(tree, Combination):
        for child in tree.conditions:
            yield from paths(child)


@pytest.mark.timeout(seconds(180))
@given(question=questions())
@ORACLE
def test_every_decision_and_every_outcome_is_the_oracles(question: tuple[World, Rule, str]) -> None:
    """Decision, the outcome of each condition looked at, and the paths of memberships agree with the rules."""
    world, rule, asked = question
    tree = condition(rule)
    decision = decide(world.directory().snapshot(), compile_condition(tree), asked, explain=True)
    found = who(world, asked)

    assert decision.is_allowed == allows(world, rule, asked)
    assert decision.reasons
    assert {reason.field for reason in decision.reasons} <= {"", *paths(tree)}
    assert decision.trace is not None
    for trace, part in nodes(decision.trace, rule):
        if trace.outcome is not None:
            assert found is not None
            assert trace.outcome == outcome(world, part, found)
            if isinstance(part, Test) and part.what == "group":
                check_path(world, part, trace, found)


def check_path(world: World, part: Test, trace: Trace, user: str) -> None:
    """A path belongs to a satisfied positive test, starts at a group of the user's, and goes from edge to edge."""
    path = trace.group_path
    assert bool(path) == (trace.outcome == 2 and part.operator not in ("IS_NOT", "DOES_NOT_CONTAIN"))
    if not path:
        return
    assert (path[0], user) in world.members
    assert all(edge in world.nesting for edge in zip(path[1:], path, strict=False))
    assert len(set(path)) == len(path)
    assert is_in(world, path[-1], user, direct_only=part.direct_only) == 2
    assert len(path) == 1 or not part.direct_only


@given(question=questions())
@settings(ORACLE, max_examples=100)
def test_explaining_changes_nothing(question: tuple[World, Rule, str]) -> None:
    """With and without a trace, warm and cold, the answer is the same."""
    world, rule, asked = question
    compiled = compile_condition(condition(rule))
    snapshot = world.directory().snapshot()
    cold = decide(snapshot, compiled, asked)
    warm = decide(snapshot, compiled, asked)
    explained = decide(world.directory().snapshot(), compiled, asked, explain=True)
    assert cold == warm
    assert cold.trace is None
    assert (cold.is_allowed, cold.reasons, cold.user_id) == (explained.is_allowed, explained.reasons, explained.user_id)


def test_a_compiled_condition_answers_for_each_tenant_by_its_own_groups() -> None:
    """What a condition looked up in one tenant's groups is not used for another tenant."""
    group, user = guid("b", 0), guid("a", 0)
    rule = Test("group", "IS", ("Finance",))
    human = next(iter(_enabled(user).values()))
    inside = World({user: human}, groups={group: "Finance"}, members=frozenset({(group, user)}))
    outside = World({user: human}, groups={group: "Finance"})
    compiled = compile_condition(condition(rule))
    snapshots = [inside.directory().snapshot(), outside.directory().snapshot()]
    assert [decide(snapshot, compiled, user).is_allowed for snapshot in snapshots * 2] == [True, False] * 2


def _enabled(user: str) -> dict[str, Human]:
    return {user: Human({"accountEnabled": True})}
