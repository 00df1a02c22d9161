"""Searching finds those, and exactly those, for whom evaluating allows."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from entraid.v1 import access_service_pb2 as pb
from entraid_service.evaluate import compile_condition, decide
from entraid_service.model.conditions import (
    AttributeCondition,
    Combination,
    Combinator,
    Condition,
    GroupCondition,
    UserCondition,
)
from entraid_service.model.directory import Group, MemberKind, User
from entraid_service.model.ids import GroupId, UserId
from evaluate.effort import examples, seconds
from evaluate.oracle import allows
from evaluate.world import Rule, World, condition
from evaluate.worlds import questions, rules, worlds
from rpc.rooms import Server

WORLDS, RULES = examples(20), 5
MAIN = "connections/main"


def message(tree: Condition) -> pb.Condition:
    """A condition as callers send it."""
    if isinstance(tree, Combination):
        return combined(tree.combinator, pb.ConditionList(conditions=[message(child) for child in tree.conditions]))
    operator = pb.MatchOperator.ValueType(tree.operator.value)
    match tree:
        case GroupCondition():
            return pb.Condition(
                group=pb.GroupCondition(operator=operator, values=tree.values, direct_only=tree.direct_only)
            )
        case AttributeCondition():
            return pb.Condition(
                attribute=pb.AttributeCondition(attribute=tree.attribute, operator=operator, values=tree.values)
            )
        case UserCondition():
            return pb.Condition(user=pb.UserCondition(operator=operator, values=tree.values))
        case _:
            return pb.Condition(manager=pb.ManagerCondition(operator=operator, values=tree.values))


def combined(combinator: Combinator, inner: pb.ConditionList) -> pb.Condition:
    """Conditions joined."""
    match combinator:
        case Combinator.ALL_OF:
            return pb.Condition(all_of=inner)
        case Combinator.ANY_OF:
            return pb.Condition(any_of=inner)
        case Combinator.NONE_OF:
            return pb.Condition(none_of=inner)


async def found(server: Server, asked: pb.Condition, *, size: int) -> dict[str, list[pb.Reason]]:
    """Who is eligible, page by page, with the reasons."""
    users: dict[str, list[pb.Reason]] = {}
    token = ""
    while True:
        page = await server.access.SearchEligibleUsers(
            pb.SearchEligibleUsersRequest(parent=MAIN, condition=asked, page_size=size, page_token=token)
        )
        ids = [eligible.user.object_id for eligible in page.users]
        assert ids == sorted(ids)
        assert not users.keys() & set(ids)
        assert len(ids) <= size
        users |= {eligible.user.object_id: list(eligible.reasons) for eligible in page.users}
        token = page.next_page_token
        if not token:
            return users


async def allowed(server: Server, asked: pb.Condition, ids: list[str]) -> dict[str, list[pb.Reason]]:
    """Whom evaluating allows, with the reasons."""
    batch = pb.BatchEvaluateAccessRequest(
        requests=[pb.EvaluateAccessRequest(user=f"{MAIN}/users/{user}", condition=asked) for user in ids]
    )
    answers = (await server.access.BatchEvaluateAccess(batch)).results
    assert all(answer.HasField("response") for answer in answers)
    return {
        user: list(answer.response.reasons)
        for user, answer in zip(ids, answers, strict=True)
        if answer.response.decision == pb.DECISION_ALLOW
    }


@pytest.mark.timeout(seconds(120))
async def test_a_search_finds_whom_evaluating_allows(server: Server) -> None:
    """Random tenants and conditions, with unknowns, Groups to Sync, shared names and cycles: no difference."""

    @settings(max_examples=WORLDS, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(worlds(), st.data())
    def draw(world: World, data: st.DataObject) -> None:
        cases.append((world, data.draw(st.lists(rules(world), min_size=RULES, max_size=RULES))))

    cases: list[tuple[World, list[Rule]]] = []
    draw()
    connection = await server.add_connection()
    hits = 0
    for world, asked_of_world in cases:
        directory = world.directory()
        edges = [(group, str(user), MemberKind.USER) for group, user in directory.members]
        edges += [(group, str(child), MemberKind.GROUP) for group, child in directory.nesting]
        await server.commit(
            connection,
            users=list(directory.users),
            groups=list(directory.groups),
            edges=edges,
            scope=directory.scope,
        )
        await server.snapshots.refresh(connection.id)
        ids = sorted(world.users)
        for size, rule in enumerate(asked_of_world, start=1):
            asked = message(condition(rule))
            expected = await allowed(server, asked, ids)
            assert await found(server, asked, size=size) == expected, rule
            assert set(expected) == {user for user in ids if allows(world, rule, user)}, rule
            hits += len(expected)
    assert hits > WORLDS


@given(question=questions())
@settings(max_examples=examples(100), deadline=None, suppress_health_check=list(HealthCheck))
def test_whoever_is_allowed_is_among_the_candidates(question: tuple[World, Rule, str]) -> None:
    """What narrows a search never leaves out somebody for whom evaluating allows."""
    world, rule, asked = question
    snapshot, compiled = world.directory().snapshot(), compile_condition(condition(rule))
    decision = decide(snapshot, compiled, asked)
    candidates = compiled.candidates(snapshot.groups)
    if decision.is_allowed and candidates is not None:
        assert decision.user_id is not None
        person = snapshot.person(decision.user_id)
        assert person is not None
        assert candidates.groups & person.direct_groups() or candidates.names & set(person.names())


async def test_a_search_among_many_is_paged_to_the_end(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Candidates by group, by name and everybody: each page is bounded, none of them is lost, whatever the stretch."""
    monkeypatch.setattr("entraid_service.rpc.eligible._STRETCH", 7)
    users = [
        User(UserId(f"aaaaaaaa-0000-4000-8000-{number:012d}"), {"accountEnabled": number % 5 != 0, "department": "x"})
        for number in range(60)
    ]
    groups = [Group(GroupId(f"bbbbbbbb-0000-4000-8000-{number:012d}"), f"Team {number}") for number in range(4)]
    edges = [(groups[number % 3].id, str(user.id), MemberKind.USER) for number, user in enumerate(users)]
    edges += [(groups[3].id, str(groups[0].id), MemberKind.GROUP), (groups[3].id, "not-synced", MemberKind.USER)]
    await server.commit(await server.add_connection(), users=users, groups=groups, edges=edges)
    ids = [str(user.id) for user in users]
    for asked in (
        pb.Condition(group=pb.GroupCondition(values=["Team 3", "Team 1"])),
        pb.Condition(group=pb.GroupCondition(operator=pb.MATCH_OPERATOR_STARTS_WITH, values=["team"])),
        pb.Condition(attribute=pb.AttributeCondition(attribute="department", values=["X"])),
        pb.Condition(user=pb.UserCondition(values=ids[3:50:9])),
    ):
        expected = await allowed(server, asked, ids)
        assert expected
        for size in (1, 13, 1000):
            assert await found(server, asked, size=size) == expected
