"""Delta rounds: whole at first, then changes only; nothing lost, nothing of another tenant, in Graph's own shapes."""

from collections.abc import Callable

import pytest

from emulator.replica import by_id, directory, records
from emulator.wire import Wire
from entraid_emulator import Behaviour, Emulator, ObjectId, contoso, generated

ADA = ObjectId("aaaaaaaa-0000-4000-8000-000000000001")
BRUNO = ObjectId("aaaaaaaa-0000-4000-8000-000000000002")
DATABASE = ObjectId("bbbbbbbb-0000-4000-8000-000000000005")
GALATA = ObjectId("bbbbbbbb-0000-4000-8000-000000000014")
EMPTY = ObjectId("bbbbbbbb-0000-4000-8000-000000000017")
HIDDEN = ObjectId("bbbbbbbb-0000-4000-8000-000000000020")
DATABASE_USER = ObjectId("aaaaaaaa-0000-4000-8000-000000000010")

Start = Callable[[Emulator], Wire]


@pytest.mark.parametrize("spelling", ["delta", "delta()", "microsoft.graph.delta", "microsoft.graph.delta()"])
def test_an_initial_round_is_everybody(contoso_wire: Wire, spelling: str) -> None:
    """In every spelling; the first page names the selection, a property that was never set is left out."""
    page = contoso_wire.body(f"/users/{spelling}?$select=displayName,jobTitle")
    assert page["@odata.context"].endswith("$metadata#users(displayName,jobTitle)")
    users = by_id(page["value"])
    truth = directory(contoso_wire).truth()
    assert set(users) == set(truth.users)
    assert users[ADA].keys() == {"displayName", "jobTitle", "id"}
    for named, user in truth.users.items():
        assert ("jobTitle" in users[named]) == (user.get("jobTitle") is not None)


def test_groups_bring_their_members_unasked(contoso_wire: Wire) -> None:
    """Type and id only; an empty group has no `members@delta`, and with `$select` members must be named."""
    groups = by_id(records(contoso_wire, "/groups/delta")[0])
    assert groups[DATABASE]["members@delta"][0] == {"@odata.type": "#microsoft.graph.user", "id": DATABASE_USER}
    assert "members@delta" not in groups[EMPTY]
    assert "groupTypes" not in groups[DATABASE], "an empty collection was never set"
    selected = by_id(records(contoso_wire, "/groups/delta?$select=displayName")[0])
    assert not any("members@delta" in group for group in selected.values())
    truth = directory(contoso_wire).truth()
    for named, group in groups.items():
        if named != HIDDEN:
            assert {one["id"] for one in group.get("members@delta", [])} == truth.members[ObjectId(named)]
    assert "members@delta" not in groups[HIDDEN], "nobody granted Member.Read.Hidden"


def test_managers_are_tracked_when_selected(own_wire: Wire) -> None:
    """As an array of one; who changes manager loses the former and gains the new one."""
    found, link = records(own_wire, "/users/delta?$select=manager")
    users = by_id(found)
    assert users[BRUNO]["manager@delta"] == [{"@odata.type": "#microsoft.graph.user", "id": ADA}]
    assert "manager@delta" not in users[ADA]
    directory(own_wire).set_manager(BRUNO, DATABASE_USER)
    found, link = records(own_wire, link)
    former, new = by_id(found)[BRUNO]["manager@delta"]
    assert (former["id"], former["@removed"], new["id"]) == (ADA, {"reason": "deleted"}, DATABASE_USER)
    directory(own_wire).set_manager(BRUNO, None)
    found, _ = records(own_wire, link)
    assert [one["id"] for one in by_id(found)[BRUNO]["manager@delta"] if "@removed" in one] == [DATABASE_USER]


def test_later_rounds_tell_what_changed_and_no_more(own_wire: Wire) -> None:
    """All selected properties of who changed, null for cleared; nothing of untracked changes; always a new link."""
    _, link = records(own_wire, "/users/delta?$select=displayName,jobTitle,mobilePhone")
    nothing, second = records(own_wire, link)
    assert nothing == []
    directory(own_wire).update_user(ADA, {"displayName": "Ada C.", "jobTitle": None})
    directory(own_wire).update_user(BRUNO, {"department": "Nobody asked"})
    changed, third = records(own_wire, second)
    assert by_id(changed).keys() == {ADA}
    assert changed[0]["displayName"] == "Ada C."
    assert changed[0]["jobTitle"] is None
    assert len({link, second, third}) >= 2
    assert records(own_wire, third)[0] == []


def test_minimal_answers_have_changed_properties_only(own_wire: Wire) -> None:
    """With `Prefer: return=minimal`, which the answer acknowledges."""
    _, link = records(own_wire, "/users/delta?$select=displayName,jobTitle")
    directory(own_wire).update_user(ADA, {"jobTitle": None})
    answer = own_wire.get(link, {"Prefer": "return=minimal"})
    assert answer.json()["value"] == [{"jobTitle": None, "id": ADA}]
    assert answer.headers["Preference-Applied"] == "return=minimal"


def test_latest_begins_now(own_wire: Wire) -> None:
    """An empty round with a link; what changes afterwards is told."""
    found, link = records(own_wire, "/groups/delta?$deltatoken=latest&$select=displayName,members")
    assert found == []
    directory(own_wire).remove_member(DATABASE, DATABASE_USER)
    directory(own_wire).add_member(DATABASE, ADA)
    (group,), _ = records(own_wire, link)
    gone, came = group["members@delta"]
    assert (gone["id"], gone["@removed"], gone["@odata.type"]) == (
        DATABASE_USER,
        {"reason": "deleted"},
        "#microsoft.graph.user",
    )
    assert came == {"@odata.type": "#microsoft.graph.user", "id": ADA}


def test_removed_objects_say_how(own_wire: Wire) -> None:
    """Users and Microsoft 365 groups `changed`, security groups and purged users `deleted`; restored ones are whole."""
    _, users = records(own_wire, "/users/delta?$select=displayName")
    _, groups = records(own_wire, "/groups/delta?$select=displayName,members")
    own = directory(own_wire)
    own.delete_user(ADA)
    own.purge_user(BRUNO)
    own.delete_group(GALATA)
    own.delete_group(DATABASE)
    found, users = records(own_wire, users)
    assert by_id(found) == {
        ADA: {"id": ADA, "@removed": {"reason": "changed"}},
        BRUNO: {"id": BRUNO, "@removed": {"reason": "deleted"}},
    }
    found, groups = records(own_wire, groups)
    removed = {record["id"]: record["@removed"]["reason"] for record in found if "@removed" in record}
    assert removed == {GALATA: "changed", DATABASE: "deleted"}
    own.restore_user(ADA)
    own.restore_group(GALATA)
    assert records(own_wire, users)[0] == [{"displayName": "Ada Çelik", "id": ADA}]
    (back,), _ = records(own_wire, groups)
    assert (back["id"], len(back["members@delta"])) == (GALATA, 5), "with all its members"


def test_groups_are_silent_about_soft_deleted_members(start: Start) -> None:
    """Deletion and restoring of a member are not told, its purge is; where restoring is told, it comes as added."""
    for behaviour in (Behaviour(soft_deleted_members="kept"), Behaviour(soft_deleted_members="hidden")):
        kept = behaviour.soft_deleted_members
        wire = start(Emulator([contoso()], behaviour=behaviour))
        own = directory(wire)
        _, link = records(wire, "/groups/delta?$select=members")
        own.delete_user(DATABASE_USER)
        found, link = records(wire, link)
        assert found == []
        initial = by_id(records(wire, "/groups/delta?$select=members")[0])
        told = {one["id"] for one in initial[DATABASE]["members@delta"]}
        assert (DATABASE_USER in told) == (kept == "kept")
        own.restore_user(DATABASE_USER)
        found, link = records(wire, link)
        assert [group["id"] for group in found if group["id"] == DATABASE] == ([DATABASE] if kept == "hidden" else [])
        own.purge_user(DATABASE_USER)
        found, _ = records(wire, link)
        assert by_id(found)[DATABASE]["members@delta"][0]["@removed"] == {"reason": "deleted"}


def test_large_groups_are_repeated_over_pages(start: Start) -> None:
    """Members come in chunks, each once, with the group's properties each time; pages stay small."""
    behaviour = Behaviour(delta_page_size=7, delta_page_members=50)
    wire = start(Emulator([generated(users=330, groups=20)], behaviour=behaviour))
    wire.emulator.app.grants[wire.emulator.tenants[0].tenant_id] = frozenset({"User.Read.All", "GroupMember.Read.All"})
    tenant = wire.emulator.tenants[0]
    truth = tenant.directory.truth()
    token = wire.token(tenant.tenant_id)
    told: dict[str, list[str]] = {}
    link, pages = "/groups/delta?$select=displayName,members", 0
    while link:
        page = wire.body(link, token=token)
        pages += 1
        assert len(page["value"]) <= 7
        assert sum(len(group.get("members@delta", [])) for group in page["value"]) <= 50
        for group in page["value"]:
            assert group["displayName"]
            told.setdefault(group["id"], []).extend(one["id"] for one in group.get("members@delta", []))
        link = page.get("@odata.nextLink", "")
    assert pages > 20
    assert {named: set(members) for named, members in told.items()} == truth.members
    assert all(len(members) == len(set(members)) for members in told.values())
