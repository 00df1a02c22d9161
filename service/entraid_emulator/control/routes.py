"""The control interface at the wire: small JSON documents below `/_emulator/v1`, for whoever has the control token.

GET    /tenants                                         what is served, with version and counts
POST   /changes   {"change", "arguments", "tenant"?}    change a directory; see `commands`
GET    /changes                                         the changes there are
POST   /faults    a fault or a list of them             see `documents`
DELETE /faults                                          let everything go well again
POST   /clock     {"advance_seconds"}                   let time pass
GET    /requests  ?matching=REGEX                       the journal
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from http import HTTPStatus

import orjson
from aiohttp import web

from entraid_emulator.cloud import Cloud
from entraid_emulator.control import CONTROL_PREFIX
from entraid_emulator.control.commands import COMMANDS, ChangeError, change
from entraid_emulator.control.documents import FaultDocumentError, fault_of
from entraid_emulator.credentials import Secret
from entraid_emulator.faults import FaultScript
from entraid_emulator.journal import Journal
from entraid_emulator.objects import Json
from entraid_emulator.tenant import Tenant

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _RefusalError(Exception):
    """What was asked makes no sense."""


class Control:
    """Answers the control interface of one emulator."""

    def __init__(self, cloud: Cloud, token: Secret, *, faults: FaultScript, journal: Journal) -> None:
        self._cloud = cloud
        self._token = token
        self._faults = faults
        self._journal = journal

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add the URLs."""
        routes: tuple[tuple[str, str, Callable[[web.Request, Json], Json]], ...] = (
            ("GET", "/tenants", self._tenants),
            ("GET", "/changes", self._commands),
            ("POST", "/changes", self._change),
            ("POST", "/faults", self._add_faults),
            ("DELETE", "/faults", self._clear_faults),
            ("POST", "/clock", self._advance),
            ("GET", "/requests", self._requests),
        )
        for method, path, answer in routes:
            router.add_route(method, CONTROL_PREFIX + path, self._served(answer))

    def _served(self, answer: Callable[[web.Request, Json], Json]) -> Handler:
        async def handler(request: web.Request) -> web.StreamResponse:
            scheme, _, offered = request.headers.get("Authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not self._token.matches(offered.strip()):
                return _json(
                    {"error": "the control token of the ready file is missing or wrong"}, HTTPStatus.UNAUTHORIZED
                )
            try:
                raw = await request.read()
                return _json(answer(request, orjson.loads(raw) if raw else None))
            except orjson.JSONDecodeError as error:
                return _json({"error": f"the body is no JSON: {error}"}, HTTPStatus.BAD_REQUEST)
            except (_RefusalError, ChangeError, FaultDocumentError) as error:
                return _json({"error": str(error)}, HTTPStatus.BAD_REQUEST)

        return handler

    def _tenants(self, request: web.Request, body: Json) -> Json:  # noqa: ARG002 - as all of them
        return {"tenants": [_described(tenant) for tenant in self._cloud.tenants]}

    def _commands(self, request: web.Request, body: Json) -> Json:  # noqa: ARG002 - as all of them
        return {
            "changes": [{"change": one.name, "takes": list(one.takes), "does": one.does} for one in COMMANDS.values()]
        }

    def _change(self, request: web.Request, body: Json) -> Json:  # noqa: ARG002 - as all of them
        document = _object(body)
        arguments = document.get("arguments", [])
        if not isinstance(arguments, list) or not all(isinstance(one, str) for one in arguments):
            raise _RefusalError("`arguments` has to be a list of texts")
        tenant = self._tenant(document.get("tenant"))
        changed = change(tenant.directory, str(document.get("change")), [str(one) for one in arguments])
        return {"object": changed, "version": tenant.directory.changes.version, "tenant": tenant.tenant_id}

    def _tenant(self, name: Json) -> Tenant:
        if name is None:
            return self._cloud.tenants[0]
        found = self._cloud.tenant_named(str(name))
        if found is None:
            raise _RefusalError(f"no tenant `{name}` is served here")
        return found

    def _add_faults(self, request: web.Request, body: Json) -> Json:  # noqa: ARG002 - as all of them
        documents = body if isinstance(body, list) else [body]
        self._faults.add(*[fault_of(document) for document in documents])
        return {"faults": len(self._faults)}

    def _clear_faults(self, request: web.Request, body: Json) -> Json:  # noqa: ARG002 - as all of them
        self._faults.clear()
        return {"faults": 0}

    def _advance(self, request: web.Request, body: Json) -> Json:  # noqa: ARG002 - as all of them
        seconds = _object(body).get("advance_seconds")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
            raise _RefusalError("`advance_seconds` has to be a number of seconds, 0 or more")
        self._cloud.clock.advance(timedelta(seconds=seconds))
        return {"now": self._cloud.clock.now().isoformat()}

    def _requests(self, request: web.Request, body: Json) -> Json:  # noqa: ARG002 - as all of them
        try:
            found = self._journal.matching(request.query.get("matching", ""))
        except re.error as error:
            raise _RefusalError(f"`matching` is no regular expression: {error}") from error
        return {
            "requests": [
                {"at": one.at.isoformat(), "method": one.method, "target": one.target, "status": one.status}
                for one in found
            ]
        }


def _described(tenant: Tenant) -> Mapping[str, Json]:
    directory = tenant.directory
    return {
        "tenant_id": tenant.tenant_id,
        "display_name": tenant.display_name,
        "version": directory.changes.version,
        "users": len(directory.users),
        "groups": len(directory.groups),
    }


def _object(body: Json) -> Mapping[str, Json]:
    if not isinstance(body, Mapping):
        raise _RefusalError("the body has to be a JSON object")
    return body


def _json(body: Json, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")
