import asyncio

import pytest
from aiohttp import web

from entraid_service.errors import GraphUnavailable, ListExpired
from entraid_service.graph import Limits
from entraid_service.ports import DirectorySource
from graph.cloud import CANARY, ScriptedCloud, graph_error, page


def user(number: int) -> dict[str, object]:
    """A user record."""
    return {"id": f"u-{number}", "displayName": f"Person {number}"}


async def ids(source: DirectorySource) -> list[str]:
    """The ids of all users."""
    return [one.id async for part in source.users(("displayName",)) for one in part.items]


async def test_short_and_empty_pages_do_not_end_a_list(cloud: ScriptedCloud) -> None:
    """Only a missing next link ends a list."""
    link = f"{cloud.url}/v1.0/users?$skiptoken="
    cloud.on(r"skiptoken=a", page(link=link + "b"))
    cloud.on(r"skiptoken=b", page(user(2), link=link + "c"))
    cloud.on(r"skiptoken=c", {**page(user(3)), "@odata.nextLink": None})
    cloud.on(r"/users\?", page(user(1), link=link + "a"))
    assert await ids(cloud.directory()) == ["u-1", "u-2", "u-3"]


async def test_a_failing_later_page_fails_the_list(cloud: ScriptedCloud) -> None:
    """What was read before an error is never passed off as the whole list."""
    cloud.on(r"skiptoken", graph_error(500, "UnknownError"))
    cloud.on(r"/users\?", page(user(1), link=f"{cloud.url}/v1.0/users?$skiptoken=a"))
    users = cloud.directory().users(("displayName",))
    assert len((await anext(users)).items) == 1
    with pytest.raises(GraphUnavailable, match="500 UnknownError"):
        await anext(users)


@pytest.mark.parametrize("again", ["a", "b"])
async def test_a_link_that_comes_twice_is_an_error(cloud: ScriptedCloud, again: str) -> None:
    """A list without end is noticed, whether a page names itself or an earlier one."""
    link = f"{cloud.url}/v1.0/users?$skiptoken="
    cloud.on(r"skiptoken=a", page(user(2), link=link + "b"))
    cloud.on(r"skiptoken=b", page(user(3), link=link + again))
    cloud.on(r"/users\?", page(user(1), link=link + "a"))
    with pytest.raises(GraphUnavailable, match="came twice"):
        await ids(cloud.directory())
    assert len(cloud.graph_requests()) == 3


async def test_a_list_of_too_many_pages_is_an_error(cloud: ScriptedCloud) -> None:
    """Links that are all different do not keep a read going for ever."""
    numbers = iter(range(100))

    async def endless(_: web.Request) -> web.StreamResponse:
        return web.json_response(page(link=f"{cloud.url}/v1.0/users?$skiptoken={next(numbers)}"))

    cloud.on(r"/users\?", endless)
    with pytest.raises(GraphUnavailable, match="more than 5 pages"):
        await ids(cloud.directory(limits=Limits(pages=5)))


@pytest.mark.parametrize(
    "expired",
    [
        graph_error(400, "Directory_ExpiredPageToken"),
        graph_error(410, "resyncRequired"),
        graph_error(400, "syncStateNotFound"),
        web.Response(status=410, headers={"Location": "https://elsewhere.example/"}),
    ],
    ids=["page token", "410", "sync state", "410 without a body"],
)
async def test_an_expired_list_says_that_it_is_to_be_read_again(cloud: ScriptedCloud, expired: web.Response) -> None:
    """Graph forgetting a list is neither its end nor a failure of Graph."""
    cloud.on(r"skiptoken", expired)
    cloud.on(r"/users\?", page(user(1), link=f"{cloud.url}/v1.0/users?$skiptoken=a"))
    with pytest.raises(ListExpired, match="users"):
        await ids(cloud.directory())


@pytest.mark.parametrize(
    "template",
    [
        "https://localhost:{other}/v1.0/users?$skiptoken=a",
        "https://localhost:{own}@localhost:{other}/v1.0/users",
        "https://token@localhost:{own}/v1.0/users",
        "https://127.0.0.1:{other}/v1.0/users?$skiptoken=a",
        "https://127.0.0.2:{own}/v1.0/users?$skiptoken=a",
        "http://127.0.0.1:{own}/v1.0/users?$skiptoken=a",
        "https://graph.microsoft.com:{own}/v1.0/users?$skiptoken=a",
        "https://graph.microsoft.com/beta/users?$skiptoken=a",
        "https://graph.microsoft.com.example/v1.0/users?$skiptoken=a",
        "http://localhost:{own}/v1.0/users?$skiptoken=a",
        "//localhost:{other}/v1.0/users",
        "///v1.0/users?$skiptoken=a",
        "https://localhost:port/v1.0/users",
        "javascript:alert(1)",
    ],
)
async def test_a_link_to_another_place_never_gets_the_token(
    cloud: ScriptedCloud, other_cloud: ScriptedCloud, template: str
) -> None:
    """Scheme, host and port of a next link are Graph's, or nobody is asked."""
    ports = {"own": cloud.url.rpartition(":")[2], "other": other_cloud.url.rpartition(":")[2]}
    cloud.on(r"/users\?", page(user(1), link=template.format(**ports)))
    with pytest.raises(GraphUnavailable, match="in place of Graph"):
        await ids(cloud.directory())
    assert other_cloud.asked == []
    assert len(cloud.graph_requests()) == 1


@pytest.mark.parametrize(
    "start",
    [
        "",
        "https://127.0.0.1:{own}",
        "https://LOCALHOST:{own}",
        "https://[::1]:{own}",
        "https://graph.microsoft.com",
        "https://graph.microsoft.com:443",
        "https://microsoftgraph.chinacloudapi.cn",
    ],
)
async def test_another_spelling_of_graphs_own_place_is_asked_at_the_configured_one(
    cloud: ScriptedCloud, start: str
) -> None:
    """A link without a host, with another name of this machine, or as a gateway to Microsoft's Graph passes it on."""
    path = "/v1.0/users?$skiptoken=RFNw%2FdA+%27"
    cloud.on(r"skiptoken", page(user(2)))
    cloud.on(r"/users\?", page(user(1), link=start.format(own=cloud.url.rpartition(":")[2]) + path))
    assert await ids(cloud.directory()) == ["u-1", "u-2"]
    assert cloud.graph_requests()[-1] == path


async def test_a_redirect_is_not_followed(cloud: ScriptedCloud, other_cloud: ScriptedCloud) -> None:
    """The token does not go where an answer points to."""
    cloud.on(r"/users\?", web.Response(status=302, headers={"Location": f"{other_cloud.url}/v1.0/users"}))
    with pytest.raises(GraphUnavailable, match="302 Found"):
        await ids(cloud.directory())
    assert other_cloud.asked == []


async def test_links_are_sent_as_graph_wrote_them(cloud: ScriptedCloud) -> None:
    """Nothing is added to a link, decoded, or encoded once more."""
    path = "/v1.0/users?%24skiptoken=RFNw%2FdA+%27x%2527%3d%3D~!*()&$top=5&&empty=&$select=id,displayName"
    cloud.on(r"skiptoken", page(user(2)))
    cloud.on(r"/users\?", page(user(1), link=cloud.url.replace("localhost", "LOCALHOST") + path))
    assert await ids(cloud.directory()) == ["u-1", "u-2"]
    assert cloud.graph_requests()[-1] == path


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"value": None},
        {"value": {"id": "u-1"}},
        {"value": "u-1"},
        {"value": [], "@odata.nextLink": ""},
        {"value": [], "@odata.nextLink": 7},
    ],
)
async def test_a_page_without_records_or_link_is_an_error(cloud: ScriptedCloud, body: dict[str, object]) -> None:
    """A 200 that holds no list is not an empty list."""
    cloud.on(r"/users\?", body)
    with pytest.raises(GraphUnavailable, match="broke its protocol"):
        await ids(cloud.directory())


async def test_a_page_with_both_links_is_an_error(cloud: ScriptedCloud) -> None:
    """Graph documents that a page never has a next link and a delta link."""
    link = f"{cloud.url}/v1.0/users?$skiptoken=a"
    cloud.on(r"/users\?", {**page(user(1), link=link), "@odata.deltaLink": link + "b"})
    with pytest.raises(GraphUnavailable, match="both"):
        await ids(cloud.directory())


async def test_the_next_page_is_fetched_while_this_one_is_used(cloud: ScriptedCloud) -> None:
    """A slow consumer and a slow Graph do not wait for each other."""
    is_asked = asyncio.Event()

    async def second(_: web.Request) -> web.StreamResponse:
        is_asked.set()
        return web.json_response(page(user(2)))

    cloud.on(r"skiptoken", second)
    cloud.on(r"/users\?", page(user(1), link=f"{cloud.url}/v1.0/users?$skiptoken=a"))
    users = cloud.directory().users(("displayName",))
    await anext(users)
    async with asyncio.timeout(5):
        await is_asked.wait()
    assert [one.id for one in (await anext(users)).items] == ["u-2"]


async def test_a_list_that_is_given_up_leaves_no_task_behind(cloud: ScriptedCloud) -> None:
    """Ending a read early ends the fetch of the page that nobody wants."""
    hanging = asyncio.Event()

    async def hang(_: web.Request) -> web.StreamResponse:
        hanging.set()
        await asyncio.sleep(30)
        raise AssertionError(CANARY)

    cloud.on(r"skiptoken", hang)
    cloud.on(r"/groups\?", page({"id": "g-1", "displayName": "G"}, link=f"{cloud.url}/v1.0/groups?$skiptoken=a"))
    groups = cloud.directory().groups()
    await anext(groups)
    await hanging.wait()
    before = asyncio.all_tasks()
    await groups.aclose()  # type: ignore[attr-defined]  # the port promises an iterator, ours is a generator
    assert len(asyncio.all_tasks()) < len(before)
