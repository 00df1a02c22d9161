"""`$batch`: up to 20 requests in one, in dependency order, each with a status and headers of its own.

https://learn.microsoft.com/graph/json-batching: the outer status is 200 whatever the parts say; a part that depends on
one that failed is 424; every part counts for throttling, and a throttled one is 429 in its own place. Scripted faults
that have a status or a rewrite hit parts too: their target begins with `$batch:`.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from itertools import pairwise
from urllib.parse import parse_qsl, urlsplit

import orjson

from entraid_emulator.cloud import Cloud
from entraid_emulator.faults import Fault, FaultScript
from entraid_emulator.graph.dispatch import JSON_TYPE, Asked, Dispatcher, Reply
from entraid_emulator.graph.errors import (
    GraphError,
    bad_request,
    malformed_query,
    method_not_allowed,
    usual_body,
)
from entraid_emulator.graph.routes import PREFIX
from entraid_emulator.journal import Journal
from entraid_emulator.objects import Json
from entraid_emulator.rewrites import rewritten

MAX_PARTS = 20

_TARGET = "$batch:"
_METHODS = frozenset({"GET", "POST", "PATCH", "PUT", "DELETE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One request of a batch."""

    name: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: Json
    depends_on: Sequence[str]


class Batch:
    """Answers `$batch` by letting a dispatcher answer its parts."""

    def __init__(self, cloud: Cloud, dispatcher: Dispatcher, *, faults: FaultScript, journal: Journal) -> None:
        self._cloud = cloud
        self._dispatcher = dispatcher
        self._faults = faults
        self._journal = journal

    def is_asked(self, asked: Asked) -> bool:
        """Whether a request is a batch."""
        return asked.path.rstrip("/").replace("%24", "$").casefold() == "/$batch"

    def reply(self, asked: Asked) -> Reply:
        """Answer a batch."""
        try:
            self._dispatcher.admitted(asked)
            if asked.method != "POST":
                raise method_not_allowed()
            parts = _parts(asked)
        except GraphError as refusal:
            return self._dispatcher.refusal(refusal)
        replies: dict[str, Reply] = {}
        for part in parts:  # `dependsOn` names earlier parts only, so the order given is a good one
            failed = any(replies[other].status >= HTTPStatus.BAD_REQUEST for other in part.depends_on)
            replies[part.name] = _failed_dependency() if failed else self._part(asked, part)
        responses = [_response(part.name, replies[part.name]) for part in reversed(parts)]  # any order is legal
        headers = {"Content-Type": JSON_TYPE, "OData-Version": "4.0", "request-id": str(uuid.uuid4())}
        return Reply(status=HTTPStatus.OK, headers=headers, body={"responses": responses})

    def _part(self, asked: Asked, part: _Part) -> Reply:
        url = urlsplit(part.url)
        target = f"{_TARGET}{PREFIX}{url.path}" + (f"?{url.query}" if url.query else "")
        fault = self._faults.next_for(part.method, target)
        if fault is not None and fault.status is not None:
            reply = self._scripted(fault, fault.status)
        else:
            inherited = {
                name: asked.headers[name] for name in ("authorization", "client-request-id") if name in asked.headers
            }
            reply = self._dispatcher.reply(
                Asked(
                    method=part.method,
                    origin=asked.origin,
                    path=url.path,
                    query=tuple(parse_qsl(url.query, keep_blank_values=True)),
                    headers={**inherited, **part.headers},
                    body=orjson.dumps(part.body),
                )
            )
            if fault is not None and fault.rewrite is not None and isinstance(reply.body, Mapping):
                own_url = f"{asked.origin}{PREFIX}{part.url}"
                reply = replace(reply, body=rewritten(reply.body, fault.rewrite, own_url=own_url))
        self._journal.write(self._cloud.clock.now(), part.method, target, status=reply.status)
        return reply

    def _scripted(self, fault: Fault, status: int) -> Reply:
        body = fault.body if isinstance(fault.body, Mapping) else usual_body(status, at=self._cloud.clock.now())
        return Reply(status=status, headers={"Content-Type": "application/json", **fault.headers}, body=body)


def _parts(asked: Asked) -> list[_Part]:
    try:
        document = orjson.loads(asked.body)
    except orjson.JSONDecodeError as error:
        raise malformed_query("Invalid batch payload format.") from error
    given = document.get("requests") if isinstance(document, dict) else None
    if not isinstance(given, list) or not given:
        raise malformed_query("Invalid batch payload format.")
    if len(given) > MAX_PARTS:
        raise GraphError(
            "MaximumValueExceeded", f"Number of batch request steps exceeds the maximum value of {MAX_PARTS}."
        )
    parts: list[_Part] = []
    for one in given:
        parts.append(_read_part(one, {part.name for part in parts}))
    _check_chain(parts)
    return parts


def _read_part(one: object, former: set[str]) -> _Part:
    if not isinstance(one, dict) or not all(isinstance(one.get(name), str) for name in ("id", "method", "url")):
        raise malformed_query("Every batch request step needs `id`, `method` and `url`.")
    depends_on = one.get("dependsOn") or []
    headers = {str(name).lower(): str(value) for name, value in (one.get("headers") or {}).items()}
    if one["id"] in former:
        raise bad_request(f"Request Id {one['id']} has to be unique in a batch.")
    if not isinstance(depends_on, list) or not former.issuperset(depends_on):
        raise malformed_query(f"Request {one['id']} depends on a request that does not precede it.")
    if one["method"].upper() not in _METHODS:
        raise malformed_query(f"Method {one['method']} of request {one['id']} is not supported.")
    if one["url"].startswith(("http:", "https:")) or "$batch" in one["url"]:
        raise malformed_query(f"The url of request {one['id']} has to be relative, and no batch.")
    if "body" in one and "content-type" not in headers:
        raise malformed_query(f"Request {one['id']} has a body and no Content-Type header.")
    return _Part(
        name=one["id"],
        method=one["method"].upper(),
        url="/" + one["url"].removeprefix("/"),
        headers=headers,
        body=one.get("body"),
        depends_on=depends_on,
    )


def _check_chain(parts: Sequence[_Part]) -> None:
    """Either no part depends on another, or each on the one before.

    https://learn.microsoft.com/graph/json-batching#sequencing-requests-with-the-dependson-property
    """
    chained = [list(part.depends_on) == [before.name] for before, part in pairwise(parts)]
    if any(part.depends_on for part in parts) and not all(chained):
        raise malformed_query("Dependencies have to be fully parallel or fully sequential.")


def _failed_dependency() -> Reply:
    body: Mapping[str, Json] = {"error": {"code": "FailedDependency", "message": "Failed Dependency"}}
    return Reply(status=HTTPStatus.FAILED_DEPENDENCY, headers={"Content-Type": "application/json"}, body=body)


def _response(name: str, reply: Reply) -> Mapping[str, Json]:
    return {"id": name, "status": int(reply.status), "headers": dict(reply.headers), "body": reply.body}
