"""The tenants: Contoso's promises, the generator's determinism and speed, recorded directories served without loss."""

import json
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from emulator.wire import Document, Wire
from entraid_emulator import (
    CONTOSO_TENANT_ID,
    DirectoryFileError,
    Emulator,
    ObjectId,
    Tenant,
    contoso,
    generated,
    recorded,
)


def users_of(tenant: Tenant) -> list[Document]:
    """Every user object."""
    return [dict(user) for _, user in tenant.directory.users.scan()]


def groups_of(tenant: Tenant) -> list[Document]:
    """Every group object."""
    return [dict(group) for _, group in tenant.directory.groups.scan()]


def test_contoso_is_the_same_every_time_and_whole() -> None:
    """Stable ids, no dangling member, forty people of every kind."""
    first, second = contoso(), contoso()
    assert users_of(first) == users_of(second)
    assert first.directory is not second.directory
    users, groups = users_of(first), groups_of(first)
    assert (len(users), len(groups)) == (40, 22)
    assert sum(user["userType"] == "Guest" for user in users) == 5
    assert sum(not user["accountEnabled"] for user in users) == 5
    for group in groups:
        members = first.directory.members_of(ObjectId(group["id"]))
        assert all(member and first.directory.find(member) for member in members)
        assert group["id"] not in members
    assert len({user["userPrincipalName"] for user in users}) == 40
    assert first.tenant_id == CONTOSO_TENANT_ID


def test_contoso_has_a_cycle_and_four_levels() -> None:
    """Alpha > Beta > Gamma > Alpha, and Engineering > Platform > On-Call > On-Call Primary."""
    directory = contoso().directory

    def nested(number: int) -> set[int]:
        group = ObjectId(f"bbbbbbbb-0000-4000-8000-{number:012d}")
        return {int(one[-12:]) for one in directory.members_of(group) if one and one.startswith("bbbbbbbb")}

    assert (nested(8), nested(9), nested(10)) == ({9}, {10}, {8})
    assert 3 in nested(2)
    assert 6 in nested(3)
    assert nested(6) == {7}


def test_a_generated_tenant_depends_on_its_arguments_only() -> None:
    """Equal arguments, equal tenant; another seed, other ids; ids read back; nobody shares an id."""
    first, second = generated(users=500, groups=40, seed=7), generated(users=500, groups=40, seed=7)
    assert users_of(first) == users_of(second)
    assert groups_of(first) == groups_of(second)
    assert first.tenant_id == second.tenant_id != generated(users=500, groups=40, seed=8).tenant_id
    ids = {user["id"] for user in users_of(first)} | {group["id"] for group in groups_of(first)}
    assert len(ids) == 540
    assert ids.isdisjoint(user["id"] for user in users_of(generated(users=500, groups=40, seed=8)))
    for user in users_of(first):
        assert first.directory.user(user["id"]) == user
        assert first.directory.user(user["userPrincipalName"].upper()) == user
    assert first.directory.user("x.y.3@elsewhere.example") is None
    assert first.directory.user("00000000-1111-4222-8333-444444444444") is None


@pytest.mark.parametrize(("users", "groups"), [(0, 0), (0, 3), (1, 1), (7, 2), (100, 5), (333, 47), (1000, 200)])
def test_generated_memberships_are_whole(users: int, groups: int) -> None:
    """Every member exists and is listed once; every user is in group 0 and once in each round."""
    tenant = generated(users=users, groups=groups, seed=users)
    directory = tenant.directory
    memberships: dict[str, int] = {user["id"]: 0 for user in users_of(tenant)}
    for group in groups_of(tenant):
        members = list(directory.members_of(ObjectId(group["id"])))
        assert len(set(members)) == len(members)
        assert all(member and directory.find(member) for member in members)
        for member in members:
            if member in memberships:
                memberships[member] += 1
    assert len(set(memberships.values())) <= 1
    if groups >= 47:
        assert set(memberships.values()) == {10}
    bosses = [directory.manager_of(ObjectId(user["id"])) for user in users_of(tenant)]
    assert bosses.count(None) == min(users, 1)


def test_a_generated_tenant_can_be_changed() -> None:
    """Changes lie over what is computed: update, delete, restore, members, managers."""
    directory = generated(users=50, groups=7, seed=1).directory
    first, second = (ObjectId(str(user["id"])) for _, user in list(directory.users.scan())[:2])
    everyone = ObjectId(str(next(directory.groups.scan())[1]["id"]))
    directory.update_user(first, {"displayName": "Changed", "userPrincipalName": "changed@x.example"})
    assert (directory.user("CHANGED@x.example") or {})["displayName"] == "Changed"
    directory.delete_user(second)
    assert directory.users.get(second) is None
    assert len(directory.users) == len(list(directory.users.scan())) == 49
    directory.restore_user(second)
    assert len(directory.users) == 50
    directory.remove_member(everyone, first)
    assert first not in directory.members_of(everyone)
    assert len([one for one in directory.members_of(everyone) if one]) == 49
    directory.set_manager(second, None)
    assert directory.manager_of(second) is None


def test_the_largest_generated_tenant_is_there_at_once() -> None:
    """300,000 users and 50,000 groups cost next to nothing until they are asked for, and little then."""
    tracemalloc.start()
    began = time.perf_counter()
    tenant = generated(users=300_000, groups=50_000, seed=7)
    sizes = [len(tenant.directory.members_of(ObjectId(group["id"]))) for group in groups_of(tenant)[:500]]
    elapsed = time.perf_counter() - began
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sizes[0] == 300_000
    assert elapsed < 15
    assert peak < 200_000_000


def test_a_large_generated_tenant_is_served_fast(start: Callable[[Emulator], Wire]) -> None:
    """10,000 users in eleven pages, all different."""
    wire = start(Emulator([generated(users=10_000, groups=100, seed=2)]))
    token = wire.token(wire.emulator.tenants[0].tenant_id)
    began = time.perf_counter()
    link: str | None = "/users?$top=999&$select=id,displayName,department"
    ids: set[str] = set()
    while link is not None:
        page = wire.body(link, token=token)
        ids.update(user["id"] for user in page["value"])
        link = page.get("@odata.nextLink")
    assert len(ids) == 10_000
    assert time.perf_counter() - began < 10


USER = {"id": "10000000-0000-4000-8000-000000000001", "displayName": "Ann", "userPrincipalName": "ann@r.example"}
BOSS = {"id": "10000000-0000-4000-8000-000000000002", "displayName": "Bob", "userPrincipalName": "bob@r.example"}
LONER = {
    "@odata.type": "#microsoft.graph.user",
    "id": "10000000-0000-4000-8000-000000000003",
    "displayName": "Only a member",
    "userPrincipalName": "cy_o'x.example#EXT#@r.example",
    "surname": None,
}
DEVICE = {"@odata.type": "#microsoft.graph.device", "id": "10000000-0000-4000-8000-000000000004", "displayName": "PC"}
ODD = {"@odata.type": "#microsoft.graph.agentUser", "id": "10000000-0000-4000-8000-000000000005", "agent": [1, None]}
EXTENSION = "extension_b5c1e0d2f3a44c6f9d7e8a1b2c3d4e5f_level"
GROUP = {
    "id": "20000000-0000-4000-8000-000000000001",
    "displayName": "G",
    "groupTypes": [],
    "aPropertyOfTomorrow": {"deep": ["x", None]},
}
INNER = {"id": "20000000-0000-4000-8000-000000000002", "displayName": "Inner"}


def file_of(tmp_path: Path, document: object) -> Path:
    """A directory file."""
    path = tmp_path / "directory.json"
    path.write_bytes(orjson.dumps(document))
    return path


def test_a_recorded_directory_comes_back_without_loss(tmp_path: Path, start: Callable[[Emulator], Wire]) -> None:
    """Pages, single answers and bare lists; members of every type; properties that no documentation knows."""
    members = [LONER, {"@odata.type": "#microsoft.graph.group", "id": INNER["id"]}, DEVICE, ODD, USER["id"]]
    document = {
        "tenantId": "30000000-0000-4000-8000-000000000001",
        "domains": ["r.example"],
        "users": [
            {"@odata.context": "x", "value": [{**USER, "department": "D", EXTENSION: 3, "manager": BOSS}]},
            {"value": [BOSS]},
        ],
        "groups": {"value": [GROUP, INNER]},
        "members": {GROUP["id"]: [{"value": members[:2]}, {"value": members[2:4]}, members[4]]},
    }
    wire = start(Emulator([recorded(file_of(tmp_path, document))]))
    wire.emulator.app.grants[wire.emulator.tenants[0].tenant_id] = frozenset({"Directory.Read.All"})
    token = wire.token("r.example")
    users = wire.body(f"/users?$select=id,displayName,userPrincipalName,department,{EXTENSION}", token=token)["value"]
    assert [user["displayName"] for user in users] == ["Ann", "Bob", "Only a member"]
    assert (users[0]["department"], users[0][EXTENSION]) == ("D", 3)
    assert EXTENSION not in users[1]
    assert wire.body(f"/users/{USER['id']}/manager", token=token)["id"] == BOSS["id"]
    group = wire.body("/groups", token=token)["value"][0]
    assert {name: group[name] for name in GROUP} == GROUP
    listed = wire.body(f"/groups/{GROUP['id']}/members", token=token)["value"]
    assert [member["@odata.type"].rpartition(".")[2] for member in listed] == [
        "user",
        "group",
        "device",
        "agentUser",
        "user",
    ]
    for given, got in zip(members[:4], listed[:4], strict=True):
        assert isinstance(given, dict)
        assert all(got[name] == value for name, value in given.items())
    assert listed[4]["displayName"] == "Ann"
    selected = wire.body("/groups?$select=aPropertyOfTomorrow", token=token)["value"]
    assert selected == [{"aPropertyOfTomorrow": GROUP["aPropertyOfTomorrow"]}, {}]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "expected a JSON object"),
        ({"people": []}, "unknown keys `people`"),
        ({"users": 7}, "users: expected a list"),
        ({"users": [{"displayName": "no id"}]}, "needs a text `id`"),
        ({"users": [{"id": "not-a-guid"}]}, "no object id"),
        ({"users": {"error": {}}}, "needs `value`"),
        ({"members": {"20000000-0000-4000-8000-000000000009": []}}, "not in `groups`"),
        ({"managers": {"20000000-0000-4000-8000-000000000009": USER["id"]}}, "not in `users`"),
    ],
)
def test_a_file_of_another_shape_is_refused_with_the_place(tmp_path: Path, document: object, words: str) -> None:
    """Nothing is guessed and nothing half loaded."""
    with pytest.raises(DirectoryFileError, match=words):
        recorded(file_of(tmp_path, document))
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    with pytest.raises(DirectoryFileError, match="no JSON"):
        recorded(broken)


def test_a_real_tenants_recordings_come_back(
    recordings: Path, tmp_path: Path, start: Callable[[Emulator], Wire]
) -> None:
    """Every object and every member, as recorded; where an answer has more properties, they are null or empty."""
    entries = json.loads((recordings / "ad-group-members_1372959748.json").read_text())["entries"]
    answers = {entry["request"]["url"].partition("/v1.0")[2]: entry["response"]["body"] for entry in entries}
    users = next(path for path in answers if path.startswith("/users"))
    member_paths = [path for path in answers if path.endswith("/members")]
    document = {
        "users": answers[users],
        "groups": [answers["/groups"]],
        "members": {path.split("/")[2]: answers[path] for path in member_paths},
    }
    wire = start(Emulator([recorded(file_of(tmp_path, document))]))
    token = wire.token(wire.emulator.tenants[0].tenant_id)
    assert len(member_paths) == 7
    for path, answer in answers.items():
        link: str | None = f"{path}{'&' if '?' in path else '?'}$top=5"
        served: list[Document] = []
        while link:
            page = wire.body(link, token=token)
            served.extend(page["value"])
            link = page.get("@odata.nextLink")
        assert [one["id"] for one in served] == [one["id"] for one in answer["value"]]
        for given, got in zip(answer["value"], served, strict=True):
            assert {name: got[name] for name in given} == given
            assert all(value in (None, []) for name, value in got.items() if name not in given)
