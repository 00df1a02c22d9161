import pytest
from aiohttp import web

from entraid_service.errors import EntraidError, GraphUnavailable
from entraid_service.model.directory import User
from entraid_service.model.ids import GroupId
from entraid_service.ports import DirectorySource
from graph.cloud import ScriptedCloud, graph_error, page

BAD = graph_error(400, "Request_UnsupportedQuery", "not this one")


async def read(source: DirectorySource, *attributes: str) -> list[User]:
    """All users."""
    return [one async for part in source.users(attributes) for one in part.items]


async def test_users_are_asked_for_by_whole_properties_with_their_manager(cloud: ScriptedCloud) -> None:
    """Parts of complex attributes select the whole, each once; `manager` is expanded and not selected."""
    cloud.on(r"/users\?", page())
    names = ("displayName", "employeeOrgData.division", "employeeOrgData.costCenter", "manager", "displayName")
    await read(cloud.directory(), *names)
    expected = "/v1.0/users?$select=id,displayName,employeeOrgData&$top=999&$expand=manager($select=id)"
    assert cloud.graph_requests() == [expected]


@pytest.mark.parametrize(
    ("group_id", "segment"),
    [
        ("o'brien", "o%27brien"),
        ("a#b", "a%23b"),
        ("100%", "100%25"),
        ("a%2Fb", "a%252Fb"),
        ("../users", "..%2Fusers"),
        ("a/b?c=d&e", "a%2Fb%3Fc%3Dd%26e"),
        ("ß é", "%C3%9F%20%C3%A9"),
        ("a+b;c", "a%2Bb%3Bc"),
    ],
)
async def test_a_segment_is_encoded_exactly_once(cloud: ScriptedCloud, group_id: str, segment: str) -> None:
    """Whatever is in a name, the object that is read is the one that was meant."""
    cloud.on(r"/groups\?", page())
    cloud.on(r"/members", page())
    source = cloud.directory()
    async for _ in source.groups():
        pass
    async for _ in source.members(GroupId(group_id)):
        pass
    assert cloud.graph_requests("/members") == [f"/v1.0/groups/{segment}/members?$select=id&$top=999"]


async def test_a_value_is_encoded_exactly_once(cloud: ScriptedCloud) -> None:
    """An attribute's name cannot add an option to the query."""
    cloud.on(r"/users\?", page())
    await read(cloud.directory(), "a&$top=1#x", "b%26c'd")
    assert "$select=id,a%26$top=1%23x,b%2526c%27d&$top=999" in cloud.graph_requests()[0]


async def test_smaller_pages_are_asked_for_where_the_largest_are_refused(cloud: ScriptedCloud) -> None:
    """Some attributes make Graph refuse pages of 999."""
    cloud.on(r"top=999", BAD)
    cloud.on(r"top=100&\$expand", page({"id": "u-1", "manager": {"id": "u-2"}}))
    users = await read(cloud.directory(), "displayName")
    assert [(one.id, one.manager_id) for one in users] == [("u-1", "u-2")]
    assert len(cloud.graph_requests()) == 2


@pytest.mark.parametrize("what", ["users", "groups", "members"])
async def test_a_graph_with_pages_of_its_own_size_is_asked_for_those(cloud: ScriptedCloud, what: str) -> None:
    """A smaller largest page than Microsoft's, or none that can be asked for, is no reason to read nothing."""
    cloud.on(r"top=", graph_error(400, "Request_UnsupportedQuery", "Invalid page size specified"))
    cloud.on(r"/members\?", page({"@odata.type": "#microsoft.graph.user", "id": "u-1"}))
    cloud.on(r"/(users|groups)\?", page({"id": "u-1", "displayName": "One"}))
    cloud.on(r"/groups/g", {"id": "g"})
    source = cloud.directory()
    lists = {
        "users": source.users(("displayName",)),
        "groups": source.groups(),
        "members": source.members(GroupId("g")),
    }
    assert [one.id async for part in lists[what] for one in part.items] == ["u-1"]  # type: ignore[attr-defined]  # a union


@pytest.mark.parametrize("refused", [BAD, graph_error(501, "NotImplemented")], ids=["400", "501"])
async def test_managers_are_read_one_by_one_where_they_cannot_be_expanded(
    cloud: ScriptedCloud, refused: web.Response
) -> None:
    """Without `$expand` the managers are still known: nobody's manager is taken as none."""
    cloud.on(r"expand", refused)
    cloud.on(r"/users/u-1/manager", {"id": "U-9"})
    cloud.on(r"/users/u-2/manager", graph_error(404, "Request_ResourceNotFound"))
    cloud.on(r"/users\?", page({"id": "U-1"}, {"id": "U-2"}))
    users = await read(cloud.directory(), "displayName")
    assert [(one.id, one.manager_id) for one in users] == [("u-1", "u-9"), ("u-2", None)]


@pytest.mark.parametrize("answer", [graph_error(404, ""), graph_error(500, "UnknownError"), {"displayName": "?"}])
async def test_a_manager_that_cannot_be_read_fails_the_list(cloud: ScriptedCloud, answer: object) -> None:
    """An error is not "no manager"."""
    cloud.on(r"expand", BAD)
    cloud.on(r"/manager", answer)  # type: ignore[arg-type]  # pytest passes it as an object
    cloud.on(r"/users\?", page({"id": "U-1"}, {"id": "U-2"}))
    with pytest.raises(EntraidError):
        await read(cloud.directory(), "displayName")


async def test_an_attribute_that_does_not_exist_is_named(cloud: ScriptedCloud) -> None:
    """Where every form of the query is refused, Graph's first words are passed on."""
    text = "Could not find a property named 'shoeSize' on type 'microsoft.graph.user'."
    cloud.on(r"/users\?", graph_error(400, "BadRequest", text))
    with pytest.raises(GraphUnavailable, match=r"'shoeSize'.*names of the attributes"):
        await read(cloud.directory(), "shoeSize")


async def test_a_query_refused_on_a_later_page_is_an_error(cloud: ScriptedCloud) -> None:
    """A list that has begun is not begun again in another form, which would mix two lists."""
    cloud.on(r"skiptoken", BAD)
    cloud.on(r"/users\?", page({"id": "u-1"}, link=f"{cloud.url}/v1.0/users?$skiptoken=a"))
    with pytest.raises(GraphUnavailable, match="400"):
        await read(cloud.directory(), "displayName")
    assert len(cloud.graph_requests()) == 2
