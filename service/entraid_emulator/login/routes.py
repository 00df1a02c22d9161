"""The login side at the wire: URLs, request in, headers and body out. Answers come from its other rooms."""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from entraid_emulator.cloud import Cloud
from entraid_emulator.login import admin_consent, authorize, devices, discovery, pages, token_endpoint, workload
from entraid_emulator.login.errors import LoginError, Trace, error_body
from entraid_emulator.login.replies import PostedForm, Redirect, Reply
from entraid_emulator.login.request import LoginRequest
from entraid_emulator.objects import Json

Answer = Callable[[Cloud, LoginRequest], Mapping[str, Json]]
Shown = Callable[[Cloud, LoginRequest, Trace], Reply]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

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
_PAGE = {  # no Strict-Transport-Security: on `localhost` it would move the pages of others to HTTPS too
    "Cache-Control": "no-store, no-cache",
    "Pragma": "no-cache",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "x-ms-ests-server": _SERVER,
}


def add_login(router: web.UrlDispatcher, cloud: Cloud) -> None:
    """Add the login side's URLs."""
    _add_documents(router, cloud)
    _add_pages(router, cloud)
    token = _served(cloud, token_endpoint.token, headers=_PRIVATE)
    router.add_route("*", "/{tenant}/oauth2/v2.0/token", token)
    router.add_route("*", "/{tenant}/oauth2/v2.0/devicecode", _served(cloud, devices.device_code, headers=_PRIVATE))


def _add_documents(router: web.UrlDispatcher, cloud: Cloud) -> None:
    get: Mapping[str, Answer] = {
        "/common/discovery/instance": discovery.instance,
        "/{tenant}/v2.0/.well-known/openid-configuration": discovery.openid_configuration,
        "/{tenant}/discovery/v2.0/keys": discovery.keys,
        "/{tenant}/discovery/keys": discovery.keys,
        f"{workload.PATH}/.well-known/openid-configuration": lambda _, asked: cloud.workload.configuration(
            asked.origin
        ),
        f"{workload.PATH}/keys": lambda _, asked: cloud.workload.keys(asked.origin),
    }
    for path, answer in get.items():
        router.add_get(path, _served(cloud, answer, headers=_PUBLIC))


def _add_pages(router: web.UrlDispatcher, cloud: Cloud) -> None:
    shown: Mapping[str, Shown] = {
        "/{tenant}/oauth2/v2.0/authorize": authorize.authorize,
        "/{tenant}/v2.0/adminconsent": admin_consent.version_2,
        "/{tenant}/adminconsent": admin_consent.version_1,
        devices.PAGE: devices.page,
    }
    for path, answer in shown.items():
        handler = _shown(cloud, answer)
        router.add_get(path, handler)
        router.add_post(path, handler)


def _shown(cloud: Cloud, answer: Shown) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        trace = _trace(cloud, request)
        try:
            reply = answer(cloud, await _login_request(request), trace)
        except LoginError as refusal:
            reply = pages.refusal(refusal, trace)
        return _browser(reply, trace)

    return handler


def _browser(reply: Reply, trace: Trace) -> web.Response:
    """No `form-action` in the policy: browsers apply it to where a form's answer redirects, and that is the app."""
    headers = {**_PAGE, "x-ms-request-id": trace.trace_id}
    if isinstance(reply, Redirect):
        return web.Response(status=HTTPStatus.FOUND, headers={**headers, "Location": reply.url})
    page = pages.posted(reply) if isinstance(reply, PostedForm) else reply
    policy = (
        f"default-src 'none'; style-src 'nonce-{page.nonce}'; script-src 'nonce-{page.nonce}'; base-uri 'none';"
        " frame-ancestors 'none'"
    )
    return web.Response(
        text=page.html,
        status=page.status,
        content_type="text/html",
        headers={**headers, "Content-Security-Policy": policy},
    )


def _served(cloud: Cloud, answer: Answer, *, headers: Mapping[str, str]) -> Handler:
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
