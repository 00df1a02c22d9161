import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from entraid_service.errors import GraphUnavailable
from entraid_service.graph.decode import decode_group, decode_member, decode_user
from entraid_service.graph.decoding import decode_page
from entraid_service.model.directory import GroupKind, MemberKind
from graph.cloud import ScriptedCloud, page

ODD_USERS: list[tuple[object, str]] = [
    (None, "no JSON object"),
    ([], "no JSON object"),
    ("u-1", "no JSON object"),
    ({"displayName": "Nobody"}, "no `id`"),
    ({"id": None}, "no `id`"),
    ({"id": ""}, "no `id`"),
    ({"id": 7}, "no `id`"),
    ({"id": "U-1", "manager": {"displayName": "Boss"}}, "`manager` has no `id`"),
    ({"id": "U-1", "manager": "boss"}, "`manager` has no `id`"),
]


def test_every_known_attribute_is_kept_and_nothing_else() -> None:
    """Null, empty and annotations are dropped, complex values get dotted names, ids are lower case."""
    user = decode_user(
        {
            "@odata.id": "https://graph.example/users/1",
            "@odata.type": "#microsoft.graph.user",
            "id": "AB-1",
            "displayName": "Zoë O'Hara",
            "accountEnabled": False,
            "signInCount": 0,
            "score": 1.5,
            "department": None,
            "city": "",
            "businessPhones": [],
            "otherMails": ["a@x.example", "b@x.example", None],
            "onPremisesExtensionAttributes": {"extensionAttribute1": "50", "extensionAttribute2": None},
            "employeeOrgData": {"costCenter": "C1", "division": ""},
            "customSecurityAttributes": {
                "Eng": {"@odata.type": "#x", "Project@odata.type": "#Collection(String)", "Project": ["A", "B"]}
            },
            "identities": [{"issuer": "x", "signInType": "upn"}, {"issuer": "y", "issuerAssignedId": None}],
            "extension_0a1b_costCenter": "C2",
            "manager@odata.context": "ignored",
            "manager": {"@odata.type": "#microsoft.graph.user", "id": "CD-2"},
        }
    )
    assert user.id == "ab-1"
    assert user.manager_id == "cd-2"
    assert not user.is_enabled
    assert user.attributes == {
        "displayName": "Zoë O'Hara",
        "accountEnabled": False,
        "signInCount": 0,
        "score": 1.5,
        "otherMails": ["a@x.example", "b@x.example"],
        "onPremisesExtensionAttributes.extensionAttribute1": "50",
        "employeeOrgData.costCenter": "C1",
        "customSecurityAttributes.Eng.Project": ["A", "B"],
        "identities.issuer": ["x", "y"],
        "identities.signInType": ["upn"],
        "extension_0a1b_costCenter": "C2",
    }


def test_a_user_of_whom_entra_told_nothing_is_not_enabled() -> None:
    """A missing `accountEnabled` is no odd record, and no permission to sign in."""
    user = decode_user({"id": "u-1"})
    assert not user.is_enabled
    assert user.manager_id is None
    assert decode_user({"id": "u-1", "accountEnabled": "true"}).is_enabled is False


@pytest.mark.parametrize(("record", "problem"), ODD_USERS)
async def test_an_odd_user_is_left_out_and_named(record: object, problem: str) -> None:
    """One record that cannot be read does not stop the others."""
    part = await decode_page([record, {"id": "u-2"}], decode_user, what="users")
    assert [one.id for one in part.items] == ["u-2"]
    assert problem in part.skipped[0].problem
    assert part.skipped[0].id == ("u-1" if isinstance(record, dict) and record.get("id") == "U-1" else "")


async def test_a_page_of_nothing_but_odd_records_is_an_error() -> None:
    """A few may be odd; many and all of them mean that the wire speaks another language."""
    assert len((await decode_page([{}] * 3, decode_user, what="users")).skipped) == 3
    with pytest.raises(GraphUnavailable, match="none of the 4 users"):
        await decode_page([{}] * 4, decode_user, what="users")
    assert (await decode_page([], decode_user, what="users")).items == []


async def test_a_member_of_no_type_is_left_out_and_named() -> None:
    """What a member is cannot be guessed from its id."""
    part = await decode_page([{"id": "X"}, {"id": "g", "groupTypes": []}], decode_member, what="members")
    assert [(one.id, one.kind) for one in part.items] == [("g", MemberKind.GROUP)]
    assert [(one.id, one.problem) for one in part.skipped] == [("x", "it has no `@odata.type`")]


@pytest.mark.parametrize(
    ("types", "mail", "security", "kind"),
    [
        (["Unified"], True, False, GroupKind.MICROSOFT_365),
        (["Unified", "DynamicMembership"], True, True, GroupKind.MICROSOFT_365),
        ([], False, True, GroupKind.SECURITY),
        (["DynamicMembership"], False, True, GroupKind.SECURITY),
        ([], True, True, GroupKind.MAIL_ENABLED_SECURITY),
        ([], True, False, GroupKind.DISTRIBUTION),
        (None, None, None, GroupKind.SECURITY),
    ],
)
def test_kinds_of_groups(types: object, mail: object, security: object, kind: GroupKind) -> None:
    """The table of Microsoft's groups overview."""
    record = {"id": "G", "displayName": "G", "groupTypes": types, "mailEnabled": mail, "securityEnabled": security}
    assert decode_group(record).kind is kind


def test_a_group_keeps_what_lists_show() -> None:
    """Texts that are missing are empty, never the word None."""
    group = decode_group({"id": "G", "displayName": "Dev", "description": None, "membershipRule": "(user.x -eq 1)"})
    assert (group.id, group.display_name, group.description, group.mail) == ("g", "Dev", "", "")
    assert group.membership_rule == "(user.x -eq 1)"
    assert not group.is_opaque


async def test_odd_records_on_the_wire_do_not_stop_a_read(cloud: ScriptedCloud) -> None:
    """Unknown members, wrong types and records without id leave the others as they are."""
    cloud.on(r"/users\?", {**page({"id": "u-1"}, None, {"x": 1}, {"id": "u-2"}), "@microsoft.graph.tips": "none"})
    parts = [part async for part in cloud.directory().users(("displayName",))]
    assert [one.id for one in parts[0].items] == ["u-1", "u-2"]
    assert len(parts[0].skipped) == 2


def scalars(value: object) -> Iterator[object]:
    """Every known value in some JSON."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if "@odata." not in name:
                yield from scalars(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from scalars(inner)
    elif value is not None and value != "":
        yield value


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Answers of a real tenant."""
    folder = Path(__file__).parents[3] / "shared" / "graph" / "fixtures" / "recorded"
    if not folder.is_dir():
        pytest.skip("the recordings of a real tenant are not here")
    return folder


def recorded_pages(folder: Path, path: str) -> Iterator[list[dict[str, object]]]:
    """The recorded pages of the lists whose URL ends so."""
    for file in sorted(folder.glob("ad-*.json")):
        for entry in json.loads(file.read_text())["entries"]:
            url = entry["request"]["url"].partition("?")[0]
            if entry["response"]["status"] == 200 and url.endswith(path):
                yield entry["response"]["body"]["value"]


async def test_recorded_users_are_decoded_without_loss(recordings: Path) -> None:
    """Every value that a real tenant gave for its users is found in ours."""
    pages = list(recorded_pages(recordings, "/users"))
    assert sum(map(len, pages)) > 30
    for records in pages:
        part = await decode_page(records, decode_user, what="users")
        assert not part.skipped
        for record, user in zip(records, part.items, strict=True):
            assert {user.id, *scalars(dict(user.attributes))} == set(scalars(record))


async def test_recorded_groups_and_members_are_decoded_without_loss(recordings: Path) -> None:
    """Every group of a real tenant and every member of its groups is found in ours."""
    for records in recorded_pages(recordings, "/groups"):
        groups = await decode_page(records, decode_group, what="groups")
        assert not groups.skipped
        for record, group in zip(records, groups.items, strict=True):
            assert (group.id, group.display_name) == (record["id"], record["displayName"])
            assert (group.description, group.mail) == (record["description"] or "", record["mail"] or "")
    pages = list(recorded_pages(recordings, "/members"))
    assert sum(map(len, pages)) > 10
    for records in pages:
        members = await decode_page(records, decode_member, what="members")
        assert [one.id for one in members.items] == [record["id"] for record in records]
        assert not members.skipped
