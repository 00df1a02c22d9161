"""Conditions joined in three-valued logic, and the reasons that an answer names."""

import itertools

import pytest

from entraid_service.evaluate import compile_condition
from entraid_service.model.conditions import AttributeCondition, Combination, Combinator, Condition, Operator
from evaluate.asking import ADA, ask, human
from evaluate.world import Rule, Test, World, all_of, any_of, attribute, group, guid, none_of

GROUP = guid("b", 1)
WORLD = World({ADA: human("ada", department="Finance")}, groups={GROUP: "Finance"}, members=frozenset({(GROUP, ADA)}))
NO, OPEN, YES = (
    attribute("department", "IS", "x"),
    attribute("nothing", "IS", "x"),
    attribute("department", "IS", "finance"),
)
LEAVES = (NO, OPEN, YES)


def outcome(rule: Rule) -> int:
    """How a rule comes out for Ada."""
    trace = ask(WORLD, rule).trace
    assert trace is not None
    assert trace.outcome is not None
    return trace.outcome


def reasons(rule: Rule) -> list[tuple[str, str]]:
    """Code and path of each reason, without the `condition.` that all paths begin with."""
    return [(reason.code.name, reason.field.removeprefix("condition.")) for reason in ask(WORLD, rule).reasons]


@pytest.mark.parametrize("parts", list(itertools.product(range(3), repeat=3)))
def test_joined_conditions_follow_kleene(parts: tuple[int, ...]) -> None:
    """All of is the least, any of the greatest, none of the opposite of the greatest, in every order."""
    leaves = [LEAVES[part] for part in parts]
    assert outcome(all_of(*leaves)) == min(parts)
    assert outcome(any_of(*leaves)) == max(parts)
    assert outcome(none_of(*leaves)) == 2 - max(parts)
    assert outcome(none_of(none_of(*leaves))) == max(parts)


@pytest.mark.parametrize("leaf", LEAVES)
def test_only_what_is_satisfied_allows(leaf: Test) -> None:
    """What nobody can tell denies, as a condition and as an exclusion."""
    assert ask(WORLD, leaf).is_allowed == (leaf is YES)
    assert ask(WORLD, none_of(leaf)).is_allowed == (leaf is NO)


MATCHED, NOT_MATCHED, NOT_SYNCED = "ATTRIBUTE_MATCHED", "ATTRIBUTE_NOT_MATCHED", "ATTRIBUTE_NOT_SYNCED"
FIRST, SECOND, THIRD = (f"conditions[{index}]" for index in range(3))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        # allowed: what carried it
        (YES, [(MATCHED, "attribute")]),
        (
            all_of(YES, group("IS", "Finance")),
            [(MATCHED, f"all_of.{FIRST}.attribute"), ("GROUP_MEMBER", f"all_of.{SECOND}.group")],
        ),
        (any_of(NO, YES, group("IS", "Finance")), [(MATCHED, f"any_of.{SECOND}.attribute")]),
        (none_of(NO, NO), [(NOT_MATCHED, f"none_of.{FIRST}.attribute"), (NOT_MATCHED, f"none_of.{SECOND}.attribute")]),
        (none_of(all_of(OPEN, NO)), [(NOT_MATCHED, f"none_of.{FIRST}.all_of.{SECOND}.attribute")]),
        (
            none_of(any_of(NO, NO)),
            [
                (NOT_MATCHED, f"none_of.{FIRST}.any_of.{FIRST}.attribute"),
                (NOT_MATCHED, f"none_of.{FIRST}.any_of.{SECOND}.attribute"),
            ],
        ),
        (none_of(none_of(YES, OPEN)), [(MATCHED, f"none_of.{FIRST}.none_of.{FIRST}.attribute")]),
        # denied: everything that stood in the way, and nothing else
        (NO, [(NOT_MATCHED, "attribute")]),
        (OPEN, [(NOT_SYNCED, "attribute")]),
        (
            all_of(NO, YES, OPEN),
            [(NOT_MATCHED, f"all_of.{FIRST}.attribute"), (NOT_SYNCED, f"all_of.{THIRD}.attribute")],
        ),
        (any_of(OPEN, NO), [(NOT_SYNCED, f"any_of.{FIRST}.attribute"), (NOT_MATCHED, f"any_of.{SECOND}.attribute")]),
        (
            none_of(YES, NO, OPEN),
            [("EXCLUDED", f"none_of.{FIRST}.attribute"), (NOT_SYNCED, f"none_of.{THIRD}.attribute")],
        ),
        (none_of(all_of(YES, YES)), [("EXCLUDED", f"none_of.{FIRST}.all_of")]),
        (none_of(all_of(YES, OPEN)), [(NOT_SYNCED, f"none_of.{FIRST}.all_of.{SECOND}.attribute")]),
        (none_of(any_of(NO, OPEN)), [(NOT_SYNCED, f"none_of.{FIRST}.any_of.{SECOND}.attribute")]),
        (none_of(none_of(NO)), [("EXCLUDED", f"none_of.{FIRST}.none_of")]),
        (
            all_of(any_of(NO, NO), none_of(YES)),
            [
                (NOT_MATCHED, f"all_of.{FIRST}.any_of.{FIRST}.attribute"),
                (NOT_MATCHED, f"all_of.{FIRST}.any_of.{SECOND}.attribute"),
                ("EXCLUDED", f"all_of.{SECOND}.none_of.{FIRST}.attribute"),
            ],
        ),
    ],
)
def test_reasons(rule: Rule, expected: list[tuple[str, str]]) -> None:
    """Codes and field paths, in the order of the request."""
    assert reasons(rule) == expected


def test_the_trace_has_the_shape_of_the_condition_and_marks_what_was_not_looked_at() -> None:
    """Behind the first that holds nothing of an any of is evaluated; its whole subtree says so."""
    trace = ask(WORLD, any_of(NO, YES, all_of(YES, none_of(NO)))).trace
    assert trace is not None
    assert trace.code is None
    assert [child.outcome for child in trace.children] == [0, 2, None]
    assert [child.code.name if child.code else None for child in trace.children] == [NOT_MATCHED, MATCHED, None]
    (first, second) = trace.children[2].children
    assert (first.outcome, second.outcome, second.children[0].outcome) == (None, None, None)
    assert (
        second.children[0].field
        == "condition.any_of.conditions[2].all_of.conditions[1].none_of.conditions[0].attribute"
    )


def test_an_exclusion_names_what_is_excluded_but_no_value() -> None:
    """The message of a satisfied condition under none of says which, and what follows from it."""
    (reason,) = ask(WORLD, none_of(group("IS", "FINANCE"))).reasons
    assert reason.message == "the user is in the group `Finance`, and that is ruled out"


@pytest.mark.parametrize(
    "broken",
    [
        Combination("condition.all_of", Combinator.ALL_OF, ()),
        Combination("condition.none_of", Combinator.NONE_OF, ()),
        AttributeCondition("condition.attribute", "department", Operator.IS_NOT, ()),
        AttributeCondition("condition.attribute", "department", Operator.IS_SET, ("x",)),
    ],
)
def test_an_empty_list_is_refused_because_it_would_allow_everybody(broken: Condition) -> None:
    """Whoever takes conditions in has to check; if it was forgotten, nothing is decided."""
    with pytest.raises(ValueError, match="`condition"):
        compile_condition(broken)


def test_a_tree_of_a_hundred_thousand_levels_does_not_exhaust_the_stack() -> None:
    """It is refused as any other that is too deep."""
    tree: Condition = AttributeCondition("leaf", "department", Operator.IS, ("x",))
    for _ in range(100_000):
        tree = Combination("deep", Combinator.NONE_OF, (tree,))
    with pytest.raises(ValueError, match="nested deeper than"):
        compile_condition(tree)
    while isinstance(tree, Combination):  # taken apart by hand: freeing it in one go would recurse as deep
        tree = tree.conditions[0]
