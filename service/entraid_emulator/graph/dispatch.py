"""One Graph request, from its parts to its answer: for requests of their own and for the parts of a batch alike.

Order: bearer token (401), URL (400), method (405), throttle (429), permission (403), query options (400), then the
handler, which is a pure function of the call. No HTTP library is known here.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import unquote

import orjson

from entraid_emulator.cloud import Cloud
from entraid_emulator.graph.bearer import Caller, caller
from entraid_emulator.graph.call import Answer, Call
from entraid_emulator.graph.closures import Closures
from entraid_emulator.graph.delta_tokens import DeltaTokens
from entraid_emulator.graph.errors import GraphError, denied, error_body, malformed_query, method_not_allowed
from entraid_emulator.graph.options import Pairs
from entraid_emulator.graph.permissions import allows
from entraid_emulator.graph.routes import Route, known_segments, matching_routes
from entraid_emulator.graph.skiptoken import SkipTokens
from entraid_emulator.graph.throttle import Throttle
from entraid_emulator.objects import Json

JSON_TYPE = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"

_LONGEST_ID = 64
_ALWAYS = {
    "Cache-Control": "no-cache",
    "Strict-Transport-Security": "max-age=31536000",
    "x-ms-ags-diagnostic": '{"ServerInfo":{"DataCenter":"Emulator","Slice":"E","Ring":"0","RoleInstance":"0"}}',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request.

    Attributes:
        method: HTTP method.
        origin: scheme, host and port that the caller used.
        path: below `/v1.0`, percent-encoded as received.
        query: decoded.
        headers: by name in lower case.
        body: as received.
    """

    method: str
    origin: str
    path: str
    query: Pairs
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer.

    Attributes:
        status: HTTP status.
        headers: all of them.
        body: a JSON document, or text for `$count`.
    """

    status: int
    headers: Mapping[str, str]
    body: Mapping[str, Json] | str


class Dispatcher:
    """Answers requests from one cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._pages = SkipTokens(cloud.page_key)
        self._deltas = DeltaTokens(cloud.page_key)
        self._closures = Closures()
        self._throttle = Throttle(cloud)

    def reply(self, asked: Asked) -> Reply:
        """Answer one request, whatever it is."""
        ids = _ids(asked.headers)
        try:
            who = caller(self._cloud, asked.headers.get("authorization", ""), origin=asked.origin)
            route, keys = _route(asked)
            options = route.parse(asked.query, asked.headers.get("consistencylevel", ""))
            limits = self._throttle.spend(who, route.units(options))
            if not allows(who.roles, route.accepts):
                raise denied()
            call = Call(
                cloud=self._cloud,
                caller=who,
                options=options,
                origin=asked.origin,
                path=asked.path,
                keys=keys,
                pages=self._pages,
                deltas=self._deltas,
                closures=self._closures,
                query=asked.query,
                prefers_minimal=_prefers_minimal(asked.headers),
                body=_document(asked) if asked.method == "POST" else None,
            )
            return _answered(route.handler(call), {**ids, **limits})
        except GraphError as refusal:
            return self.refusal(refusal, ids)

    def admitted(self, asked: Asked) -> Caller:
        """Who asks.

        Raises:
            GraphError: 401, the bearer token is no good.
        """
        return caller(self._cloud, asked.headers.get("authorization", ""), origin=asked.origin)

    def refusal(self, refusal: GraphError, ids: Mapping[str, str] | None = None) -> Reply:
        """A refusal in Graph's shape."""
        named = ids or _ids({})
        body = error_body(
            refusal.code,
            str(refusal),
            at=self._cloud.clock.now(),
            request_id=named["request-id"],
            client_request_id=named["client-request-id"],
        )
        headers = {**_ALWAYS, **named, **refusal.headers, "Content-Type": "application/json"}
        return Reply(status=refusal.status, headers=headers, body=body)


def _route(asked: Asked) -> tuple[Route, Mapping[str, str]]:
    segments = [unquote(segment) for segment in asked.path.strip("/").split("/")]
    found = matching_routes(segments)
    if not found:
        # Graph names the first segment if that is unknown, else the last
        wrong = segments[-1 if segments[0].casefold() in known_segments() else 0]
        raise malformed_query(f"Resource not found for the segment '{wrong}'.")
    for route, keys in found:
        if route.method == asked.method:
            return route, keys
    raise method_not_allowed()


def _document(asked: Asked) -> Json:
    try:
        document: Json = orjson.loads(asked.body)
    except orjson.JSONDecodeError as error:
        raise malformed_query(
            "Unable to read JSON request payload. Please ensure Content-Type header is set."
        ) from error
    return document


def _prefers_minimal(headers: Mapping[str, str]) -> bool:
    return "return=minimal" in headers.get("prefer", "").replace(" ", "").lower()


def _answered(answer: Answer, headers: Mapping[str, str]) -> Reply:
    common = {**_ALWAYS, **headers, **answer.headers, "OData-Version": "4.0"}
    if isinstance(answer.body, int):
        return Reply(status=HTTPStatus.OK, headers={**common, "Content-Type": "text/plain"}, body=str(answer.body))
    return Reply(status=HTTPStatus.OK, headers={**common, "Content-Type": JSON_TYPE}, body=answer.body)


def _ids(headers: Mapping[str, str]) -> dict[str, str]:
    """The ids of an answer: Graph's own, and the caller's, or its own again when the caller sent none that is one."""
    own = str(uuid.uuid4())
    given = headers.get("client-request-id", "")
    return {"request-id": own, "client-request-id": given if 0 < len(given) <= _LONGEST_ID else own}
