import pytest

from e2e.harness import Service, connect, connect_request, entraidctl, evaluate, list_users, reason_names, sync
from entraid.v1 import access_service_pb2, directory_service_pb2
from entraid.v1.sync_service_pb2 import GroupResolution, SyncRun
from entraid_emulator import Emulator

ENGINEERS = {2, 6, 7, 8, 9, 10, 11, 14, 15, 16, 17, 36, 40}
SELLERS = {4, 22, 23, 24, 25, 26, 27}


@pytest.fixture(scope="module")
def scoped(service: Service, emulator: Emulator) -> SyncRun:
    """A run of a connection that was given two groups in one comma-delimited entry, and one that does not exist."""
    groups = ["Engineering, Sales (dynamic)", "No Such Group"]
    name = connect(service, connect_request(emulator, "scoped", groups_to_sync=groups)).name
    return sync(service, name)


@pytest.fixture(scope="module")
def parent(scoped: SyncRun) -> str:
    """The name of that connection."""
    return scoped.name.partition("/syncRuns/")[0]


def test_only_users_of_the_chosen_groups_are_copied(service: Service, parent: str) -> None:
    """Members of Engineering, nested groups included, and of Sales; nobody else."""
    numbers = {int(user.object_id[-12:]) for user in list_users(service, parent).users}
    assert numbers == ENGINEERS | SELLERS


def test_groups_nested_in_the_chosen_ones_come_along(service: Service, parent: str) -> None:
    """Engineering brings the five groups inside it."""
    response = directory_service_pb2.ListGroupsResponse()
    groups = service.call("DirectoryService/ListGroups", {"parent": parent}, response).groups
    assert {int(group.object_id[-12:]) for group in groups} == {2, 3, 4, 5, 6, 7, 13}


def test_the_run_says_what_each_entry_named(scoped: SyncRun) -> None:
    """An entry that names no group is told, not dropped."""
    told = {one.entry: (one.state, [group[-2:] for group in one.groups]) for one in scoped.group_resolutions}
    assert told == {
        "Engineering": (GroupResolution.STATE_RESOLVED, ["02"]),
        "Sales (dynamic)": (GroupResolution.STATE_RESOLVED, ["13"]),
        "No Such Group": (GroupResolution.STATE_NOT_FOUND, []),
    }


@pytest.mark.parametrize(
    ("user", "condition", "decision", "reason"),
    [
        ("nadia.rahman", {"group": {"values": ["Engineering"]}}, "ALLOW", "GROUP_MEMBER"),
        ("nadia.rahman", {"group": {"values": ["Sales (dynamic)"]}}, "DENY", "NOT_GROUP_MEMBER"),
        ("nadia.rahman", {"group": {"values": ["All Employees"]}}, "DENY", "GROUP_NOT_SYNCED"),
        (
            "nadia.rahman",
            {"group": {"operator": "MATCH_OPERATOR_IS_NOT", "values": ["Approvers"]}},
            "DENY",
            "GROUP_NOT_SYNCED",
        ),
        (
            "nadia.rahman",
            {"none_of": {"conditions": [{"group": {"values": ["bbbbbbbb-0000-4000-8000-000000000011"]}}]}},
            "DENY",
            "GROUP_NOT_SYNCED",
        ),
        ("uma.krishnan", {"group": {"values": ["Engineering"]}}, "DENY", "USER_NOT_FOUND"),
    ],
)
def test_what_lies_outside_is_unknown_and_never_allows(
    service: Service, parent: str, user: str, condition: dict[str, object], decision: str, reason: str
) -> None:
    """Inside the chosen groups yes and no are known; outside of them nobody knows, under negation too."""
    answer = evaluate(service, f"{parent}/users/{user}@contoso.example", condition)
    assert access_service_pb2.Decision.Name(answer.decision) == f"DECISION_{decision}"
    assert reason_names(answer) == [reason]


def test_another_connection_to_the_same_tenant_keeps_its_own_scope(
    service: Service, parent: str, connection: str
) -> None:
    """The same person, the same condition: the whole directory knows, the scoped copy does not."""
    condition = {"group": {"values": ["All Employees"]}}
    user = "users/nadia.rahman@contoso.example"
    assert evaluate(service, f"{connection}/{user}", condition).decision == access_service_pb2.DECISION_ALLOW
    assert evaluate(service, f"{parent}/{user}", condition).decision == access_service_pb2.DECISION_DENY


def test_groups_to_sync_are_changed_on_a_living_connection(service: Service, emulator: Emulator) -> None:
    """By the command: what is served follows with the next sync, to fewer people and back to all of them."""
    name = connect(service, connect_request(emulator, "changing")).name
    sync(service, name)
    everybody = len(list_users(service, name).users)
    changed = entraidctl(service, "update", "changing", "--groups-to-sync", "Engineering, Sales (dynamic)")
    assert changed.code == 0, changed.err
    assert "Engineering, Sales (dynamic)" in changed.out
    assert "next: entraidctl sync changing" in changed.out
    assert len(list_users(service, name).users) == everybody
    sync(service, name)
    numbers = {int(user.object_id[-12:]) for user in list_users(service, name).users}
    assert numbers == ENGINEERS | SELLERS
    blank = entraidctl(service, "update", "changing", "--groups-to-sync", "")
    assert blank.code == 2
    assert "names no group" in blank.err
    assert entraidctl(service, "update", "changing", "--all-groups").code == 0
    sync(service, name)
    assert len(list_users(service, name).users) == everybody
