import pytest
from aiohttp import web

from entraid_service.errors import GraphUnavailable, NotOffered, PermissionMissing
from entraid_service.model.directory import Group
from entraid_service.model.ids import GroupId, UserId
from entraid_service.ports import TenantSource
from graph.cloud import ScriptedCloud, graph_error, page

BAD = graph_error(400, "Request_UnsupportedQuery", "not this one")
MISSING = graph_error(404, "Request_ResourceNotFound")
USER = UserId("u-1")


async def groups_of(source: TenantSource) -> list[str]:
    """The groups of the user."""
    return [one async for part in source.groups_of(USER) for one in part.items]


async def test_a_user_is_read_with_the_manager(cloud: ScriptedCloud) -> None:
    """One request, by the attributes of a list."""
    cloud.on(r"/users/u-1\?", {"id": "U-1", "city": "Bonn", "manager": {"id": "U-9"}})
    user = await cloud.directory().user(USER, ("city", "employeeOrgData.division", "manager"))
    assert user is not None
    assert (user.id, user.attributes, user.manager_id) == ("u-1", {"city": "Bonn"}, "u-9")
    assert cloud.graph_requests() == ["/v1.0/users/u-1?$select=id,city,employeeOrgData&$expand=manager($select=id)"]


@pytest.mark.parametrize(("answer", "manager"), [({"id": "U-9"}, "u-9"), (MISSING, None)])
async def test_a_manager_that_is_not_expanded_is_read(
    cloud: ScriptedCloud, answer: object, manager: str | None
) -> None:
    """Without `$expand` the manager is still known."""
    cloud.on(r"expand", BAD)
    cloud.on(r"/manager", answer)  # type: ignore[arg-type]  # pytest passes it as an object
    cloud.on(r"/users/u-1\?", {"id": "U-1"})
    user = await cloud.directory().user(USER, ("city",))
    assert user is not None
    assert user.manager_id == manager


async def test_what_is_gone_is_none(cloud: ScriptedCloud) -> None:
    """Graph's own 404 means that there is no such object, and no groups of it."""
    cloud.on("/v1.0/", MISSING)
    source = cloud.directory()
    assert await source.user(USER, ("city",)) is None
    assert await source.group(GroupId("g-1")) is None
    assert await groups_of(source) == []


async def test_a_manager_who_is_not_told_is_asked_for(cloud: ScriptedCloud) -> None:
    """A Graph that ignores `$expand` answers as if he had none."""
    cloud.on(r"/manager", {"id": "U-9"})
    cloud.on(r"/users/u-1\?", {"id": "U-1"})
    user = await cloud.directory().user(USER, ("city",))
    assert user is not None
    assert user.manager_id == "u-9"


@pytest.mark.parametrize(
    "answer",
    [
        MISSING,
        BAD,
        graph_error(400, "BadRequest", "Resource not found for the segment 'transitiveMemberOf'."),
        graph_error(405, ""),
        graph_error(501, "NotImplemented"),
        web.Response(status=404),
    ],
)
async def test_a_graph_that_tells_no_groups_of_users_is_not_taken_for_one_without_groups(
    cloud: ScriptedCloud, answer: web.Response
) -> None:
    """That there is no such list looks like a user who is gone, and he is not."""
    cloud.on("transitiveMemberOf", answer)
    cloud.on(r"/users/u-1\?", {"id": "U-1"})
    with pytest.raises(NotOffered, match="groups of users"):
        await groups_of(cloud.directory())


async def test_memberships_without_a_type_are_not_left_out(cloud: ScriptedCloud) -> None:
    """Nobody can tell which of them are groups, and to leave them out would make him a member of none."""
    cloud.on("transitiveMemberOf", page({"id": "g-1"}))
    with pytest.raises(NotOffered, match="memberships"):
        await groups_of(cloud.directory())


async def test_a_graph_that_tells_no_manager_is_named(cloud: ScriptedCloud) -> None:
    """That there is no such resource does not mean that nobody has a manager."""
    cloud.on("/manager", web.Response(status=404))
    with pytest.raises(NotOffered, match="managers"):
        await cloud.directory().manager(USER)


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=404, text="404: Not Found"),
        graph_error(404, "UnknownError"),
        {"displayName": "Somebody"},
        {"id": "U-2", "displayName": "Somebody else"},
        {"id": None},
    ],
)
async def test_a_strange_answer_is_nobodys_end(cloud: ScriptedCloud, answer: object) -> None:
    """A proxy's 404 or another object is an error: nothing is removed because of it."""
    cloud.on("/v1.0/", answer)  # type: ignore[arg-type]  # pytest passes it as an object
    source = cloud.directory()
    with pytest.raises(GraphUnavailable):
        await source.user(USER, ("city",))
    with pytest.raises(GraphUnavailable):
        await source.group(GroupId("g-1"))


@pytest.mark.parametrize("name", ["o'brien", "a#b", "100%", "a%2Fb", "../users", "a/b?c=d&e", "ß é", "a+b;c"])
async def test_row_10_ids_are_one_segment(cloud: ScriptedCloud, name: str) -> None:
    """Whatever is in an id, no other object is read."""
    cloud.on("/v1.0/", MISSING)
    source = cloud.directory()
    await source.user(UserId(name), ("city",))
    await source.group(GroupId(name))
    assert all(target.count("/") == 3 and target.count("?") == 1 for target in cloud.graph_requests())
    assert not any("#" in target or "city/" in target for target in cloud.graph_requests())


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("O'Brien's", "O%27%27Brien%27%27s"),
        ("R&D #1 + 100% a/b", "R%26D%20%231%20%2B%20100%25%20a%2Fb"),
        ("Zoë Straße 群组", "Zo%C3%AB%20Stra%C3%9Fe%20%E7%BE%A4%E7%BB%84"),
        ("' or displayName ne '", "%27%27%20or%20displayName%20ne%20%27%27"),
    ],
)
async def test_row_10_a_name_is_asked_for_as_it_is(cloud: ScriptedCloud, name: str, encoded: str) -> None:
    """Quotes are doubled, the rest is encoded exactly once."""
    cloud.on(r"/groups\?", page({"id": "g-1", "displayName": name}))
    (group,) = await cloud.directory().groups_named(name)
    assert group == Group(GroupId("g-1"), name)
    assert cloud.graph_requests()[0].startswith(f"/v1.0/groups?$filter=displayName%20eq%20%27{encoded}%27&$select=id,")


async def test_row_40_equal_names_are_ours_to_judge(cloud: ScriptedCloud) -> None:
    """Every group of the name on every page, in any case, each once; what Graph takes for equal besides is not."""
    link = f"{cloud.url}/v1.0/groups?$skiptoken=a"
    cloud.on("skiptoken=a", page({"id": "G-3", "displayName": "STRASSE"}, {"id": "G-1", "displayName": "Straße"}))
    cloud.on(
        r"/groups\?", page({"id": "G-1", "displayName": "Straße"}, {"id": "G-2", "displayName": "Strasse 2"}, link=link)
    )
    found = await cloud.directory().groups_named("straße")
    assert sorted(group.id for group in found) == ["g-1", "g-3"]


async def test_a_graph_that_cannot_filter_is_searched(cloud: ScriptedCloud) -> None:
    """Where the filter is refused, all groups are read and compared."""
    cloud.on("filter", BAD)
    cloud.on(r"/groups\?", page({"id": "g-1", "displayName": "Dev"}, {"id": "g-2", "displayName": "Ops"}))
    assert [group.id for group in await cloud.directory().groups_named("ops")] == ["g-2"]


async def test_the_groups_of_a_user_are_groups(cloud: ScriptedCloud) -> None:
    """Roles and administrative units are left out, over all pages; the question is no advanced query."""
    link = f"{cloud.url}/v1.0/users/u-1/transitiveMemberOf?$skiptoken=a"
    kinds = ("group", "directoryRole", "administrativeUnit")
    records = [{"@odata.type": f"#microsoft.graph.{kind}", "id": f"ID-{kind}"} for kind in kinds]
    cloud.on("skiptoken=a", page({"@odata.type": "#microsoft.graph.group", "id": "ID-2"}))
    cloud.on("/transitiveMemberOf", page(*records, link=link))
    assert await groups_of(cloud.directory()) == ["id-group", "id-2"]
    assert cloud.graph_requests()[0] == "/v1.0/users/u-1/transitiveMemberOf?$select=id&$top=999"


async def test_a_user_who_vanishes_in_mid_list_fails_it(cloud: ScriptedCloud) -> None:
    """Half of his groups are not passed off as all."""
    cloud.on("skiptoken=a", MISSING)
    link = f"{cloud.url}/v1.0/users/u-1/transitiveMemberOf?$skiptoken=a"
    cloud.on("/transitiveMemberOf", page({"@odata.type": "#microsoft.graph.group", "id": "g"}, link=link))
    with pytest.raises(GraphUnavailable, match="404"):
        await groups_of(cloud.directory())


async def test_permissions_for_the_groups_of_a_user_are_named(cloud: ScriptedCloud) -> None:
    """Both are told."""
    cloud.on("/v1.0/", graph_error(403, "Authorization_RequestDenied"))
    with pytest.raises(PermissionMissing) as caught:
        await groups_of(cloud.directory())
    assert caught.value.missing == ("User.Read.All", "GroupMember.Read.All")
