"""ValidateCondition: what is told of a condition before it is saved."""

import grpc
import pytest

from entraid.v1 import access_service_pb2 as pb
from entraid_service.model.directory import CORE_ATTRIBUTES, Group, MemberKind, User
from entraid_service.model.ids import GroupId, UserId
from entraid_service.model.scope import GroupResolution, ResolutionState, Scope
from rpc.rooms import ADELE, BRUNO, EMEA, SALES, Server, people
from rpc.told import reason_of

HIDDEN = GroupId("bbbbbbbb-0000-4000-8000-000000000007")
TWIN = GroupId("bbbbbbbb-0000-4000-8000-000000000008")
GONE = "bbbbbbbb-0000-4000-8000-00000000dead"
ERROR, WARNING = pb.ConditionIssue.SEVERITY_ERROR, pb.ConditionIssue.SEVERITY_WARNING
ATTRIBUTES = frozenset((*CORE_ATTRIBUTES, "department", "manager", "otherMails", "proxyAddresses"))
WITH_PARTS = ATTRIBUTES | {"onPremisesExtensionAttributes", "employeeOrgData"}
GROUPS = [
    Group(SALES, "Sales"),
    Group(EMEA, "EMEA"),
    Group(HIDDEN, "Secret", is_opaque=True),
    Group(TWIN, "Twin"),
    Group(GroupId(TWIN[:-1] + "9"), "TWIN"),
]


def group(*values: str, operator: pb.MatchOperator.ValueType = pb.MATCH_OPERATOR_IS) -> pb.Condition:
    """On groups."""
    return pb.Condition(group=pb.GroupCondition(operator=operator, values=values))


def attribute(name: str, *values: str, operator: pb.MatchOperator.ValueType = pb.MATCH_OPERATOR_IS) -> pb.Condition:
    """On an attribute."""
    return pb.Condition(attribute=pb.AttributeCondition(attribute=name, operator=operator, values=values))


def user(*values: str) -> pb.Condition:
    """On the user."""
    return pb.Condition(user=pb.UserCondition(values=values))


def manager(*values: str) -> pb.Condition:
    """On the manager."""
    return pb.Condition(manager=pb.ManagerCondition(values=values))


async def issues_of(server: Server, condition: pb.Condition, *, scope: Scope | None = None) -> list[pb.ConditionIssue]:
    """What is told of a condition in a tenant with a hidden group and two of one name."""
    edges = [(SALES, str(ADELE), MemberKind.USER), (EMEA, str(SALES), MemberKind.GROUP)]
    users = [
        *people(),
        User(UserId(BRUNO[:-1] + "8"), {"userPrincipalName": "bruno2@x", "mail": "bruno@contoso.example"}),
    ]
    await server.commit(
        await server.add_connection(), users=users, groups=GROUPS, edges=edges, scope=scope or Scope(WITH_PARTS)
    )
    request = pb.ValidateConditionRequest(parent="connections/main", condition=condition)
    response = await server.access.ValidateCondition(request)
    assert response.snapshot.token
    return list(response.issues)


IS_NOT, CONTAINS = pb.MATCH_OPERATOR_IS_NOT, pb.MATCH_OPERATOR_CONTAINS


@pytest.mark.parametrize(
    ("condition", "field", "severity", "code", "suggestions"),
    [
        (group("Slaes"), "group.values[0]", ERROR, "GROUP_NOT_FOUND", ["Sales"]),
        (group("Sales", "Emae"), "group.values[1]", WARNING, "GROUP_NOT_FOUND", ["EMEA"]),
        (group(GONE), "group.values[0]", ERROR, "GROUP_NOT_FOUND", []),
        (group("Slaes", operator=IS_NOT), "group.values[0]", WARNING, "GROUP_NOT_FOUND", ["Sales"]),
        (group("twin"), "group.values[0]", ERROR, "GROUP_NAME_AMBIGUOUS", [TWIN, TWIN[:-1] + "9"]),
        (group("Secret"), "group.values[0]", WARNING, "GROUP_MEMBERS_UNREADABLE", []),
        (group("Secret", operator=IS_NOT), "group.values[0]", ERROR, "GROUP_MEMBERS_UNREADABLE", []),
        (group("slaes", operator=CONTAINS), "group.values[0]", ERROR, "VALUE_MATCHES_NOTHING", ["Sales"]),
        (group("ales", "xyz", operator=CONTAINS), "group.values[1]", WARNING, "VALUE_MATCHES_NOTHING", []),
        (attribute("Department", "x"), "attribute.attribute", ERROR, "ATTRIBUTE_NOT_SYNCED", ["department"]),
        (
            attribute("employeeOrgData.costCentre", "x"),
            "attribute.attribute",
            ERROR,
            "ATTRIBUTE_NOT_SYNCED",
            ["employeeOrgData.costCenter", "employeeOrgData.division"],
        ),
        (attribute("manager", "x"), "attribute.attribute", ERROR, "ATTRIBUTE_NOT_COMPARABLE", []),
        (
            attribute("onPremisesExtensionAttributes", "x"),
            "attribute.attribute",
            ERROR,
            "ATTRIBUTE_NOT_COMPARABLE",
            ["onPremisesExtensionAttributes.extensionAttribute1"],
        ),
        (attribute("userType", "guests"), "attribute.values[0]", ERROR, "VALUE_MATCHES_NOTHING", ["Guest"]),
        (attribute("accountEnabled", "yes"), "attribute.values[0]", ERROR, "VALUE_MATCHES_NOTHING", ["true", "false"]),
        (
            attribute("accountEnabled", "yes", "true"),
            "attribute.values[0]",
            WARNING,
            "VALUE_MATCHES_NOTHING",
            ["true", "false"],
        ),
        (attribute("accountEnabled", "false"), "attribute", ERROR, "NEVER_HOLDS", []),
        (attribute("accountEnabled", "true", operator=IS_NOT), "attribute", ERROR, "NEVER_HOLDS", []),
        (user("nobody@contoso.example"), "user.values[0]", ERROR, "USER_NOT_FOUND", []),
        (user("adele@contoso.example", "nobody@x"), "user.values[1]", WARNING, "USER_NOT_FOUND", []),
        (manager("nobody@contoso.example"), "manager.values[0]", ERROR, "USER_NOT_FOUND", []),
        (pb.Condition(), "", ERROR, "INVALID", []),
        (pb.Condition(all_of=pb.ConditionList()), "all_of.conditions", ERROR, "INVALID", []),
        (group(" "), "group.values[0]", ERROR, "INVALID", []),
    ],
)
async def test_one_thing_is_wrong(
    server: Server,
    condition: pb.Condition,
    field: str,
    severity: pb.ConditionIssue.Severity.ValueType,
    code: str,
    suggestions: list[str],
) -> None:
    """The part, how grave it is, what it is about, and what may have been meant."""
    issues = await issues_of(server, condition)
    (issue,) = [each for each in issues if each.code != pb.ConditionIssue.CODE_NOBODY_ELIGIBLE]
    assert issue.field == f"condition.{field}".rstrip(".")
    assert issue.severity == severity
    assert pb.ConditionIssue.Code.Name(issue.code) == f"CODE_{code}"
    assert list(issue.suggestions) == suggestions
    assert issue.message


@pytest.mark.parametrize(
    "condition",
    [
        group("sales"),
        group(EMEA.upper()),
        group("Sales", operator=IS_NOT),
        attribute("department", operator=pb.MATCH_OPERATOR_IS_SET),
        attribute("accountEnabled", "true"),
        attribute("onPremisesExtensionAttributes.extensionAttribute1", "x", operator=IS_NOT),
        user("ADELE@contoso.example"),
        manager(ADELE),
    ],
)
async def test_nothing_is_told_of_a_sound_condition(server: Server, condition: pb.Condition) -> None:
    """No issue where somebody satisfies it and everything it names is there."""
    assert await issues_of(server, condition) == []


async def test_everything_is_told_in_the_order_of_the_parts(server: Server) -> None:
    """Broken, unknown and doubtful parts of one condition, deep in it, each by its path."""
    inner = pb.Condition(any_of=pb.ConditionList(conditions=[attribute("x", "y"), pb.Condition()]))
    many = [group("Sales")] * 9
    condition = pb.Condition(all_of=pb.ConditionList(conditions=[group("Nope"), *many, inner, group("Secret")]))
    issues = await issues_of(server, condition)
    assert [issue.field for issue in issues] == [
        "condition.all_of.conditions[0].group.values[0]",
        "condition.all_of.conditions[10].any_of.conditions[0].attribute.attribute",
        "condition.all_of.conditions[10].any_of.conditions[1]",
        "condition.all_of.conditions[11].group.values[0]",
    ]


async def test_a_condition_that_nobody_satisfies_is_told(server: Server) -> None:
    """All of it is there, and yet it holds of no one."""
    both = pb.Condition(all_of=pb.ConditionList(conditions=[group("Sales"), attribute("department", "Legal")]))
    (issue,) = await issues_of(server, both)
    assert (issue.code, issue.severity, issue.field) == (pb.ConditionIssue.CODE_NOBODY_ELIGIBLE, WARNING, "condition")


async def test_with_groups_to_sync_more_is_unknown(server: Server) -> None:
    """A group that is not synced, and a negative part that can then never hold."""
    ambiguous = GroupResolution("Ops", ResolutionState.AMBIGUOUS)
    scope = Scope(ATTRIBUTES, is_whole_directory=False, resolutions=(ambiguous,))
    negative = group("x", operator=pb.MATCH_OPERATOR_DOES_NOT_CONTAIN)
    condition = pb.Condition(all_of=pb.ConditionList(conditions=[group("Slaes"), group("ops"), negative]))
    issues = await issues_of(server, condition, scope=scope)
    assert [(issue.code, issue.severity) for issue in issues] == [
        (pb.ConditionIssue.CODE_GROUP_NOT_SYNCED, ERROR),
        (pb.ConditionIssue.CODE_GROUP_NAME_AMBIGUOUS, ERROR),
        (pb.ConditionIssue.CODE_NEVER_HOLDS, ERROR),
    ]
    assert list(issues[0].suggestions) == ["Sales"]


async def test_without_managers_and_aliases_that_is_told(server: Server) -> None:
    """Conditions on managers need them synced; on other mail addresses, these."""
    scope = Scope(frozenset((*CORE_ATTRIBUTES, "department")))
    condition = pb.Condition(any_of=pb.ConditionList(conditions=[manager(ADELE), user("adele@contoso.example")]))
    issues = await issues_of(server, condition, scope=scope)
    assert [(issue.field, issue.severity) for issue in issues] == [
        ("condition.any_of.conditions[0].manager", ERROR),
        ("condition.any_of.conditions[1].user", WARNING),
    ]
    assert {issue.code for issue in issues} == {pb.ConditionIssue.CODE_ATTRIBUTE_NOT_SYNCED}


async def test_an_ambiguous_name_of_a_user_is_told(server: Server) -> None:
    """Two users share a mail address that is nobody's principal name."""
    users = [User(UserId(f"{ADELE[:-1]}{number}"), {"mail": "team@x", "accountEnabled": True}) for number in range(2)]
    await server.commit(await server.add_connection(), users=users, scope=Scope(ATTRIBUTES))
    request = pb.ValidateConditionRequest(parent="connections/main", condition=user("team@x"))
    (issue,) = (await server.access.ValidateCondition(request)).issues
    assert issue.code == pb.ConditionIssue.CODE_USER_AMBIGUOUS


async def test_there_is_no_looking_over_without_data(server: Server) -> None:
    """Never synced, unknown, or nothing to look over: an error each."""
    await server.add_connection()
    for parent, condition, reason in (
        ("connections/main", group("x"), "DIRECTORY_NOT_SYNCED"),
        ("connections/other", group("x"), "RESOURCE_NOT_FOUND"),
        ("connections/main", None, "INVALID_FIELD"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await server.access.ValidateCondition(pb.ValidateConditionRequest(parent=parent, condition=condition))
        assert reason_of(caught.value) == reason


async def test_many_groups_are_looked_over_in_time(server: Server) -> None:
    """Suggestions cost a bounded time, however many groups there are and values are wrong; others are served on."""
    groups = [
        Group(GroupId(f"bbbbbbbb-0000-4000-8000-{number:012d}"), f"Team number {number}") for number in range(20_000)
    ]
    await server.commit(await server.add_connection(), groups=groups, edges=[])
    wrong = group(*(f"Taem number {number}" for number in range(90)))
    request = pb.ValidateConditionRequest(parent="connections/main", condition=wrong)
    issues = (await server.access.ValidateCondition(request, timeout=40)).issues
    assert len(issues) == 90
    assert issues[0].suggestions[0].startswith("Team number")
