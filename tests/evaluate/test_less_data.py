"""Knowing less never lets anybody in: whatever is taken away, a denial stays a denial."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from evaluate.asking import ask
from evaluate.effort import examples, seconds
from evaluate.world import Joined, Rule, World
from evaluate.worlds import leaves_of, questions, worlds

pytestmark = pytest.mark.timeout(seconds(180))
LESS = settings(
    deadline=None, max_examples=examples(150), suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def without_attribute(world: World, attribute: str) -> World:
    """It was not selected at the last sync."""
    return replace(world, attributes=world.attributes - {attribute})


def with_hidden(world: World, group: str) -> World:
    """Its membership cannot be read any more.

    Edges to groups that were never listed stay: they are all that tells of such a group, and what the list of a whole
    directory does not have does, by the rules, not exist.
    """
    return replace(
        world,
        opaque=world.opaque | {group},
        members=frozenset(edge for edge in world.members if edge[0] != group),
        nesting=frozenset((at, child) for at, child in world.nesting if at != group or child not in world.groups),
    )


def without_group(world: World, group: str) -> World:
    """Groups to Sync leaves it out, with what it holds, and its name is known to be no other group's."""
    groups = {each: name for each, name in world.groups.items() if each != group}
    return replace(
        world,
        groups=groups,
        is_whole=False,
        opaque=world.opaque - {group},
        members=frozenset(edge for edge in world.members if edge[0] != group),
        nesting=frozenset(edge for edge in world.nesting if edge[0] != group),
        ambiguous_entries=(*world.ambiguous_entries, world.groups[group]),
    )


def without_user(world: World, user: str) -> World:
    """Somebody else, possibly the manager, is in none of the synced groups."""
    return replace(
        world,
        users={each: human for each, human in world.users.items() if each != user},
        members=frozenset(edge for edge in world.members if edge[1] != user),
    )


def check(world: World, poorer: World, rule: Rule, asked: str) -> None:
    """Who is allowed on less data is allowed on all of it."""
    if ask(poorer, rule, asked).is_allowed:
        assert ask(world, rule, asked).is_allowed


def attributes_in(rule: Rule) -> set[str]:
    """The attributes that a rule reads."""
    if isinstance(rule, Joined):
        return set().union(*map(attributes_in, rule.rules))
    return {"attribute": {rule.name}, "manager": {"manager"}, "user": {"otherMails"}}.get(rule.what, set())


@given(question=questions(), data=st.data())
@LESS
def test_an_attribute_less_turns_no_denial_into_an_allow(
    question: tuple[World, Rule, str], data: st.DataObject
) -> None:
    """What was an attribute with a value must not become one that is known to be empty."""
    world, rule, asked = question
    names = sorted(attributes_in(rule) & world.attributes)
    assume(names)
    check(world, without_attribute(world, data.draw(st.sampled_from(names))), rule, asked)


@given(question=questions(), data=st.data())
@LESS
def test_a_group_less_turns_no_denial_into_an_allow(question: tuple[World, Rule, str], data: st.DataObject) -> None:
    """Groups whose members cannot be read any more, or that are not synced, are not empty groups."""
    world, rule, asked = question
    poorer = world
    for group in sorted(data.draw(st.sets(st.sampled_from(sorted(world.groups)), min_size=1))):
        poorer = data.draw(st.sampled_from([with_hidden, without_group]))(poorer, group)
    check(world, poorer, rule, asked)


@given(world=worlds(), data=st.data())
@LESS
def test_a_manager_less_turns_no_denial_into_an_allow(world: World, data: st.DataObject) -> None:
    """A manager who is not synced any more is not no manager, and his names are not known to be others."""
    assume(len(world.users) > 1)
    asked, boss = data.draw(st.permutations(sorted(world.users)))[:2]
    led = replace(world, users={**world.users, asked: replace(world.users[asked], manager=boss)})
    rule = data.draw(leaves_of(led, ("manager",)))
    check(led, without_user(led, boss), rule, asked)
