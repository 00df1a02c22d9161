"""The Graph side at the wire: URLs with the permissions they need, a call in, headers and body out.

Order for every request: bearer token (401), URL (400), permission (403), query options (400), then the handler. A
handler is a pure function of the call; it knows no HTTP.
"""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

import orjson
from aiohttp import web

from entraid_emulator.cloud import Cloud
from entraid_emulator.graph import groups, options, organization, users
from entraid_emulator.graph.bearer import caller
from entraid_emulator.graph.call import Answer, Call
from entraid_emulator.graph.costs import resource_units
from entraid_emulator.graph.errors import GraphError, denied, error_body, malformed_query
from entraid_emulator.graph.permissions import (
    READ_GROUPS,
    READ_MANAGER,
    READ_MEMBERS,
    READ_ORGANIZATION,
    READ_USERS,
    Roles,
    allows,
)
from entraid_emulator.graph.skiptoken import SkipTokens

PREFIX = "/v1.0"
JSON_TYPE = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"

_LONGEST_ID = 64
_ALWAYS = {
    "Cache-Control": "no-cache",
    "Strict-Transport-Security": "max-age=31536000",
    "x-ms-ags-diagnostic": '{"ServerInfo":{"DataCenter":"Emulator","Slice":"E","Ring":"0","RoleInstance":"0"}}',
}


@dataclass(frozen=True, slots=True)
class Route:
    """One URL below `/v1.0`.

    Attributes:
        path: with its variable parts in braces.
        accepts: permissions, any one of which opens it.
        handler: answers it.
    """

    path: str
    accepts: Roles
    handler: Callable[[Call], Answer]


ROUTES = (
    Route("/users", READ_USERS, users.list_users),
    Route("/users/$count", READ_USERS, users.count_users),
    Route("/users/{user:[^/]+}", READ_USERS, users.read_user),
    Route("/users/{user:[^/]+}/manager", READ_MANAGER, users.read_manager),
    Route("/groups", READ_GROUPS, groups.list_groups),
    Route("/groups/$count", READ_GROUPS, groups.count_groups),
    Route("/groups/{group:[^/]+}", READ_GROUPS, groups.read_group),
    Route("/groups/{group:[^/]+}/members", READ_MEMBERS, groups.list_members),
    Route("/groups/{group:[^/]+}/members/microsoft.graph.user", READ_MEMBERS, groups.list_user_members),
    Route("/groups/{group:[^/]+}/members/microsoft.graph.group", READ_MEMBERS, groups.list_group_members),
    Route("/organization", READ_ORGANIZATION, organization.list_organizations),
)


def add_graph(router: web.UrlDispatcher, cloud: Cloud) -> None:
    """Add the Graph side's URLs; any other below `/v1.0` is refused in Graph's words."""
    pages = SkipTokens(cloud.page_key, lifetime=cloud.behaviour.page_token_lifetime)
    for route in ROUTES:
        router.add_route("*", PREFIX + route.path + "{slash:/?}", _served(cloud, pages, route))
    router.add_route("*", PREFIX + "{rest:(/.*)?}", _served(cloud, pages, None))


def _served(
    cloud: Cloud, pages: SkipTokens, route: Route | None
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handler(request: web.Request) -> web.StreamResponse:
        ids = _ids(request)
        try:
            call, answer_to = _admitted(cloud, pages, route, request)
            return _response(answer_to(call), call, ids)
        except GraphError as refusal:
            body = error_body(
                refusal.code,
                str(refusal),
                at=cloud.clock.now(),
                request_id=ids["request-id"],
                client_request_id=ids["client-request-id"],
            )
            headers = {**_ALWAYS, **ids, **refusal.headers, "Content-Type": "application/json"}
            return web.Response(body=orjson.dumps(body), status=refusal.status, headers=headers)

    return handler


def _admitted(
    cloud: Cloud, pages: SkipTokens, route: Route | None, request: web.Request
) -> tuple[Call, Callable[[Call], Answer]]:
    origin = f"https://{request.host}"
    who = caller(cloud, request.headers.get("Authorization", ""), origin=origin)
    if route is None:
        raise _unknown_segment(request.path)
    if request.method != "GET":
        raise GraphError(
            "Request_BadRequest",
            "Specified HTTP method is not allowed for the request target.",
            status=HTTPStatus.METHOD_NOT_ALLOWED,
        )
    if not allows(who.roles, route.accepts):
        raise denied()
    call = Call(
        cloud=cloud,
        caller=who,
        options=options.parse(request.query.items(), request.headers.get("ConsistencyLevel", "")),
        origin=origin,
        path=request.rel_url.raw_path.removeprefix(PREFIX),
        keys=dict(request.match_info),
        pages=pages,
    )
    return call, route.handler


def _unknown_segment(path: str) -> GraphError:
    """The refusal of a URL: it names the first segment if that is unknown, else the last."""
    segments = path.removeprefix(PREFIX).strip("/").split("/")
    known = {route.path.split("/")[1] for route in ROUTES}
    return malformed_query(f"Resource not found for the segment '{segments[-1 if segments[0] in known else 0]}'.")


def _response(answer: Answer, call: Call, ids: Mapping[str, str]) -> web.Response:
    cost = resource_units(answer.base_cost, call.options)
    headers = {**_ALWAYS, **ids, "OData-Version": "4.0", "x-ms-resource-unit": str(cost)}
    if isinstance(answer.body, int):
        return web.Response(body=str(answer.body).encode(), headers={**headers, "Content-Type": "text/plain"})
    return web.Response(body=orjson.dumps(answer.body), headers={**headers, "Content-Type": JSON_TYPE})


def _ids(request: web.Request) -> dict[str, str]:
    """The ids of an answer: Graph's own, and the caller's, or its own again when the caller sent none that is one."""
    own = str(uuid.uuid4())
    given = request.headers.get("client-request-id", "")
    return {"request-id": own, "client-request-id": given if 0 < len(given) <= _LONGEST_ID else own}
