import pytest
from aiohttp import web

from entraid_service.errors import (
    CredentialsRejected,
    EntraidError,
    FeedUnsupported,
    GraphThrottled,
    GraphUnavailable,
    ListExpired,
    PermissionMissing,
)
from entraid_service.graph import Limits
from entraid_service.ports import TenantSource
from graph.cloud import ScriptedCloud, delta, graph_error, page

FEEDS = ("users", "groups")


async def read(source: TenantSource, feed: str, *, link: str = "") -> list[str]:
    """The ids that a round of a feed tells."""
    if feed == "users":
        return [one.id async for part in source.user_changes(("displayName",), link=link) for one in part.items]
    return [one.id async for part in source.group_changes(link=link) for one in part.items]


def told_within(code: str) -> web.Response:
    """An error whose inner one says what it is."""
    error = {"code": "BadRequest", "message": "said by the test", "innerError": {"code": code, "request-id": "r-1"}}
    return web.json_response({"error": error}, status=400)


EXPIRED = {
    "410 with a Location": web.Response(
        status=410, headers={"Location": "https://elsewhere.example/v1.0/users/delta?$deltatoken="}
    ),
    "410 resyncRequired": graph_error(410, "resyncRequired"),
    "410 SyncStateNotFound": graph_error(410, "SyncStateNotFound"),
    "400 syncStateNotFound": graph_error(400, "syncStateNotFound"),
    "404 RESYNCREQUIRED": graph_error(404, "RESYNCREQUIRED"),
    "409 syncStateNotFound": graph_error(409, "syncStateNotFound"),
    "400 within": told_within("syncStateNotFound"),
    "400 by its words": graph_error(
        400, "BadRequest", "The sync state generation is not found. The delta token is old."
    ),
    "400 unsupported query": graph_error(
        400, "Request_UnsupportedQuery", "DeltaLink older than 30 days is not supported."
    ),
    "400 page token": graph_error(400, "Directory_ExpiredPageToken"),
}


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("name", EXPIRED)
async def test_row_16_an_aged_link_asks_for_a_new_read(cloud: ScriptedCloud, feed: str, name: str) -> None:
    """In whichever form Graph says it, at once and without a retry; nothing follows its Location."""
    cloud.on("deltatoken=old", EXPIRED[name])
    with pytest.raises(ListExpired):
        await read(cloud.directory(), feed, link=f"{cloud.url}/v1.0/{feed}/delta?$deltatoken=old")
    assert len(cloud.graph_requests()) == 1


@pytest.mark.parametrize("name", EXPIRED)
async def test_row_16_a_round_that_graph_forgets_in_between_is_dropped(cloud: ScriptedCloud, name: str) -> None:
    """A later page of a round may age as well, also in a first round."""
    link = f"{cloud.url}/v1.0/groups/delta?$skiptoken=a"
    cloud.on("skiptoken=a", EXPIRED[name])
    cloud.on("/groups/delta", page({"id": "g-1", "displayName": "G"}, link=link))
    with pytest.raises(ListExpired):
        await read(cloud.directory(), "groups")


@pytest.mark.parametrize(
    "answer", [graph_error(400, "Whatever"), graph_error(404, "UnknownError"), graph_error(501, "NotImplemented")]
)
async def test_row_16_a_link_that_graph_refuses_is_worthless(cloud: ScriptedCloud, answer: web.Response) -> None:
    """A kept link is not tried for ever: the next thing is a new read, which says what is wrong."""
    cloud.on("deltatoken=old", answer)
    with pytest.raises(ListExpired, match="not taken any more"):
        await read(cloud.directory(), "users", link=f"{cloud.url}/v1.0/users/delta?$deltatoken=old")


async def test_a_page_refused_in_mid_round_is_an_error(cloud: ScriptedCloud) -> None:
    """A round that has begun is not taken for one whose link was bad."""
    cloud.on("skiptoken=a", graph_error(400, "BadRequest"))
    cloud.on("deltatoken=old", page({"id": "u-1"}, link=f"{cloud.url}/v1.0/users/delta?$skiptoken=a"))
    with pytest.raises(GraphUnavailable, match="400 BadRequest"):
        await read(cloud.directory(), "users", link=f"{cloud.url}/v1.0/users/delta?$deltatoken=old")


PASSING: dict[str, tuple[web.Response, type[EntraidError]]] = {
    "429": (graph_error(429, "TooManyRequests"), GraphThrottled),
    "500": (graph_error(500, "UnknownError"), GraphUnavailable),
    "503": (graph_error(503, "ServiceUnavailable"), GraphUnavailable),
    "HTML": (web.Response(text="<html>not found</html>", content_type="text/html"), GraphUnavailable),
    "401": (graph_error(401, "InvalidAuthenticationToken"), CredentialsRejected),
    "403": (graph_error(403, "Authorization_RequestDenied"), PermissionMissing),
}


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("name", PASSING)
async def test_trouble_is_neither_a_missing_feed_nor_an_aged_link(cloud: ScriptedCloud, feed: str, name: str) -> None:
    """Throttles, faults and permissions say nothing about feeds and links: they are what they are."""
    answer, expected = PASSING[name]
    cloud.on(f"/{feed}/delta", answer)
    source = cloud.directory(limits=Limits(attempts=2, throttles=2))
    for link in ("", f"{cloud.url}/v1.0/{feed}/delta?$deltatoken=old"):
        with pytest.raises(expected) as caught:
            await read(source, feed, link=link)
        assert not isinstance(caught.value, ListExpired | FeedUnsupported)


UNSUPPORTED = {
    "unknown segment": graph_error(400, "BadRequest", "Resource not found for the segment 'delta'."),
    "unsupported query": graph_error(400, "Request_UnsupportedQuery", "Delta query is not supported."),
    "no such user": graph_error(404, "Request_ResourceNotFound", "Resource 'delta' does not exist."),
    "no such page": web.Response(status=404, text="404: Not Found"),
    "method": graph_error(405, "Request_BadRequest"),
    "not implemented": graph_error(501, "NotImplemented"),
}


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("name", UNSUPPORTED)
async def test_a_tenant_without_feeds_says_so(cloud: ScriptedCloud, feed: str, name: str) -> None:
    """External ID tenants have none: lists tell the same."""
    cloud.on("/delta", UNSUPPORTED[name])
    with pytest.raises(FeedUnsupported, match=feed):
        await read(cloud.directory(), feed)


async def test_another_refusal_is_no_missing_feed(cloud: ScriptedCloud) -> None:
    """400 is Graph's answer to everything: what it says decides."""
    cloud.on("/delta", graph_error(400, "Directory_QuotaExceeded"))
    with pytest.raises(GraphUnavailable, match="Directory_QuotaExceeded"):
        await read(cloud.directory(), "groups")


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize(
    "template",
    [
        "https://localhost:{other}/v1.0/users/delta?$deltatoken=old",
        "https://localhost:{own}@localhost:{other}/v1.0/users/delta",
        "http://localhost:{own}/v1.0/users/delta?$deltatoken=old",
        "//localhost:{other}/v1.0/users/delta",
        "nonsense",
    ],
)
async def test_rows_8_and_18_a_kept_link_to_another_place_never_gets_the_token(
    cloud: ScriptedCloud, other_cloud: ScriptedCloud, feed: str, template: str
) -> None:
    """A link that was read back from the store is trusted no more than one of an answer."""
    ports = {"own": cloud.url.rpartition(":")[2], "other": other_cloud.url.rpartition(":")[2]}
    with pytest.raises(ListExpired, match="in place of Graph"):
        await read(cloud.directory(), feed, link=template.format(**ports))
    assert other_cloud.asked == []
    assert cloud.graph_requests() == []


@pytest.mark.parametrize("feed", FEEDS)
async def test_row_8_a_delta_link_to_another_place_is_not_kept(
    cloud: ScriptedCloud, other_cloud: ScriptedCloud, feed: str
) -> None:
    """It is refused when it comes, not only when it is used."""
    cloud.on("/delta", delta(link=f"{other_cloud.url}/v1.0/{feed}/delta?$deltatoken=x"))
    with pytest.raises(GraphUnavailable, match="in place of Graph"):
        await read(cloud.directory(), feed)


async def test_row_3_a_round_that_names_itself_is_an_error(cloud: ScriptedCloud) -> None:
    """A next link that leads back to the kept link would be followed for ever."""
    link = f"{cloud.url}/v1.0/users/delta?$deltatoken=old"
    cloud.on("deltatoken=old", page({"id": "u-1"}, link=link))
    with pytest.raises(GraphUnavailable, match="came twice"):
        await read(cloud.directory(), "users", link=link)


async def test_the_same_link_may_serve_again(cloud: ScriptedCloud) -> None:
    """A round without changes may end with the link that it began with."""
    link = f"{cloud.url}/v1.0/users/delta?$deltatoken=old"
    cloud.on("deltatoken=old", delta(link=link))
    assert await read(cloud.directory(), "users", link=link) == []


async def test_a_secretless_link_is_sent_as_it_was_kept(cloud: ScriptedCloud) -> None:
    """Nothing is decoded, added or encoded once more."""
    path = "/v1.0/users/delta?%24deltatoken=RFNw%2FdA+%27x%2527%3d%3D~!*()&&empty="
    cloud.on("deltatoken", delta(link=f"{cloud.url}/v1.0/users/delta?$deltatoken=new"))
    await read(cloud.directory(), "users", link=cloud.url + path)
    assert cloud.graph_requests() == [path]
