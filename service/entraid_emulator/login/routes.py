"""The login side at the wire: URLs, request in, headers and body out. Answers come from its other rooms."""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from entraid_emulator.cloud import Cloud
from entraid_emulator.login import discovery, token_endpoint
from entraid_emulator.login.errors import LoginError, Trace, error_body
from entraid_emulator.login.request import LoginRequest
from entraid_emulator.objects import Json

Answer = Callable[[Cloud, LoginRequest], Mapping[str, Json]]

_SERVER = "2.1.0 - EMULATOR"
_ALWAYS = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "x-ms-ests-server": _SERVER,
}
_PUBLIC = {
    "Cache-Control": "max-age=86400, private",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, OPTIONS",
}
_PRIVATE = {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache", "Expires": "-1", "x-ms-clitelem": "1,0,0,,"}
_CLIENT_REQUEST_ID = "client-request-id"


def add_login(router: web.UrlDispatcher, cloud: Cloud) -> None:
    """Add the login side's URLs."""
    get = {
        "/common/discovery/instance": discovery.instance,
        "/{tenant}/v2.0/.well-known/openid-configuration": discovery.openid_configuration,
        "/{tenant}/discovery/v2.0/keys": discovery.keys,
        "/{tenant}/discovery/keys": discovery.keys,
    }
    for path, answer in get.items():
        router.add_get(path, _served(cloud, answer, headers=_PUBLIC))
    router.add_route("*", "/{tenant}/oauth2/v2.0/token", _served(cloud, token_endpoint.token, headers=_PRIVATE))


def _served(
    cloud: Cloud, answer: Answer, *, headers: Mapping[str, str]
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handler(request: web.Request) -> web.StreamResponse:
        trace = _trace(cloud, request)
        try:
            asked = await _login_request(request)
            body, status, kept = answer(cloud, asked), HTTPStatus.OK, headers
        except LoginError as refusal:
            body, status, kept = error_body(refusal, trace), refusal.status, _PRIVATE
        ids = {"x-ms-request-id": trace.trace_id}
        if request.headers.get("return-client-request-id", "").lower() == "true":
            ids[_CLIENT_REQUEST_ID] = trace.correlation_id
        return web.Response(
            body=orjson.dumps(body),
            status=status,
            headers={**_ALWAYS, **kept, **ids, "Content-Type": "application/json; charset=utf-8"},
        )

    return handler


async def _login_request(request: web.Request) -> LoginRequest:
    is_form = request.content_type == "application/x-www-form-urlencoded"
    body = (await request.read()).decode(errors="replace") if is_form else ""
    return LoginRequest(
        origin=f"https://{request.host}",
        tenant=request.match_info.get("tenant", "common"),
        method=request.method,
        query=dict(request.query),
        form=dict(parse_qsl(body, keep_blank_values=True)),
        authorization=request.headers.get("Authorization", ""),
    )


def _trace(cloud: Cloud, request: web.Request) -> Trace:
    try:
        correlation_id = str(uuid.UUID(request.headers.get(_CLIENT_REQUEST_ID, "")))
    except ValueError:
        correlation_id = str(uuid.uuid4())
    return Trace(
        trace_id=str(uuid.uuid4()),
        correlation_id=correlation_id,
        at=cloud.clock.now(),
        origin=f"https://{request.host}",
    )
