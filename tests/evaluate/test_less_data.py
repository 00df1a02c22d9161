"""Knowing less never lets anybody in: whatever is taken away, a denial stays a denial."""

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluate.asking import ask
from evaluate.world import Rule, World
from evaluate.worlds import USERS, questions

LESS = settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])


def without_attribute(world: World, attribute: str) -> World:
    """It was not selected at the last sync."""
    return replace(world, attributes=world.attributes - {attribute})


def with_hidden(world: World, group: str) -> World:
    """Its membership cannot be read any more, by us."""
    return replace(
        world,
        opaque=world.opaque | {group},
        members=frozenset(edge for edge in world.members if edge[0] != group),
        nesting=frozenset(edge for edge in world.nesting if edge[0] != group),
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


@given(question=questions(), data=st.data())
@LESS
def test_taking_data_away_turns_no_denial_into_an_allow(question: tuple[World, Rule, str], data: st.DataObject) -> None:
    """An attribute, a group, a membership or another user less: who was denied is denied."""
    world, rule, _ = question
    asked = data.draw(st.sampled_from(sorted(world.users)))
    poorer = world
    for attribute in data.draw(
        st.lists(st.sampled_from(["department", "skills", "manager", "otherMails"]), max_size=1)
    ):
        poorer = without_attribute(poorer, attribute)
    for group in sorted(data.draw(st.sets(st.sampled_from(sorted(world.groups)), min_size=1))):
        poorer = data.draw(st.sampled_from([with_hidden, with_hidden, without_group]))(poorer, group)
    for user in data.draw(st.sets(st.sampled_from(USERS), max_size=1)) - {asked}:
        poorer = without_user(poorer, user)
    if ask(poorer, rule, asked).is_allowed:
        assert ask(world, rule, asked).is_allowed
