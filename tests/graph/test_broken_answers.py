import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import web

from entraid_service.errors import GraphUnavailable
from entraid_service.graph import Limits, MicrosoftGraph
from entraid_service.model.secret import Secret
from entraid_service.ports import DirectorySource
from graph.cloud import CANARY, FastTimer, ScriptedCloud, Step, graph_error, page, text_of

GOOD = page({"id": "g-1", "displayName": "G"})


async def read_groups(source: DirectorySource) -> list[str]:
    """The ids of all groups."""
    return [one.id async for part in source.groups() for one in part.items]


async def hang_up(request: web.Request) -> web.StreamResponse:
    """Closes the connection in place of an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def cut_off(request: web.Request) -> web.StreamResponse:
    """Announces more than it sends."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = 500
    await response.prepare(request)
    await response.write(b'{"value": [{"id": "g-1"')
    assert request.transport is not None
    request.transport.close()
    return response


def broken(body: str, content_type: str = "application/json") -> web.Response:
    """A 200 that is no Graph answer."""
    return web.Response(text=body, content_type=content_type)


BROKEN: dict[str, Step] = {
    "408": web.Response(status=408),
    "500": graph_error(500, "UnknownError"),
    "502": web.Response(status=502, text="<html>Bad Gateway</html>", content_type="text/html"),
    "503": graph_error(503, "ServiceUnavailable"),
    "504": graph_error(504, "GatewayTimeout"),
    "reset": hang_up,
    "cut off": cut_off,
    "truncated JSON": broken('{"value": [{"id": "g-1"'),
    "HTML with 200": broken("<html>Sign in to the proxy</html>", "text/html"),
    "JSON marked as HTML": broken('{"value": []}', "text/html"),
    "a list": broken('["value"]'),
    "nothing": broken(""),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_answer_is_asked_for_again(cloud: ScriptedCloud, timer: FastTimer, name: str) -> None:
    """One bad answer, and even three, cost a pause and nothing else."""
    step = BROKEN[name]
    cloud.on(r"/groups\?", step, step, step, GOOD)
    assert await read_groups(cloud.directory(timer=timer)) == ["g-1"]
    # aiohttp itself repeats a GET at once when a kept connection was reset, which is one pause less each time.
    assert len(timer.slept) == 3 or (name == "reset" and timer.slept)
    assert all(0.25 * 2**n <= pause <= 0.5 * 2**n for n, pause in enumerate(timer.slept))


@pytest.mark.parametrize("name", BROKEN)
async def test_broken_answers_without_end_are_a_clear_error(cloud: ScriptedCloud, name: str) -> None:
    """After bounded tries the read fails; it never ends early as if it were complete."""
    cloud.on(r"/groups\?", BROKEN[name])
    with pytest.raises(GraphUnavailable, match=r"groups.*nothing was changed"):
        await read_groups(cloud.directory(limits=Limits(attempts=3)))
    assert 3 <= len(cloud.graph_requests()) <= 6  # aiohttp itself repeats a GET on a connection that was kept


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/octet-stream"])
async def test_a_byte_order_mark_or_another_name_for_json_is_no_broken_answer(
    cloud: ScriptedCloud, content_type: str
) -> None:
    """What matters is what stands in it."""
    body = b'\xef\xbb\xbf{"value": [{"id": "g-1", "displayName": "G"}]}'
    cloud.on(r"/groups\?", web.Response(body=body, content_type=content_type))
    assert await read_groups(cloud.directory()) == ["g-1"]
    assert len(cloud.graph_requests()) == 1


async def test_pauses_are_not_the_same_for_everybody(cloud: ScriptedCloud, timer: FastTimer) -> None:
    """Jitter: the same failure does not bring all tenants back at the same moment."""
    cloud.on(r"/groups\?", BROKEN["503"])
    for _ in range(3):
        with pytest.raises(GraphUnavailable):
            await read_groups(cloud.directory(timer=timer))
    assert len(set(timer.slept)) == len(timer.slept)


async def test_501_is_not_repeated(cloud: ScriptedCloud, timer: FastTimer) -> None:
    """What Graph does not implement does not get better by waiting."""
    cloud.on(r"/groups\?", graph_error(501, "NotImplemented"))
    with pytest.raises(GraphUnavailable, match="501 NotImplemented"):
        await read_groups(cloud.directory(timer=timer))
    assert timer.slept == []


async def test_a_slow_drip_ends_at_the_deadline(cloud: ScriptedCloud) -> None:
    """An answer that comes byte by byte does not hold a read for ever."""

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.05)

    cloud.on(r"/groups\?", drip)
    limits = Limits(attempts=2, answer=timedelta(seconds=0.4), silence=timedelta(seconds=0.3))
    start = time.monotonic()
    with pytest.raises(GraphUnavailable, match=r"did not answer within 0.4 s"):
        await read_groups(cloud.directory(limits=limits))
    assert time.monotonic() - start < 5


async def test_silence_ends_before_the_deadline(cloud: ScriptedCloud) -> None:
    """A peer that says nothing is given up earlier than one that is slow."""

    async def silent(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(20)
        return web.Response()

    cloud.on(r"/groups\?", silent)
    start = time.monotonic()
    with pytest.raises(GraphUnavailable, match="fell silent"):
        await read_groups(cloud.directory(limits=Limits(attempts=1, silence=timedelta(seconds=0.2))))
    assert time.monotonic() - start < 5


async def test_an_answer_without_end_is_cut(cloud: ScriptedCloud) -> None:
    """Memory is bounded whatever is sent, compressed or not."""
    cloud.on(r"/groups\?", web.Response(body=b" " * 300_000, content_type="application/json"))
    with pytest.raises(GraphUnavailable, match="more than 100000 bytes"):
        await read_groups(cloud.directory(limits=Limits(body_bytes=100_000)))
    assert len(cloud.graph_requests()) == 1


async def test_the_error_names_graphs_request_id(cloud: ScriptedCloud) -> None:
    """Microsoft's support asks for it."""
    cloud.on(r"/groups\?", graph_error(500, "UnknownError"))
    with pytest.raises(GraphUnavailable) as caught:
        await read_groups(cloud.directory())
    assert caught.value.metadata == {"request_id": "r-1"}


async def test_graphs_words_are_cut_and_cleaned(cloud: ScriptedCloud) -> None:
    """What the other side writes reaches logs as one short line."""
    cloud.on(r"/groups\?", graph_error(400, "BadRequest", "no\r\n\x1b[31mproperty " + "x" * 5000))
    with pytest.raises(GraphUnavailable) as caught:
        await read_groups(cloud.directory())
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 600


@asynccontextmanager
async def reading(cloud: ScriptedCloud, graph: MicrosoftGraph) -> AsyncIterator[DirectorySource]:
    """A source of a Graph of the test's own."""
    try:
        yield graph.directory(cloud.token_source())
    finally:
        await graph.close()


async def test_an_untrusted_certificate_is_named_and_not_retried(cloud: ScriptedCloud) -> None:
    """Without the CA bundle nothing is sent, and the error says what to set."""
    async with reading(cloud, MicrosoftGraph(base_url=f"{cloud.url}/v1.0", timer=FastTimer())) as source:
        with pytest.raises(GraphUnavailable, match=r"certificate of `localhost:.*CA bundle"):
            await read_groups(source)
    assert cloud.graph_requests() == []


async def test_an_unreachable_graph_is_named(cloud: ScriptedCloud) -> None:
    """Nobody listens there: the host is in the error."""
    graph = MicrosoftGraph(base_url="https://127.0.0.1:1/v1.0", ca_bundle=cloud.ca_file, timer=FastTimer())
    async with reading(cloud, graph) as source:
        with pytest.raises(GraphUnavailable, match=r"`127.0.0.1:1` cannot be reached"):
            await read_groups(source)


async def test_a_dead_proxy_is_named_without_its_password(cloud: ScriptedCloud) -> None:
    """The proxy's URL holds a password: no part of the error shows it."""
    proxy = Secret(f"http://someone:{CANARY}@127.0.0.1:1")
    graph = MicrosoftGraph(base_url=f"{cloud.url}/v1.0", ca_bundle=cloud.ca_file, proxy=proxy, timer=FastTimer())
    async with reading(cloud, graph) as source:
        with pytest.raises(GraphUnavailable, match="proxy") as caught:
            await read_groups(source)
    assert CANARY not in text_of(caught.value)


@pytest.mark.parametrize("url", ["http://graph.example/v1.0", "graph.example", ""])
def test_graph_is_reached_over_https_only(url: str) -> None:
    """A token is never sent in the clear."""
    with pytest.raises(ValueError, match="not an https URL"):
        MicrosoftGraph(base_url=url)


async def test_the_environment_changes_nothing(cloud: ScriptedCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxy and trust come from the settings alone."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    cloud.on(r"/groups\?", GOOD)
    assert await read_groups(cloud.directory()) == ["g-1"]
