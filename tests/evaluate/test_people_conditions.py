"""Conditions on who the user is and on who the manager is; and who is denied before any condition."""

import pytest

from evaluate.asking import ABSENT, ADA, BOB, EVE, ask, human, outcome_and_code
from evaluate.world import Human, Rule, Test, World, attribute, manager, none_of, user

YES, NO, OPEN = "SATISFIED", "NOT_SATISFIED", "UNKNOWN"
BOSS = "BOB@contoso.example"

WORLD = World(
    users={
        ADA: human("ada", manager=BOB, mail="ada.l@home.example", proxyAddresses=["smtp:alias@home.example"]),
        BOB: human("bob", manager=ABSENT, otherMails=["robert@home.example"], accountEnabled=False),
        EVE: human("eve", otherMails=["eve@home.example"]),
    }
)


def without(*attributes: str) -> World:
    """The same with less of it synced."""
    return World(WORLD.users, attributes=WORLD.attributes - set(attributes))


@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        (user("IS", ADA), YES),
        (user("IS", ADA.upper()), YES),
        (user("IS", "ADA@contoso.example"), YES),
        (user("IS", "ada.L@home.example"), YES),
        (user("IS", "alias@home.example"), YES),
        (user("IS", BOB, "alias@home.example"), YES),
        (user("IS", "ada"), NO),
        (user("IS", BOB), NO),
        (user("IS_NOT", "alias@home.example"), NO),
        (user("IS_NOT", BOB, BOSS), YES),
        (user("CONTAINS", "@HOME."), YES),
        (user("CONTAINS", "aaaaaaaa"), YES),
        (user("DOES_NOT_CONTAIN", "@home."), NO),
        (user("DOES_NOT_CONTAIN", "@fabrikam."), YES),
        (user("STARTS_WITH", "alias@"), YES),
        (user("STARTS_WITH", "home"), NO),
        (user("IS_SET"), YES),
    ],
)
def test_a_user_condition_compares_every_name(rule: Test, outcome: str) -> None:
    """Object id, sign-in name and all mail addresses."""
    code = "USER_MATCHED" if outcome == YES else "USER_NOT_MATCHED"
    assert outcome_and_code(WORLD, rule) == (outcome, code)


@pytest.mark.parametrize("missing", ["otherMails", "proxyAddresses"])
def test_mail_addresses_that_are_not_synced_leave_names_open(missing: str) -> None:
    """Nobody gets past an exclusion by an alias that was not read; object ids need no alias."""
    world = without(missing)
    assert outcome_and_code(world, user("IS_NOT", "other@home.example")) == (OPEN, "ATTRIBUTE_NOT_SYNCED")
    assert outcome_and_code(world, user("DOES_NOT_CONTAIN", "other")) == (OPEN, "ATTRIBUTE_NOT_SYNCED")
    assert outcome_and_code(world, user("IS_NOT", BOB)) == (YES, "USER_MATCHED")
    assert outcome_and_code(world, user("IS_NOT", ADA, "other@home.example")) == (NO, "USER_NOT_MATCHED")
    assert outcome_and_code(world, user("IS", "ada@contoso.example")) == (YES, "USER_MATCHED")
    assert outcome_and_code(world, manager("IS_NOT", "other@home.example")) == (OPEN, "ATTRIBUTE_NOT_SYNCED")


@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        (manager("IS", BOB), YES),
        (manager("IS", BOSS), YES),
        (manager("IS", "Robert@home.example"), YES),
        (manager("IS", ADA, BOSS), YES),
        (manager("IS", ADA), NO),
        (manager("IS_NOT", BOSS), NO),
        (manager("IS_NOT", ADA, "eve@contoso.example"), YES),
        (manager("CONTAINS", "robert"), YES),
        (manager("DOES_NOT_CONTAIN", "robert"), NO),
        (manager("STARTS_WITH", "bob@"), YES),
        (manager("IS_SET"), YES),
    ],
)
def test_a_manager_compares_as_a_user_does(rule: Test, outcome: str) -> None:
    """By every name, and whether or not the manager's account is enabled."""
    code = "MANAGER_MATCHED" if outcome == YES else "MANAGER_NOT_MATCHED"
    assert outcome_and_code(WORLD, rule) == (outcome, code)


@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        (manager("IS", BOB), NO),
        (manager("CONTAINS", "b"), NO),
        (manager("STARTS_WITH", "b"), NO),
        (manager("IS_SET"), NO),
        (manager("IS_NOT", BOB), YES),
        (manager("DOES_NOT_CONTAIN", "b"), YES),
    ],
)
def test_without_a_manager_it_is_as_with_an_empty_attribute(rule: Test, outcome: str) -> None:
    """Nobody manages Eve, and that is known."""
    code = "MANAGER_MATCHED" if outcome == YES else "MANAGER_NOT_MATCHED"
    assert outcome_and_code(WORLD, rule, EVE) == (outcome, code)


@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        (manager("IS", ABSENT), YES),
        (manager("IS", ABSENT.upper()), YES),
        (manager("IS", EVE), NO),
        (manager("IS", "eve@contoso.example"), OPEN),
        (manager("IS", "eve@contoso.example", ABSENT), YES),
        (manager("IS", "eve@contoso.example", EVE), OPEN),
        (manager("IS_NOT", ABSENT), NO),
        (manager("IS_NOT", EVE), YES),
        (manager("IS_NOT", "eve@contoso.example"), OPEN),
        (manager("IS_NOT", "eve@contoso.example", ABSENT), NO),
        (manager("CONTAINS", "dddd"), YES),
        (manager("CONTAINS", "eve"), OPEN),
        (manager("DOES_NOT_CONTAIN", "eve"), OPEN),
        (manager("DOES_NOT_CONTAIN", "dddd"), NO),
        (manager("STARTS_WITH", "eve"), OPEN),
        (manager("IS_SET"), YES),
    ],
)
def test_a_manager_who_is_not_synced_is_known_by_id_alone(rule: Test, outcome: str) -> None:
    """What a name would settle stays open; an id settles it."""
    world = World({EVE: human("eve", manager=ABSENT)})
    assert outcome_and_code(world, rule, EVE)[0] == outcome


@pytest.mark.parametrize(
    "rule", [manager("IS", BOB), manager("IS_NOT", BOB), manager("IS_SET"), none_of(manager("IS_SET"))]
)
def test_managers_that_are_not_synced_are_unknown(rule: Rule) -> None:
    """No manager in the data does not mean that there is none."""
    assert outcome_and_code(without("manager"), rule) == (OPEN, "ATTRIBUTE_NOT_SYNCED")


ALWAYS = user("IS_SET")


@pytest.mark.parametrize(
    ("users", "asked", "code"),
    [
        ({}, ADA, "USER_NOT_FOUND"),
        ({BOB: human("bob")}, "ada@contoso.example", "USER_NOT_FOUND"),
        ({ADA: human("ada", accountEnabled=False)}, ADA, "USER_DISABLED"),
        ({ADA: Human({"userPrincipalName": "ada@contoso.example"})}, ADA, "USER_DISABLED"),
        ({ADA: human("ada"), BOB: human("ADA")}, "ada@contoso.example", "USER_AMBIGUOUS"),
        (
            {ADA: human("ada", accountEnabled=False), BOB: human("bob", mail="ada@contoso.example")},
            "ada@contoso.example",
            "USER_DISABLED",
        ),
    ],
)
def test_who_is_denied_before_any_condition_is_looked_at(users: dict[str, Human], asked: str, code: str) -> None:
    """Unknown, ambiguous and disabled users are denied what everybody would get, and no condition was evaluated."""
    decision = ask(World(users), none_of(attribute("department", "IS", "x")), asked)
    assert not decision.is_allowed
    assert not ask(World(users), ALWAYS, asked).is_allowed
    assert [(reason.code.name, reason.field) for reason in decision.reasons] == [(code, "")]
    assert decision.user_id == (ADA if code == "USER_DISABLED" else None)
    assert decision.trace is not None
    assert decision.trace.outcome is None
    assert [child.outcome for child in decision.trace.children] == [None]


def test_a_name_that_now_belongs_to_another_id_inherits_nothing() -> None:
    """The new Ada has the sign-in name of the old one, and none of what was given to the old one by id."""
    world = World({EVE: human("ada")})
    assert not ask(world, user("IS", ADA), "ada@contoso.example").is_allowed
    assert ask(world, user("IS", EVE), "ada@contoso.example").user_id == EVE
