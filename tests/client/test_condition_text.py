"""Conditions as people type them."""

from __future__ import annotations

import pytest

from entraid_client.commands.condition_text import ConditionOptions, attribute_condition, combine, json_condition
from entraid_client.conditions import (
    CONTAINS,
    DOES_NOT_CONTAIN,
    IS_NOT,
    IS_SET,
    STARTS_WITH,
    all_of,
    any_of,
    attribute,
    group,
    manager,
    none_of,
    user,
)
from entraid_client.show.decision import condition_at, describe


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("department=Sales", attribute("department", "Sales")),
        ("department!=Sales", attribute("department", "Sales", operator=IS_NOT)),
        ("jobTitle~engineer", attribute("jobTitle", "engineer", operator=CONTAINS)),
        ("jobTitle!~intern", attribute("jobTitle", "intern", operator=DOES_NOT_CONTAIN)),
        ("city^New ", attribute("city", "New ", operator=STARTS_WITH)),
        ("employeeId", attribute("employeeId", operator=IS_SET)),
        ("a=b=c", attribute("a", "b=c")),
        ("a==", attribute("a", "=")),
        ("a=", attribute("a", "")),
        ("a=line\nbreak", attribute("a", "line\nbreak")),
        (
            "onPremisesExtensionAttributes.extensionAttribute1=x",
            attribute("onPremisesExtensionAttributes.extensionAttribute1", "x"),
        ),
    ],
)
def test_an_attribute_reads_as_it_is_written(text: str, expected: object) -> None:
    """Each sign is one operator; what follows the first one is the value, whole."""
    assert attribute_condition(text) == expected


@pytest.mark.parametrize("text", ["", "=Sales", "department Sales", "department>5", "1st=x", "a!b"])
def test_an_attribute_that_cannot_be_read_is_refused(text: str) -> None:
    """It is not taken for the name of an attribute that is not set anywhere."""
    with pytest.raises(ValueError, match="no condition on an attribute"):
        attribute_condition(text)


def test_every_option_adds_its_condition() -> None:
    """Repeating an option adds another condition, it does not widen the first."""
    options = ConditionOptions(
        group=("A", "B"),
        not_group=("C",),
        group_contains=("D",),
        group_starts_with=("E",),
        attribute=("x=1",),
        is_user=("u",),
        manager=("m",),
        not_manager=("n",),
        direct_only=True,
    )
    assert list(options.conditions()) == [
        group("A", direct_only=True),
        group("B", direct_only=True),
        group("C", operator=IS_NOT, direct_only=True),
        group("D", operator=CONTAINS, direct_only=True),
        group("E", operator=STARTS_WITH, direct_only=True),
        attribute("x", "1"),
        user("u"),
        manager("m"),
        manager("n", operator=IS_NOT),
    ]


def test_several_conditions_are_joined_and_one_is_left_alone() -> None:
    """All of them, or any of them."""
    a, b = group("A"), group("B")
    assert combine([a], is_any=False) == a
    assert combine([a, b], is_any=False) == all_of(a, b)
    assert combine([a, b], is_any=True) == any_of(a, b)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        "{}",
        "null",
        "7",
        '{"groups": {}}',
        '{"group": {"values": "A"}}',
        '{"group": {}, "user": {}}',
        "{" * 5000,
    ],
)
def test_json_that_is_no_condition_is_refused(text: str) -> None:
    """A misspelt field must not make a rule that holds of everybody."""
    with pytest.raises(ValueError, match="not valid"):
        json_condition(text)


def test_json_nested_beyond_reason_is_refused() -> None:
    """Without a crash."""
    text = '{"allOf":{"conditions":[' * 3000 + '{"user":{}}' + "]}}" * 3000
    with pytest.raises(ValueError, match="not valid"):
        json_condition(text)


def test_a_field_path_leads_to_its_condition() -> None:
    """The service's paths are read as it writes them; one that leads nowhere leads to nothing."""
    rule = all_of(group("A"), none_of(attribute("x", "1"), user("u")))
    at = "condition.all_of.conditions[1].none_of.conditions[0].attribute"
    assert condition_at(rule, at) == attribute("x", "1")
    assert condition_at(rule, "condition.all_of.conditions[0].group") == group("A")
    assert condition_at(rule, "condition") == rule
    assert condition_at(rule, "condition.all_of.conditions[7].group") is None
    assert condition_at(rule, "condition.any_of.conditions[0].group") is None


def test_conditions_are_described_in_words() -> None:
    """As a person would say them."""
    assert describe(group("A", "B", operator=CONTAINS)) == "group contains A or B"
    assert describe(attribute("x", operator=IS_SET)) == "x is set"
    assert describe(none_of(user("u"))) == "none of"
