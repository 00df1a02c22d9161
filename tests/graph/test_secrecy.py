import logging

import pytest

from entraid_service.errors import EntraidError
from entraid_service.graph import MicrosoftGraph
from graph.cloud import CANARY, FastTimer, ScriptedCloud, graph_error, page, text_of

TOKEN = "canary.Token.7Qx"


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500])
async def test_no_log_and_no_error_shows_secret_or_token(
    cloud: ScriptedCloud, timer: FastTimer, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """Not even at the level that says everything, and not in a traceback."""
    caplog.set_level(logging.DEBUG)
    cloud.tokens.extend([TOKEN] * 3)
    cloud.on(r"/users\?", page({"id": "u-1"}) if status == 200 else graph_error(status, "Some_Error"))
    text = ""
    try:
        async for _ in cloud.directory(timer=timer).users(("displayName",)):
            pass
    except EntraidError as error:
        text = text_of(error) + str(error.metadata)
    assert (status == 200) == (not text)
    assert cloud.bearers[0] == TOKEN
    assert cloud.token_requests[0]["client_secret"] == CANARY
    for secret in (TOKEN, CANARY):
        assert secret not in caplog.text
        assert secret not in text


async def test_no_tenant_sees_another_ones_token_or_cookie(cloud: ScriptedCloud) -> None:
    """Two sources of one Graph share connections and nothing else."""
    cloud.on(r"/groups\?", graph_error(404, "x", Set_Cookie="tenant=a; Path=/"), page())
    cloud.tokens.extend(["token-of-a", "token-of-b"])
    graph = MicrosoftGraph(base_url=f"{cloud.url}/v1.0", ca_bundle=cloud.ca_file)
    with pytest.raises(EntraidError):
        await anext(graph.directory(cloud.token_source()).groups())
    await anext(graph.directory(cloud.token_source()).groups())
    await graph.close()
    assert cloud.bearers == ["token-of-a", "token-of-b"]
    assert cloud.cookies == ["", ""]
