"""A compiled condition that is asked about many people, tenants and revisions: what it keeps changes no answer."""

from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entraid_service.evaluate import compile_condition, decide
from entraid_service.evaluate.joints import AllOf, AnyOf, NoneOf
from entraid_service.evaluate.result import Kept, Node
from entraid_service.model.decision import Outcome
from evaluate.asking import ADA, BOB, human
from evaluate.oracle import allows
from evaluate.test_against_oracle import ORACLE
from evaluate.world import Rule, World, all_of, any_of, attribute, condition, guid, none_of
from evaluate.worlds import rules, worlds

FINANCE, SALES = human("ada", department="Finance"), human("bob", department="Sales")


@st.composite
def two_worlds(draw: st.DrawFn) -> tuple[World, World, Rule]:
    """Two tenants, or one tenant before and after, and a rule that has to do with the first."""
    first, second = draw(worlds()), draw(worlds())
    return first, second, draw(rules(first))


@given(question=two_worlds())
@settings(ORACLE, max_examples=300)
def test_everybody_gets_the_answer_of_a_condition_that_was_never_asked(question: tuple[World, World, Rule]) -> None:
    """In two tenants in turns, twice, so that each answer can come from what the ones before it left behind."""
    *both, rule = question
    used = compile_condition(condition(rule))
    for world in both * 2:
        snapshot = world.directory().snapshot()
        for user in world.users:
            answer = decide(snapshot, used, user)
            assert answer.is_allowed == allows(world, rule, user)
            assert answer == decide(snapshot, compile_condition(condition(rule)), user)


def in_department(*names: str) -> Node:
    """One leaf."""
    return compile_condition(condition(attribute("department", "IS", *names)))


@pytest.mark.parametrize("order", list(product((AllOf, AnyOf, NoneOf), repeat=3)))
def test_what_one_joint_made_of_results_is_not_taken_by_another(
    order: tuple[type[AllOf | AnyOf | NoneOf], ...],
) -> None:
    """Not even if they join the very same conditions and share the room for what is kept."""
    children, kept = (in_department("x"), in_department("Finance")), Kept()
    snapshot = World({ADA: FINANCE}).directory().snapshot()
    person = snapshot.find(ADA)
    expected = {AllOf: Outcome.NOT_SATISFIED, AnyOf: Outcome.SATISFIED, NoneOf: Outcome.NOT_SATISFIED}
    joints = [(kind, kind("condition", children, kept)) for kind in order]
    for _ in range(2):
        for kind, joint in joints:
            result = joint.test(snapshot, person)  # type: ignore[arg-type] # Ada is there
            assert result.outcome is expected[kind]
            assert result.node is joint


def test_people_of_whom_a_condition_comes_out_the_same_are_told_the_same() -> None:
    """The reasons are worked out once."""
    world = World({ADA: FINANCE, guid("a", 5): human("eva", department="Finance"), BOB: SALES})
    snapshot = world.directory().snapshot()
    compiled = compile_condition(condition(all_of(attribute("department", "IS", "finance"))))
    ada, eva, bob = (decide(snapshot, compiled, user).reasons for user in (ADA, guid("a", 5), BOB))
    assert ada is eva
    assert ada != bob


def trees() -> Iterator[tuple[str, Rule]]:
    """Conditions that come out in very many ways."""
    flags = [attribute(f"extension_{number}", "IS", "yes") for number in range(12)]
    yield "many ways", none_of(*(any_of(*pair) for pair in zip(flags[:8:2], flags[1:8:2], strict=True)))
    yield "wide", all_of(*flags)


@pytest.mark.parametrize("rule", [rule for _, rule in trees()], ids=[name for name, _ in trees()])
def test_what_is_kept_is_bounded(rule: Rule) -> None:
    """However many ways there are: a caller's conditions must not fill the memory."""
    names = [f"extension_{number}" for number in range(12)]
    people = {
        guid("a", number): human(
            f"p{number}", **dict.fromkeys([n for b, n in enumerate(names) if number >> b & 1], "yes")
        )
        for number in range(256)
    }
    snapshot = World(people, attributes=frozenset(names)).directory().snapshot()
    compiled = compile_condition(condition(rule))
    assert isinstance(compiled, AllOf | NoneOf)
    largest = 0
    for user in people:
        decide(snapshot, compiled, user)
        largest = max(largest, len(compiled._kept))
    assert largest <= 32
    assert (largest == 0) is (len(compiled.children) > 8)
