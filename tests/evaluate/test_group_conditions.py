"""Conditions on groups, one row for each thing that the rules say."""

import itertools

import pytest

from evaluate.asking import ABSENT, ADA, BOB, ask, human, outcome_and_code
from evaluate.world import Test, World, group, guid

ENGINEERS, BERLIN, EVERYBODY, TWIN_1, TWIN_2, HIDDEN, OVER_HIDDEN, TORN, NAMELESS = (guid("b", n) for n in range(1, 10))
GONE = guid("c", 1)

GROUPS = {
    ENGINEERS: "Engineers",
    BERLIN: "Berlin Straße",
    EVERYBODY: "All of Contoso",
    TWIN_1: "Twins",
    TWIN_2: "twins",
    HIDDEN: "Hidden board",
    OVER_HIDDEN: "Over the board",
    TORN: "Torn",
    NAMELESS: "",
}

YES, NO, OPEN = "SATISFIED", "NOT_SATISFIED", "UNKNOWN"
IN, OUT = "GROUP_MEMBER", "NOT_GROUP_MEMBER"
UNSYNCED, TWINS = "GROUP_NOT_SYNCED", "GROUP_NAME_AMBIGUOUS"


def contoso(**changes: object) -> World:
    """Ada is in Engineers, which is in Everybody, which is in Engineers."""
    world = World(
        users={ADA: human("ada"), BOB: human("bob")},
        groups={key: GROUPS[key] for key in (ENGINEERS, BERLIN, EVERYBODY, TWIN_1, TWIN_2, NAMELESS)},
        members=frozenset({(ENGINEERS, ADA), (TWIN_1, ADA)}),
        nesting=frozenset({(EVERYBODY, ENGINEERS), (ENGINEERS, EVERYBODY)}),
    )
    for name, value in changes.items():
        object.__setattr__(world, name, value)
    return world


WITH_HIDDEN = {
    "groups": {ENGINEERS: "Engineers", HIDDEN: "Hidden board", OVER_HIDDEN: "Over the board"},
    "opaque": frozenset({HIDDEN}),
    "nesting": frozenset({(OVER_HIDDEN, HIDDEN)}),
    "members": frozenset({(ENGINEERS, ADA), (OVER_HIDDEN, BOB)}),
}
WITH_GONE = {
    "groups": {ENGINEERS: "Engineers", TORN: "Torn"},
    "nesting": frozenset({(TORN, GONE)}),
    "members": frozenset({(ENGINEERS, ADA), (GONE, BOB)}),
}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        # by object id and by name, whatever the case
        (group("IS", ENGINEERS), (YES, IN)),
        (group("IS", ENGINEERS.upper()), (YES, IN)),
        (group("IS", "Engineers"), (YES, IN)),
        (group("IS", "eNGINEERS"), (YES, IN)),
        (group("IS", "Engineer"), (NO, OUT)),
        (group("IS", "BERLIN STRASSE"), (NO, OUT)),
        (group("IS_NOT", ENGINEERS), (NO, IN)),
        (group("IS_NOT", "berlin strasse"), (YES, OUT)),
        # transitive, unless told otherwise
        (group("IS", "All of Contoso"), (YES, IN)),
        (group("IS", "All of Contoso", direct_only=True), (NO, OUT)),
        (group("IS_NOT", EVERYBODY), (NO, IN)),
        (group("IS_NOT", EVERYBODY, direct_only=True), (YES, OUT)),
        # several values: one is enough to be in, and enough to be excluded
        (group("IS", "Berlin Straße", "Engineers"), (YES, IN)),
        (group("IS_NOT", "Berlin Straße", "Engineers"), (NO, IN)),
        (group("IS_NOT", "Berlin Straße", "Nobody"), (YES, OUT)),
        # a name that several groups carry means none of them, though Ada is in one
        (group("IS", "twins"), (OPEN, TWINS)),
        (group("IS_NOT", "Twins"), (OPEN, TWINS)),
        (group("IS", TWIN_1), (YES, IN)),
        (group("IS_NOT", TWIN_2), (YES, OUT)),
        (group("IS", "twins", "Engineers"), (YES, IN)),
        (group("IS_NOT", "twins", "Engineers"), (NO, IN)),
        (group("IS_NOT", "twins", "Berlin Straße"), (OPEN, TWINS)),
        # no such group in a directory that is known as a whole
        (group("IS", "Nobody"), (NO, OUT)),
        (group("IS_NOT", "Nobody"), (YES, OUT)),
        (group("IS", GONE), (NO, OUT)),
        (group("IS_NOT", GONE), (YES, OUT)),
        # patterns read the names of all groups that she is in
        (group("CONTAINS", "GINEER"), (YES, IN)),
        (group("CONTAINS", "contoso"), (YES, IN)),
        (group("CONTAINS", "contoso", direct_only=True), (NO, OUT)),
        (group("CONTAINS", "berlin"), (NO, OUT)),
        (group("CONTAINS", "twin"), (YES, IN)),
        (group("CONTAINS", "berlin", "all"), (YES, IN)),
        (group("DOES_NOT_CONTAIN", "berlin"), (YES, OUT)),
        (group("DOES_NOT_CONTAIN", "contoso"), (NO, IN)),
        (group("DOES_NOT_CONTAIN", "contoso", direct_only=True), (YES, OUT)),
        (group("STARTS_WITH", "all OF"), (YES, IN)),
        (group("STARTS_WITH", "gineers"), (NO, OUT)),
        (group("IS_SET"), (YES, IN)),
        (group("IS_SET", direct_only=True), (YES, IN)),
    ],
)
def test_groups_of_a_whole_directory(rule: Test, expected: tuple[str, str]) -> None:
    """Everything is known, so only a name that several groups carry leaves a question open."""
    assert outcome_and_code(contoso(), rule) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (group("IS", "Engineers"), (NO, OUT)),
        (group("IS_NOT", "Engineers"), (YES, OUT)),
        (group("CONTAINS", "e"), (NO, OUT)),
        (group("DOES_NOT_CONTAIN", "e"), (YES, OUT)),
        (group("IS_SET"), (NO, OUT)),
        (group("IS_SET", direct_only=True), (NO, OUT)),
    ],
)
def test_a_user_in_no_group_at_all(rule: Test, expected: tuple[str, str]) -> None:
    """What is known to be empty fails what asks for something, and holds for what rules something out."""
    assert outcome_and_code(contoso(), rule, BOB) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (group("IS", "Engineers"), (YES, IN)),
        (group("IS_NOT", "Engineers"), (NO, IN)),
        (group("IS", "Berlin Straße"), (NO, OUT)),
        (group("IS_NOT", "Berlin Straße"), (YES, OUT)),
        (group("IS", "Elsewhere"), (OPEN, UNSYNCED)),
        (group("IS_NOT", "Elsewhere"), (OPEN, UNSYNCED)),
        (group("IS", GONE), (OPEN, UNSYNCED)),
        (group("IS_NOT", GONE), (OPEN, UNSYNCED)),
        (group("IS", "Elsewhere", "Engineers"), (YES, IN)),
        (group("IS_NOT", "Elsewhere", "Engineers"), (NO, IN)),
        (group("CONTAINS", "engin"), (YES, IN)),
        (group("CONTAINS", "else"), (OPEN, UNSYNCED)),
        (group("STARTS_WITH", "else"), (OPEN, UNSYNCED)),
        (group("DOES_NOT_CONTAIN", "engin"), (NO, IN)),
        (group("DOES_NOT_CONTAIN", "else"), (OPEN, UNSYNCED)),
        (group("IS_SET"), (YES, IN)),
    ],
)
def test_with_groups_to_sync_what_lies_outside_is_not_known(rule: Test, expected: tuple[str, str]) -> None:
    """A group that was never read neither lets anybody in nor lets anybody through an exclusion."""
    assert outcome_and_code(contoso(is_whole=False), rule) == expected


def test_with_groups_to_sync_nobody_is_known_to_be_in_no_group() -> None:
    """He may be in groups that were not read."""
    assert outcome_and_code(contoso(is_whole=False), group("IS_SET"), BOB) == (OPEN, UNSYNCED)


def test_an_entry_that_named_several_groups_leaves_its_name_ambiguous() -> None:
    """Though only one of the groups of that name was synced, by its id, the name still means several."""
    world = contoso(is_whole=False, ambiguous_entries=("ENGINEERS",))
    assert outcome_and_code(world, group("IS", "Engineers")) == (OPEN, TWINS)
    assert outcome_and_code(world, group("IS_NOT", "Engineers")) == (OPEN, TWINS)
    assert outcome_and_code(world, group("IS", ENGINEERS)) == (YES, IN)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (group("IS", HIDDEN), (OPEN, UNSYNCED)),
        (group("IS_NOT", "Hidden board"), (OPEN, UNSYNCED)),
        (group("IS", "Over the board"), (OPEN, UNSYNCED)),
        (group("IS_NOT", "Over the board"), (OPEN, UNSYNCED)),
        (group("IS", "Over the board", direct_only=True), (NO, OUT)),
        (group("IS_NOT", HIDDEN, direct_only=True), (OPEN, UNSYNCED)),
        (group("IS", HIDDEN, ENGINEERS), (YES, IN)),
        (group("CONTAINS", "board"), (OPEN, UNSYNCED)),
        (group("CONTAINS", "over"), (OPEN, UNSYNCED)),
        (group("CONTAINS", "over", direct_only=True), (NO, OUT)),
        (group("CONTAINS", "hidden", direct_only=True), (OPEN, UNSYNCED)),
        (group("DOES_NOT_CONTAIN", "board"), (OPEN, UNSYNCED)),
        (group("DOES_NOT_CONTAIN", "sales"), (YES, OUT)),
        (group("IS_SET"), (YES, IN)),
    ],
)
def test_a_hidden_membership_is_never_taken_as_empty(rule: Test, expected: tuple[str, str]) -> None:
    """Ada may be in the hidden group and in what holds it; neither an IS nor an exclusion may guess."""
    assert outcome_and_code(contoso(**WITH_HIDDEN), rule) == expected


def test_a_hidden_group_inside_does_not_unsettle_who_is_otherwise_in() -> None:
    """Bob is in the outer group by himself."""
    assert outcome_and_code(contoso(**WITH_HIDDEN), group("IS", OVER_HIDDEN), BOB) == (YES, IN)
    assert outcome_and_code(contoso(**WITH_HIDDEN), group("IS_NOT", OVER_HIDDEN), BOB) == (NO, IN)


def test_nobody_is_known_to_be_in_no_group_while_one_is_hidden() -> None:
    """Carol is in nothing that can be read."""
    world = contoso(**WITH_HIDDEN, users={ABSENT: human("carol")})
    assert outcome_and_code(world, group("IS_SET"), ABSENT) == (OPEN, UNSYNCED)
    assert outcome_and_code(world, group("IS_SET", direct_only=True), ABSENT) == (OPEN, UNSYNCED)


@pytest.mark.parametrize(
    ("asked", "rule", "expected"),
    [
        (ADA, group("IS", TORN), (OPEN, UNSYNCED)),
        (ADA, group("IS_NOT", TORN), (OPEN, UNSYNCED)),
        (ADA, group("IS", TORN, direct_only=True), (NO, OUT)),
        (ADA, group("IS", GONE), (OPEN, UNSYNCED)),
        (ADA, group("IS_NOT", GONE), (OPEN, UNSYNCED)),
        # Bob's edge to the group that was not synced proves nothing, in neither direction
        (BOB, group("IS", TORN), (OPEN, UNSYNCED)),
        (BOB, group("IS_NOT", TORN), (OPEN, UNSYNCED)),
        (BOB, group("CONTAINS", "engin"), (OPEN, UNSYNCED)),
        (BOB, group("DOES_NOT_CONTAIN", "engin"), (OPEN, UNSYNCED)),
        (BOB, group("IS_SET"), (OPEN, UNSYNCED)),
        (BOB, group("IS_SET", direct_only=True), (OPEN, UNSYNCED)),
        (BOB, group("IS_NOT", ENGINEERS), (YES, OUT)),
    ],
)
def test_a_nested_group_that_was_not_synced_leaves_the_outer_one_open(
    asked: str, rule: Test, expected: tuple[str, str]
) -> None:
    """A group made or deleted while the directory was read tears a hole, and nobody falls through it."""
    assert outcome_and_code(contoso(**WITH_GONE), rule, asked) == expected


def test_a_users_own_edge_to_a_group_that_nobody_synced_is_no_membership() -> None:
    """Asked for by its id, that group is unknown for him, not absent."""
    world = contoso(members=frozenset({(GONE, BOB)}))
    assert outcome_and_code(world, group("IS", GONE), BOB) == (OPEN, UNSYNCED)
    assert outcome_and_code(world, group("IS_NOT", GONE), BOB) == (OPEN, UNSYNCED)


@pytest.mark.parametrize(
    ("world", "rule", "text"),
    [
        (contoso(), group("IS", "Nobody"), "no such group exists in the tenant: `Nobody`"),
        (contoso(), group("IS_NOT", "Nobody", "Engine"), "no such group exists in the tenant: `Nobody`, `Engine`"),
        (contoso(), group("IS", "a", "b", "c", "d", "e"), "`a`, `b`, `c` and 2 more"),
        (contoso(), group("IS", ENGINEERS), "the user is in the group `Engineers`"),
        (contoso(), group("CONTAINS", "of c"), "the user is in the group `All of Contoso`"),
        (contoso(), group("IS", "twins"), "several groups are named `twins`"),
        (contoso(is_whole=False), group("IS", "Elsewhere"), "the group `Elsewhere` is not synced"),
        (contoso(**WITH_HIDDEN), group("IS", HIDDEN), "cannot be read"),
    ],
)
def test_the_message_says_what_was_found(world: World, rule: Test, text: str) -> None:
    """Names of groups as asked for, display names as synced."""
    assert text in ask(world, rule).reasons[0].message


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        (group("IS", ENGINEERS), (ENGINEERS,)),
        (group("IS", EVERYBODY), (ENGINEERS, EVERYBODY)),
        (group("CONTAINS", "contoso"), (ENGINEERS, EVERYBODY)),
        (group("IS", BERLIN), ()),
        (group("IS_NOT", ENGINEERS), ()),
        (group("IS_NOT", BERLIN), ()),
    ],
)
def test_the_path_leads_from_the_users_own_group_to_the_one_that_matched(rule: Test, path: tuple[str, ...]) -> None:
    """Only where the condition holds because of a membership."""
    trace = ask(contoso(), rule).trace
    assert trace is not None
    assert trace.group_path == path


def test_a_user_in_five_thousand_groups_sixty_levels_deep() -> None:
    """Width and depth change nothing."""
    chain = [guid("e", n) for n in range(61)]
    wide = [guid("f", n) for n in range(5000)]
    world = World(
        users={ADA: human("ada")},
        groups={each: f"group {each}" for each in (*chain, *wide)},
        members=frozenset((each, ADA) for each in (*wide, chain[-1])),
        nesting=frozenset(itertools.pairwise(chain)) | {(chain[-1], chain[0])},
    )
    decision = ask(world, group("IS", chain[1]))
    assert decision.is_allowed
    assert decision.trace is not None
    assert decision.trace.group_path == (chain[-1], chain[0], chain[1])[:1] + tuple(reversed(chain[1:-1]))
    assert ask(world, group("CONTAINS", chain[0])).is_allowed
    assert not ask(world, group("IS", chain[0], direct_only=True)).is_allowed
