import asyncio
import base64
import json

import pytest
from aiohttp import web

from entraid_service.errors import CredentialsRejected
from entraid_service.graph import Limits
from entraid_service.model.ids import GroupId
from entraid_service.ports import DirectorySource
from graph.cloud import ScriptedCloud, graph_error, page

CLAIMS = {"access_token": {"nbf": {"essential": True, "value": "1764000000"}, "name": "Zoë>>>???"}}
STANDARD = base64.b64encode(json.dumps(CLAIMS).encode()).decode()
URL_SAFE = base64.urlsafe_b64encode(json.dumps(CLAIMS).encode()).decode()


def rejection(challenge: str = "") -> web.Response:
    """A 401."""
    header = f'Bearer realm="", authorization_uri="https://login.example/common"{challenge}'
    return graph_error(401, "InvalidAuthenticationToken", WWW_Authenticate=header)


async def read_groups(source: DirectorySource) -> list[str]:
    """The ids of all groups."""
    return [one.id async for part in source.groups() for one in part.items]


async def test_a_token_rejected_in_mid_run_is_renewed_once(cloud: ScriptedCloud) -> None:
    """The list goes on with a new token where it stood."""
    cloud.on(r"skiptoken", rejection(), page({"id": "g-2"}))
    cloud.on(r"/groups\?", page({"id": "g-1"}, link=f"{cloud.url}/v1.0/groups?$skiptoken=a"))
    assert await read_groups(cloud.directory()) == ["g-1", "g-2"]
    assert cloud.bearers == ["opaque-1", "opaque-1", "opaque-2"]
    assert len(cloud.token_requests) == 2


@pytest.mark.parametrize(
    "encoded", [STANDARD, STANDARD.rstrip("="), URL_SAFE, URL_SAFE.rstrip("=")], ids=["std", "std-", "url", "url-"]
)
async def test_a_claims_challenge_reaches_entra(cloud: ScriptedCloud, encoded: str) -> None:
    """What Graph wants to see in the new token is asked of Entra, in whichever base64 it came."""
    challenge = f', error="insufficient_claims", claims="{encoded}"'
    cloud.on(r"/groups\?", rejection(challenge), page({"id": "g-1"}))
    assert await read_groups(cloud.directory()) == ["g-1"]
    asked = json.loads(cloud.token_requests[1]["claims"])
    assert asked["access_token"]["nbf"] == CLAIMS["access_token"]["nbf"]
    assert asked["access_token"]["xms_cc"] == {"values": ["CP1"]}


@pytest.mark.parametrize("challenge", ["!!!", "bm8ganNvbg==", "WzFd", "/w=="])
async def test_a_challenge_that_cannot_be_read_still_renews_the_token(cloud: ScriptedCloud, challenge: str) -> None:
    """Nonsense from the wire neither breaks the read nor reaches Entra."""
    cloud.on(r"/groups\?", rejection(f', error="insufficient_claims", claims="{challenge}"'), page({"id": "g-1"}))
    assert await read_groups(cloud.directory()) == ["g-1"]
    assert cloud.token_requests[0].get("claims") == cloud.token_requests[1].get("claims")


async def test_a_challenge_in_a_second_header_is_found(cloud: ScriptedCloud) -> None:
    """A server may send several challenges, each in a header of its own."""

    async def twice(_: web.Request) -> web.StreamResponse:
        response = web.Response(status=401)
        response.headers.add("WWW-Authenticate", "Negotiate")
        response.headers.add("WWW-Authenticate", f'Bearer error="insufficient_claims", claims="{STANDARD}"')
        return response

    cloud.on(r"/groups\?", twice, page({"id": "g-1"}))
    await read_groups(cloud.directory())
    assert "nbf" in cloud.token_requests[1]["claims"]


async def test_a_second_rejection_ends_the_read(cloud: ScriptedCloud) -> None:
    """A renewed token that is rejected too is an administrator's business; it is not tried for ever."""
    cloud.on(r"/groups\?", rejection())
    with pytest.raises(CredentialsRejected, match=r"rejected a new token.*InvalidAuthenticationToken"):
        await read_groups(cloud.directory())
    assert len(cloud.graph_requests()) == 2
    assert len(cloud.token_requests) == 2


async def test_many_rejected_at_once_cause_one_renewal(cloud: ScriptedCloud) -> None:
    """Thirty requests that were rejected with the same token share the next one."""

    async def members(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.05)
        if request.headers["Authorization"] == "Bearer opaque-1":
            return rejection()
        return web.json_response(page())

    cloud.on(r"/members", members)
    cloud.on(r"/groups\?", page())
    source = cloud.directory(limits=Limits(concurrency=30))
    await read_groups(source)

    async def read(number: int) -> None:
        async for _ in source.members(GroupId(f"g-{number}")):
            pass

    async with asyncio.TaskGroup() as tasks:
        for number in range(30):
            tasks.create_task(read(number))
    assert len(cloud.token_requests) == 2
