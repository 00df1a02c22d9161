"""Delta rounds: whole at first, then changes only; nothing lost, nothing of another tenant, in Graph's own shapes."""

import random
from collections.abc import Callable
from datetime import timedelta

import pytest

from emulator.replica import Replica, rounds_pages
from emulator.wire import Document, Wire
from entraid_emulator import Behaviour, Directory, Emulator, ObjectId, contoso, generated

ADA = ObjectId("aaaaaaaa-0000-4000-8000-000000000001")
BRUNO = ObjectId("aaaaaaaa-0000-4000-8000-000000000002")
DATABASE = ObjectId("bbbbbbbb-0000-4000-8000-000000000005")
GALATA = ObjectId("bbbbbbbb-0000-4000-8000-000000000014")
EMPTY = ObjectId("bbbbbbbb-0000-4000-8000-000000000017")
HIDDEN = ObjectId("bbbbbbbb-0000-4000-8000-000000000020")
DATABASE_USER = ObjectId("aaaaaaaa-0000-4000-8000-000000000010")

Start = Callable[[Emulator], Wire]


def directory(wire: Wire) -> Directory:
    """What the emulator serves, to be changed."""
    return wire.emulator.tenants[0].directory


def records(wire: Wire, link: str) -> tuple[list[Document], str]:
    """All records of a round, and the link to the next."""
    pages = list(rounds_pages(wire, link))
    return [record for page in pages for record in page["value"]], pages[-1]["@odata.deltaLink"]


def by_id(found: list[Document]) -> dict[str, Document]:
    """Records that name each object once."""
    assert len({record["id"] for record in found}) == len(found)
    return {record["id"]: record for record in found}


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


def test_filters_name_ids_and_fifty_at_most(own_wire: Wire) -> None:
    """The filter is in the token: a later round is about the same objects only."""
    found, link = records(own_wire, f"/groups/delta?$select=displayName&$filter=id eq '{DATABASE}' or id eq '{EMPTY}'")
    assert by_id(found).keys() == {DATABASE, EMPTY}
    directory(own_wire).update_group(EMPTY, {"displayName": "E"})
    directory(own_wire).update_group(GALATA, {"displayName": "G"})
    assert [group["id"] for group in records(own_wire, link)[0]] == [EMPTY]
    fifty = " or ".join(f"id eq 'bbbbbbbb-0000-4000-8000-{number:012}'" for number in range(50))
    assert len(records(own_wire, f"/groups/delta?$filter={fifty}")[0]) == 22
    assert own_wire.error(f"/groups/delta?$filter={fifty} or id eq 'x'")[:2] == (400, "Request_UnsupportedQuery")
    assert own_wire.error("/groups/delta?$filter=displayName eq 'x'")[:2] == (400, "Request_UnsupportedQuery")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("$orderby=displayName", 400),
        ("$expand=manager", 400),
        ("$search=x", 400),
        ("$select=nothing", 400),
        ("$select=memberOf", 400),
        ("$select=aboutMe", 501),
        ("$select=employeeLeaveDateTime", 403),
        ("$deltatoken=garbage", 400),
        ("$skiptoken=garbage", 400),
        ("$top=1", 200),
    ],
)
def test_options_that_delta_does_not_take(contoso_wire: Wire, query: str, status: int) -> None:
    """Refused, or ignored as `$top` is."""
    answer = contoso_wire.get(f"/users/delta?{query}")
    assert answer.status_code == status
    assert status != 200 or len(answer.json()["value"]) == 40


def test_options_beside_a_token_are_refused(contoso_wire: Wire) -> None:
    """They are in the token already."""
    link = contoso_wire.body("/users/delta?$select=displayName")["@odata.deltaLink"]
    assert contoso_wire.error(f"{link}&$select=displayName")[0] == 400
    assert contoso_wire.error(link.replace("/users/", "/groups/"))[0] == 400
    assert contoso_wire.error(link[:-2] + "AA")[0] == 400


def test_a_token_of_one_tenant_says_nothing_to_another(start: Start) -> None:
    """Equal ids or not, it is not even read."""
    tenants = [contoso(), generated(users=5, groups=1)]
    wire = start(Emulator(tenants))
    link = wire.body("/users/delta")["@odata.deltaLink"]
    assert wire.get(link, token=wire.token(tenants[1].tenant_id)).status_code == 400


@pytest.mark.parametrize(
    ("shape", "status", "code"),
    [
        ("gone", 410, "resyncRequired"),
        ("sync_state_not_found", 400, "syncStateNotFound"),
        ("unsupported_query", 400, "Request_UnsupportedQuery"),
    ],
)
def test_tokens_age(start: Start, shape: str, status: int, code: str) -> None:
    """After seven days and no sooner, in the shape chosen; a 410 says where to begin again."""
    wire = start(Emulator([contoso()], behaviour=Behaviour(expired_delta=shape)))  # type: ignore[arg-type]
    link = wire.body("/users/delta?$select=id")["@odata.deltaLink"]
    wire.emulator.clock.advance(timedelta(days=6, hours=23))
    directory(wire).update_user(ADA, {"displayName": "x"})
    assert wire.get(link).status_code == 200
    wire.emulator.clock.advance(timedelta(hours=2))
    answer = wire.get(link)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    if status == 410:
        assert answer.headers["Location"] == f"{wire.emulator.graph_url}/users/delta?$deltatoken="
        assert len(wire.body(answer.headers["Location"])["value"]) == 40


def test_the_log_forgets_what_no_token_needs(own_wire: Wire) -> None:
    """Nothing is kept before the first round, and old entries go with the age of tokens."""
    log = directory(own_wire).changes
    directory(own_wire).update_user(ADA, {"displayName": "a"})
    assert log.floor == log.version
    _, link = records(own_wire, "/users/delta?$select=displayName")
    directory(own_wire).update_user(ADA, {"displayName": "b"})
    own_wire.emulator.clock.advance(timedelta(days=4))
    found, link = records(own_wire, link)
    assert [user["displayName"] for user in found] == ["b"]
    own_wire.emulator.clock.advance(timedelta(days=5))
    directory(own_wire).update_user(ADA, {"displayName": "c"})
    found, link = records(own_wire, link)
    assert [user["displayName"] for user in found] == ["c"]
    assert log.floor < log.version
    own_wire.emulator.clock.advance(timedelta(days=30))
    records(own_wire, "/users/delta?$select=displayName")
    assert log.floor == log.version


def test_permissions_are_those_of_delta(own_wire: Wire) -> None:
    """User.ReadBasic.All lists users and does not track them."""
    tenant = own_wire.emulator.tenants[0].tenant_id
    own_wire.emulator.app.grants[tenant] = frozenset({"User.ReadBasic.All"})
    assert own_wire.get("/users?$select=id").status_code == 200
    assert own_wire.error("/users/delta")[:2] == (403, "Authorization_RequestDenied")
    assert own_wire.error("/groups/delta")[:2] == (403, "Authorization_RequestDenied")


HOSTILE = Behaviour(
    delta_page_size=3,
    delta_page_members=4,
    empty_pages=True,
    delta_replays=5,
    delta_disorder=True,
    delta_initial_removed=True,
)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "behaviour", [Behaviour(delta_page_size=5, delta_page_members=9), HOSTILE], ids=["calm", "hostile"]
)
def test_rounds_under_random_changes_end_in_the_truth(start: Start, seed: int, behaviour: Behaviour) -> None:
    """Also when things change between the pages of a round: after one more round the copy is the directory."""
    wire = start(Emulator([contoso()], behaviour=behaviour))
    wire.emulator.app.grants[wire.emulator.tenants[0].tenant_id] |= {"Member.Read.Hidden"}
    dice, own = random.Random(seed), directory(wire)  # noqa: S311 - a script, no secret
    replica = Replica(wire)
    replica.round(lambda: change(own, dice))
    for _ in range(4):
        for _ in range(dice.randrange(12)):
            change(own, dice)
        replica.round((lambda: change(own, dice)) if dice.random() < 0.5 else None)
        replica.round()
        assert replica.differences(own) == []


def change(own: Directory, dice: random.Random) -> None:
    """One change of any kind."""
    users = [ObjectId(str(user["id"])) for _, user in own.users.scan()]
    groups = [ObjectId(str(group["id"])) for _, group in own.groups.scan()]
    gone = [(one, entry.odata_type.endswith("user")) for one, entry in own.deleted.items()]
    user, group = dice.choice(users), dice.choice(groups)
    present = [one for one in own.members_of(group) if one is not None]
    match dice.randrange(11):
        case 0:
            own.update_user(user, {"department": dice.choice(["A", "B", None]), "accountEnabled": dice.random() < 0.5})
        case 1:
            own.update_group(group, {"displayName": f"G{dice.randrange(100)}", "description": None})
        case 2 | 3:
            own.add_member(group, dice.choice(users + groups))
        case 4 if present:
            own.remove_member(group, dice.choice(present))
        case 5 if len(users) > 10:
            (own.delete_user if dice.random() < 0.7 else own.purge_user)(user)
        case 6 if len(groups) > 5:
            own.delete_group(group)
        case 7 | 8 if gone:
            named, is_user = dice.choice(gone)
            if dice.random() < 0.6:
                (own.restore_user if is_user else own.restore_group)(named)
            else:
                (own.purge_user if is_user else own.purge_group)(named)
        case 9:
            own.set_manager(user, dice.choice([None, *users]))
        case _:
            number = dice.randrange(1 << 40)
            own.add_user(
                {
                    "id": f"12121212-0000-4000-8000-{number:012x}",
                    "userPrincipalName": f"n{number}@x",
                    "displayName": "New",
                }
            )
