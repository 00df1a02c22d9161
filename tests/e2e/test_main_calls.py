from datetime import timedelta

import pytest

from e2e.harness import (
    Service,
    connect,
    connect_request,
    evaluate,
    grpcurl,
    list_users,
    reason_names,
    start_sync,
    watch,
)
from entraid.v1 import access_service_pb2, connection_service_pb2, directory_service_pb2
from entraid.v1.sync_service_pb2 import SyncRun
from entraid_emulator import CONTOSO_TENANT_ID, DEFAULT_CLIENT_ID, Emulator

NADIA = "nadia.rahman@contoso.example"
SERVICES = ("AccessService", "ConnectionService", "DirectoryService", "SyncService")


def test_grpcurl_lists_every_service_without_a_proto_file(service: Service) -> None:
    """A stranger with nothing but the address finds out what is there."""
    listed = grpcurl(service.target, "list").out.split()
    assert {f"entraid.v1.{name}" for name in SERVICES} <= set(listed)
    assert {"grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"} <= set(listed)


@pytest.mark.parametrize(
    "symbol", [*(f"entraid.v1.{name}" for name in SERVICES), "entraid.v1.Condition", "entraid.v1.ErrorReason"]
)
def test_grpcurl_describes_the_contract(service: Service, symbol: str) -> None:
    """Services, messages and enums are described with all that they refer to."""
    described = grpcurl(service.target, "describe", symbol)
    assert described.code == 0, described.err
    assert described.out.startswith(f"{symbol} is ")


def test_connect_answers_with_what_entra_granted(service: Service, emulator: Emulator) -> None:
    """The tenant is named by its domain, answered by its ID, and the secret does not come back."""
    answer = connect(service, connect_request(emulator, "by-domain", tenant="contoso.example"))
    assert answer.name == "connections/by-domain"
    assert answer.tenant_id == CONTOSO_TENANT_ID
    assert answer.client_id == DEFAULT_CLIENT_ID
    assert answer.state == connection_service_pb2.Connection.STATE_ACTIVE
    assert list(answer.granted_permissions) == ["GroupMember.Read.All", "User.Read.All"]
    assert not answer.missing_permissions
    assert emulator.app.client_secret.reveal() not in str(answer)


def test_sync_moves_while_it_is_watched_and_ends_with_what_changed(service: Service, quick: Emulator) -> None:
    """Sync returns at once; WatchSyncRun shows the run from start to end with growing counters."""
    name = connect(service, connect_request(quick, "watched")).name
    quick.latency = timedelta(seconds=1)  # of each request; watchers are told once a second
    run = start_sync(service, name)
    assert run.state in {SyncRun.STATE_PENDING, SyncRun.STATE_RUNNING}
    assert run.name.startswith(f"{name}/syncRuns/")

    steps = watch(service, run.name)

    requests = [step.progress.graph_requests for step in steps]
    assert requests == sorted(requests)
    assert len(set(requests)) > 2, "nothing moved"
    assert {step.state for step in steps[:-1]} <= {SyncRun.STATE_PENDING, SyncRun.STATE_RUNNING}
    last = steps[-1]
    assert last.state == SyncRun.STATE_SUCCEEDED
    assert (last.progress.users, last.progress.groups) == (40, 22)
    assert (last.changes.users_upserted, last.changes.groups_upserted, last.changes.users_deleted) == (40, 22, 0)
    assert last.snapshot.token


def test_list_users_pages_through_everybody_once(service: Service, connection: str) -> None:
    """Pages of 16 hold all 40 people, each once and in order."""
    ids: list[str] = []
    token = ""
    while True:
        page = list_users(service, connection, page_size=16, page_token=token)
        ids += [user.object_id for user in page.users]
        token = page.next_page_token
        if not token:
            break
    assert ids == [f"aaaaaaaa-0000-4000-8000-{number:012d}" for number in range(1, 41)]


def test_list_users_tells_names_and_attributes_as_entra_has_them(service: Service, connection: str) -> None:
    """Names keep their letters, the manager is a resource name, VIEW_FULL brings attributes."""
    ada, bruno = list_users(service, connection, page_size=2, view="VIEW_FULL").users
    assert (ada.display_name, ada.manager) == ("Ada Çelik", "")
    assert bruno.manager == ada.name
    assert bruno.attributes["department"] == "Engineering"
    assert bruno.attributes["onPremisesExtensionAttributes.extensionAttribute1"] == "Admin"


def test_list_groups_counts_nested_members(service: Service, connection: str) -> None:
    """Engineering holds 13 users, most of them through the groups inside; the kinds are told apart."""
    response = directory_service_pb2.ListGroupsResponse()
    groups = service.call("DirectoryService/ListGroups", {"parent": connection}, response).groups
    assert len(groups) == 22
    by_name = {group.display_name: group for group in groups}
    assert by_name["Engineering"].member_count == 13
    assert by_name["Engineering"].kind == directory_service_pb2.Group.KIND_SECURITY
    assert by_name["Project Galata"].kind == directory_service_pb2.Group.KIND_MICROSOFT_365
    assert by_name["Sales (dynamic)"].membership_rule == '(user.department -eq "Sales")'


def test_evaluate_allows_through_nested_groups_and_shows_the_way(service: Service, connection: str) -> None:
    """Nadia is four groups below Engineering."""
    answer = evaluate(service, f"{connection}/users/{NADIA}", {"group": {"values": ["engineering"]}})
    assert answer.decision == access_service_pb2.DECISION_ALLOW
    assert reason_names(answer) == ["GROUP_MEMBER"]
    assert answer.reasons[0].field == "condition.group"
    assert [group[-2:] for group in answer.trace.group_path] == ["07", "06", "03", "02"]
    assert answer.user == f"{connection}/users/aaaaaaaa-0000-4000-8000-000000000014"
    assert answer.snapshot.token
    assert answer.decision_id


@pytest.mark.parametrize(
    ("user", "condition", "reason"),
    [
        ("uma.krishnan@contoso.example", {"group": {"values": ["Engineering"]}}, "NOT_GROUP_MEMBER"),
        ("oliver.smith@contoso.example", {"group": {"values": ["Engineering"]}}, "USER_DISABLED"),
        ("nobody@contoso.example", {"group": {"values": ["Engineering"]}}, "USER_NOT_FOUND"),
        (NADIA, {"group": {"values": ["Approvers"]}}, "GROUP_NAME_AMBIGUOUS"),
        (NADIA, {"none_of": {"conditions": [{"group": {"values": ["Works Council"]}}]}}, "GROUP_NOT_SYNCED"),
        (NADIA, {"attribute": {"attribute": "aboutMe", "values": ["x"]}}, "ATTRIBUTE_NOT_SYNCED"),
    ],
)
def test_evaluate_denies_and_says_why(
    service: Service, connection: str, user: str, condition: dict[str, object], reason: str
) -> None:
    """Whoever is not known to satisfy the condition is denied, also where the data to tell is missing."""
    answer = evaluate(service, f"{connection}/users/{user}", condition)
    assert answer.decision == access_service_pb2.DECISION_DENY
    assert reason_names(answer) == [reason]


def test_evaluate_before_the_first_sync_is_an_error_and_no_decision(service: Service, emulator: Emulator) -> None:
    """Nothing was read, so nobody can know."""
    name = connect(service, connect_request(emulator, "not-synced")).name
    request = {"user": f"{name}/users/{NADIA}", "condition": {"group": {"values": ["Engineering"]}}}
    refusal = service.refused("AccessService/EvaluateAccess", request)
    assert refusal.reason == "DIRECTORY_NOT_SYNCED"
