"""Filters as text: what is read, what is refused, and where the fault stands."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entraid_service.errors import InvalidFilter
from entraid_service.model.conditions import Operator
from entraid_service.model.filters import Comparison, Filter, Junction, Membership, Negation
from entraid_service.model.scope import Scope
from entraid_service.rpc.filter_fields import GroupSchema, UserSchema, check_synced
from entraid_service.rpc.filter_parser import LONGEST_FILTER, MOST_LEVELS, MOST_TERMS, parse_filter

GROUP = "8f14e45f-ceea-467f-a8d9-1f4c6d2a9b10"
A, B, C = (Comparison("mail", Operator.IS, letter) for letter in "abc")


def read(text: str) -> Filter | None:
    """A filter on users, without positions."""
    tree = parse_filter(text, UserSchema())
    return None if tree is None else bare(tree)


def bare(tree: Filter) -> Filter:
    """The tree with every position 0."""
    match tree:
        case Comparison(field=field, operator=operator, text=text):
            return Comparison(field, operator, text)
        case Membership(other=other, is_direct=is_direct):
            return Membership(other, is_direct)
        case Negation(inner=inner):
            return Negation(bare(inner))
        case Junction(is_all=is_all, parts=parts):
            return Junction(is_all, tuple(map(bare, parts)))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ('mail = "a"', A),
        ("mail=a", A),
        ("mail='a'", A),
        ('mail != "a"', Negation(A)),
        ("NOT mail = a", Negation(A)),
        ("NOT NOT mail = a", A),
        ("NOT mail != a", Negation(Negation(A))),
        ("mail = a AND mail = b", Junction(is_all=True, parts=(A, B))),
        ("mail = a OR mail = b", Junction(is_all=False, parts=(A, B))),
        # AIP-160: OR binds closer than AND.
        ("mail = a AND mail = b OR mail = c", Junction(is_all=True, parts=(A, Junction(is_all=False, parts=(B, C))))),
        ("(mail = a AND mail = b) OR mail = c", Junction(is_all=False, parts=(Junction(is_all=True, parts=(A, B)), C))),
        ('mail : "a"', Comparison("mail", Operator.CONTAINS, "a")),
        ("mail : *", Comparison("mail", Operator.IS_SET, "")),
        ("mail != *", Negation(Comparison("mail", Operator.IS_SET, ""))),
        ('mail = "a*"', Comparison("mail", Operator.STARTS_WITH, "a")),
        ("mail = a*", Comparison("mail", Operator.STARTS_WITH, "a")),
        (r'mail = "a\*"', Comparison("mail", Operator.IS, "a*")),
        ('mail = "*a"', Comparison("mail", Operator.IS, "*a")),
        (r'mail = "say \"hi\" \\ AND"', Comparison("mail", Operator.IS, r'say "hi" \ AND')),
        ("mail = o'neil@contoso.com", Comparison("mail", Operator.IS, "o'neil@contoso.com")),
        ("attributes.department = Sales", Comparison("attributes.department", Operator.IS, "Sales")),
        ("account_enabled = TRUE", Comparison("account_enabled", Operator.IS, "true")),
        (f'member_of("{GROUP.upper()}")', Membership(GROUP, is_direct=False)),
        (f"direct_member_of({GROUP})", Membership(GROUP, is_direct=True)),
        ("", None),
        (" \n ", None),
    ],
)
def test_a_filter_means_what_it_says(text: str, tree: Filter | None) -> None:
    """Operators, wildcards, quotes, escapes, precedence, functions."""
    assert read(text) == tree


@pytest.mark.parametrize(
    ("text", "position", "told"),
    [
        ("dispaly_name = x", 0, "did you mean `display_name`"),
        ("department = x", 0, "`attributes.department`"),
        ("attributes. = x", 0, "not a field"),
        ("attributes.manager = x", 0, "write `manager`"),
        ("mail", 4, "`=`, `!=` or `:` is expected"),
        ("mail =", 6, "a value such as"),
        ("mail = AND", 7, "a value such as"),
        ("= x", 0, "a field such as"),
        ("mail > a", 5, "is not offered"),
        ("mail = a and mail = b", 9, "write `AND` in capitals"),
        ("mail = a mail = b", 9, "without AND or OR"),
        ("mail = a AND", 12, "the end of the filter"),
        ("(mail = a", 9, "`(` of position 0"),
        ("mail = a)", 8, "no `(` before it"),
        ('mail = "a', 7, "does not end"),
        ("mail = a; DROP TABLE", 8, "means nothing"),
        ("mail : a*", 7, "goes with `=`"),
        ("account_enabled = maybe", 18, "takes true, false"),
        ("account_enabled : t", 0, "compared as a whole"),
        ('member_of("Sales")', 10, "not a group's object ID"),
        ("memberof(x)", 0, "`member_of` and `direct_member_of`"),
        (f"member_of({GROUP}, x)", 46, "takes one value"),
        (f'member_of("{GROUP}*")', 10, "one whole value"),
        ("has_member(x)", 0, "not a function of this list"),
        ("()", 1, "a field such as"),
        ("-mail = a", 0, "not a field"),
        ("* = a", 0, "a field such as"),
    ],
)
def test_a_fault_is_told_with_its_place(text: str, position: int, told: str) -> None:
    """Where it stands, what is wrong, and what would be right."""
    with pytest.raises(InvalidFilter) as caught:
        read(text)
    assert caught.value.position == position
    assert told in str(caught.value)
    assert caught.value.metadata == {"position": str(position)}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kind = KIND_SECURTY", "KIND_SECURITY"),
        ("kind : sec", "compared as a whole"),
        ("member_count : 3", "whole number"),
        ("member_count = -1", "whole number"),
        ("member_count = 99999999999", "too large"),
        ('has_member("")', "names no user"),
        ("user_type = Guest", "not a field"),
    ],
)
def test_groups_have_fields_of_their_own(text: str, told: str) -> None:
    """What is a field of users is none of groups, and the other way round."""
    with pytest.raises(InvalidFilter, match=told):
        parse_filter(text, GroupSchema())


def test_the_kind_of_a_group_may_be_written_short() -> None:
    """With or without its prefix, in any case."""
    for text in ("kind = KIND_MICROSOFT_365", "kind = microsoft_365"):
        tree = parse_filter(text, GroupSchema())
        assert tree is not None
        assert bare(tree) == Comparison("kind", Operator.IS, "KIND_MICROSOFT_365")


@pytest.mark.parametrize(
    "text",
    [
        "(" * (MOST_LEVELS + 1) + "mail = a" + ")" * (MOST_LEVELS + 1),
        " AND ".join(["mail = a"] * (MOST_TERMS + 1)),
        "mail = " + "a" * LONGEST_FILTER,
        "NOT " * 2_000 + "mail = a" * 100,
    ],
)
def test_a_huge_filter_is_refused(text: str) -> None:
    """Depth, number of parts and length have their bounds, and none of them exhausts the stack."""
    with pytest.raises(InvalidFilter):
        read(text)


def test_an_attribute_that_is_not_synced_cannot_be_asked_for() -> None:
    """Nobody could tell who has it; the nearest that is synced is named, and so is a whole that has parts."""
    scope = Scope(frozenset({"department", "onPremisesExtensionAttributes"}))
    check_synced(read("attributes.department = x AND attributes.displayName : a"), scope)
    check_synced(read("attributes.onPremisesExtensionAttributes.extensionAttribute1 = x"), scope)
    check_synced(read("attributes.onPremisesExtensionAttributes : *"), scope)
    for text, told in (
        ("mail = a OR NOT attributes.Departmnt = x", "did you mean `attributes.department`"),
        ("attributes.onPremisesExtensionAttributes = x", "consists of several attributes"),
    ):
        with pytest.raises(InvalidFilter, match=told) as caught:
            check_synced(parse_filter(text, UserSchema()), scope)
        assert caught.value.position == text.index("attributes")


def fault_of(text: str, schema: UserSchema | GroupSchema) -> int:
    """Where a filter is wrong, 0 if it is not."""
    try:
        parse_filter(text, schema)
    except InvalidFilter as error:
        return error.position
    return 0


@given(st.text(alphabet="mail =!:*()\"'\\ANDORT,-<>x\x00", max_size=40) | st.text(max_size=30))
@settings(deadline=None, max_examples=300)
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text breaks the reader, and a fault lies within the text."""
    for schema in (UserSchema(), GroupSchema()):
        assert 0 <= fault_of(text, schema) <= len(text)
