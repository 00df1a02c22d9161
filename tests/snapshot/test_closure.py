"""Groups in groups: depth, cycles, paths, and what cannot be known."""

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entraid_service.model.ids import GroupId
from entraid_service.snapshot.closure import GroupClosure


def ids(text: str) -> list[GroupId]:
    """`a b` as group ids."""
    return [GroupId(part) for part in text.split()]


def edges(text: str) -> list[tuple[GroupId, GroupId]]:
    """`a>b` as "b is directly in a"."""
    pairs = (part.split(">") for part in text.split())
    return [(GroupId(group), GroupId(child)) for group, child in pairs]


def closure(groups: str, nesting: str = "", opaque: str = "") -> GroupClosure:
    """The closure of groups and edges written as texts."""
    return GroupClosure(set(ids(groups)), nesting=edges(nesting), opaque=set(ids(opaque)))


@pytest.mark.parametrize(
    ("nesting", "group", "inside"),
    [
        ("", "a", "a"),
        ("a>b b>c", "a", "a b c"),
        ("a>b b>c", "b", "b c"),
        ("a>b b>a", "a", "a b"),
        ("a>a", "a", "a"),
        ("a>b a>c b>d c>d", "a", "a b c d"),
        ("a>b b>c c>a c>d", "b", "a b c d"),
    ],
)
def test_a_group_contains_itself_and_what_is_nested_in_it(nesting: str, group: str, inside: str) -> None:
    """Nesting is followed to any depth, and a cycle ends nothing and repeats nothing."""
    assert closure("a b c d", nesting).contains(GroupId(group)) == set(ids(inside))


def test_ten_thousand_levels_are_walked_without_recursion() -> None:
    """Depth is no danger to the stack, upward or downward."""
    chain = [GroupId(f"{level:05}") for level in range(10_000)]
    deep = GroupClosure(set(chain), nesting=itertools.pairwise(chain))
    assert deep.contains(chain[0]) == set(chain)
    assert len(deep.above([chain[-1]])) == len(chain)
    assert deep.path([chain[-1]], chain[0]) == tuple(reversed(chain))


@pytest.mark.parametrize(
    ("direct", "target", "path"),
    [
        ("c", "a", "c b a"),
        ("c d", "a", "d a"),
        ("a c", "a", "a"),
        ("e", "a", ""),
        ("", "a", ""),
        ("outside", "a", ""),
        ("outside c", "b", "c b"),
    ],
)
def test_the_path_is_the_shortest(direct: str, target: str, path: str) -> None:
    """From a direct group of the user to the target, both named; a group nobody synced leads nowhere."""
    nested = closure("a b c d e", "a>b b>c a>d c>a a>outside")
    assert nested.path(ids(direct), GroupId(target)) == tuple(ids(path))


def test_above_names_the_nearest_groups_first() -> None:
    """The user's own groups come before those that hold them."""
    nested = closure("a b c d", "a>b b>c a>d")
    assert nested.above(ids("d c")) == tuple(ids("c d b a"))


@pytest.mark.parametrize(
    ("nesting", "opaque", "leaky"),
    [
        ("a>b b>c", "", ""),
        ("a>b b>c", "c", "a b c"),
        ("a>b b>c", "b", "a b"),
        ("a>b b>outside", "", "a b"),
        ("outside>b", "", ""),
        ("a>b b>a b>c", "c", "a b c"),
    ],
)
def test_a_gap_makes_every_group_above_it_leaky(nesting: str, opaque: str, leaky: str) -> None:
    """Unreadable members and groups that were not synced leave open who is in any group that holds them."""
    assert closure("a b c d", nesting, opaque).leaky == set(ids(leaky))


def test_a_group_that_was_not_synced_lends_no_membership() -> None:
    """A user in a group that is gone is not, through it, in the groups that held it."""
    nested = closure("a", "a>gone gone>deeper")
    assert nested.contains(GroupId("a")) == set(ids("a"))
    assert nested.above(ids("gone")) == ()
    assert nested.outside == set(ids("gone deeper"))


@given(st.sets(st.tuples(st.sampled_from("abcdefg"), st.sampled_from("abcdefg")), max_size=20))
@settings(max_examples=200, deadline=None)
def test_upward_downward_and_path_tell_the_same(pairs: Iterable[tuple[str, str]]) -> None:
    """Whoever is directly in a group is in exactly those that contain it, and there is a path to exactly those."""
    groups = ids("a b c d e f g")
    nested = GroupClosure(set(groups), nesting=[(GroupId(group), GroupId(child)) for group, child in pairs])
    for start in groups:
        above = set(nested.above([start]))
        assert above == {group for group in groups if start in nested.contains(group)}
        assert above == {group for group in groups if nested.path([start], group)}
