"""Every scenario of the YAML files, asked of every RPC that could answer it, over a real port."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
import yaml
from google.protobuf.duration_pb2 import Duration
from google.rpc import status_pb2

from entraid.v1 import access_service_pb2 as pb
from entraid.v1 import directory_service_pb2
from entraid.v1.snapshot_pb2 import Consistency
from golden.tenant import Tenant, Yaml, mapping, read_tenant, texts
from golden.words import condition
from rpc.rooms import START, Server
from rpc.told import reason_of, status_of

FILES = sorted(Path(__file__).parent.glob("*.yaml"))
MAIN = "connections/main"
FEWEST = 40
KEYS = {"about", "if", "answers", "eligible", "issues", "users where", "groups where", "are", "age", "at most"}


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario, with the tenant that it is about."""

    file: str
    form: Mapping[str, Yaml]
    tenant: Mapping[str, Yaml]

    def __str__(self) -> str:
        return f"{self.file}: {self.form['about']}"


def read(path: Path) -> list[Scenario]:
    """The scenarios of a file."""
    content = mapping(yaml.safe_load(path.read_text(encoding="utf-8")))
    forms = content["scenarios"]
    assert isinstance(forms, list)
    return [Scenario(path.stem, mapping(form), mapping(content["tenant"])) for form in forms]


SCENARIOS = [scenario for path in FILES for scenario in read(path)]


def test_there_are_enough_scenarios() -> None:
    """At least forty, each told once, each asking something."""
    assert len(SCENARIOS) >= FEWEST
    assert len({str(scenario) for scenario in SCENARIOS}) == len(SCENARIOS)
    for scenario in SCENARIOS:
        assert set(scenario.form) <= KEYS, scenario
        assert {"answers", "eligible"} <= set(scenario.form) or "are" in scenario.form or "issues" in scenario.form


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
async def test_the_scenario_holds(server: Server, scenario: Scenario) -> None:
    """The answers are those of the file, whichever RPC is asked."""
    tenant = read_tenant(scenario.tenant)
    await server.commit(
        await server.add_connection(),
        users=tenant.users,
        groups=tenant.groups,
        edges=tenant.edges,
        scope=tenant.scope,
    )
    server.clock.time = START + timedelta(minutes=float(str(scenario.form.get("age", 0))))
    if "if" in scenario.form:
        await check_decisions(server, tenant, scenario.form)
    if "are" in scenario.form:
        await check_list(server, tenant, scenario.form)


async def check_decisions(server: Server, tenant: Tenant, form: Mapping[str, Yaml]) -> None:
    """EvaluateAccess, the batch and the stream for each person named; the search; the look at the condition."""
    asked = condition(form["if"], tenant)
    bound = None
    if "at most" in form:
        bound = Consistency(max_staleness=Duration(seconds=int(float(str(form["at most"])) * 60)))
    answers = mapping(form.get("answers"))
    requests = [
        pb.EvaluateAccessRequest(user=f"{MAIN}/users/{tenant.resolved(who(name, tenant))}", condition=asked)
        for name in answers
    ]
    for request in requests:
        if bound is not None:
            request.consistency.CopyFrom(bound)
    expected = [str(answer) for answer in answers.values()]
    if requests:
        assert [await single(server, request) for request in requests] == expected
        assert await batched(server, requests) == expected
        assert await streamed(server, requests) == expected
    if "eligible" in form:
        await check_search(server, tenant, form, asked, bound)
    if "issues" in form:
        response = await server.access.ValidateCondition(pb.ValidateConditionRequest(parent=MAIN, condition=asked))
        told = [pb.ConditionIssue.Code.Name(issue.code).removeprefix("CODE_") for issue in response.issues]
        assert told == texts(form["issues"])


async def check_search(
    server: Server,
    tenant: Tenant,
    form: Mapping[str, Yaml],
    asked: pb.Condition,
    bound: Consistency | None,
) -> None:
    """The search finds the eligible; nobody who is named and allowed is missing among them."""
    request = pb.SearchEligibleUsersRequest(parent=MAIN, condition=asked, consistency=bound)
    eligible = form["eligible"]
    if isinstance(eligible, str) and eligible.startswith("error"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await server.access.SearchEligibleUsers(request)
        assert error_text(status_of(caught.value)) == eligible
        return
    page = await server.access.SearchEligibleUsers(request)
    assert [tenant.names[found.user.object_id] for found in page.users] == texts(eligible)
    assert page.next_page_token == ""


async def check_list(server: Server, tenant: Tenant, form: Mapping[str, Yaml]) -> None:
    """ListUsers or ListGroups with the filter, and each that it shows read by itself."""
    if "users where" in form:
        text = tenant.resolved(str(form["users where"]))
        users = await server.directory.ListUsers(directory_service_pb2.ListUsersRequest(parent=MAIN, filter=text))
        found = [tenant.names[user.object_id] for user in users.users]
        for user in users.users:
            await server.directory.GetUser(directory_service_pb2.GetUserRequest(name=user.name))
    else:
        text = tenant.resolved(str(form["groups where"]))
        groups = await server.directory.ListGroups(directory_service_pb2.ListGroupsRequest(parent=MAIN, filter=text))
        found = [tenant.names[group.object_id] for group in groups.groups]
        for group in groups.groups:
            one = await server.directory.GetGroup(directory_service_pb2.GetGroupRequest(name=group.name))
            assert one.group == group
    assert found == texts(form["are"])


def who(name: str, tenant: Tenant) -> str:
    """How a scenario's person is asked for: by object id, or as it is written if it is nobody's name."""
    return tenant.ids.get(name, name)


async def single(server: Server, request: pb.EvaluateAccessRequest) -> str:
    """The answer of EvaluateAccess in the words of the files."""
    try:
        return decision_text(await server.access.EvaluateAccess(request))
    except grpc.aio.AioRpcError as error:
        return error_text(status_of(error))


async def batched(server: Server, requests: list[pb.EvaluateAccessRequest]) -> list[str]:
    """The answers of one BatchEvaluateAccess."""
    response = await server.access.BatchEvaluateAccess(pb.BatchEvaluateAccessRequest(requests=requests))
    return [
        decision_text(result.response) if result.HasField("response") else error_text(result.error)
        for result in response.results
    ]


async def streamed(server: Server, requests: list[pb.EvaluateAccessRequest]) -> list[str]:
    """The answers of one StreamEvaluateAccess."""

    async def messages() -> AsyncIterator[pb.StreamEvaluateAccessRequest]:
        for number, request in enumerate(requests):
            yield pb.StreamEvaluateAccessRequest(correlation_id=str(number), request=request)

    return [
        decision_text(answer.response) if answer.HasField("response") else error_text(answer.error)
        async for answer in server.access.StreamEvaluateAccess(messages())
    ]


def decision_text(answer: pb.EvaluateAccessResponse) -> str:
    """For example `deny: NOT_GROUP_MEMBER, EXCLUDED`."""
    codes = [pb.ReasonCode.Name(reason.code).removeprefix("REASON_CODE_") for reason in answer.reasons]
    word = "allow" if answer.decision == pb.DECISION_ALLOW else "deny"
    return f"{word}: {', '.join(codes)}"


def error_text(status: status_pb2.Status) -> str:
    """For example `error: DIRECTORY_STALE`."""
    return f"error: {reason_of(status)}"
