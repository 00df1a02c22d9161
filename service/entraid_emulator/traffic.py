"""What every request goes through before it is served: the journal, the latency, the scripted faults.

An aiohttp middleware. It decides nothing: `faults` says what goes wrong, `journal` keeps what happened.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus

import orjson
from aiohttp import web

from entraid_emulator.clock import Clock
from entraid_emulator.control import CONTROL_PREFIX
from entraid_emulator.faults import Fault, FaultScript
from entraid_emulator.graph.errors import usual_body
from entraid_emulator.graph.routes import PREFIX
from entraid_emulator.journal import Journal
from entraid_emulator.rewrites import Rewrite, rewritten

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_DROPPED = 0
_LOOK_SECONDS = 0.02
"""How often a request that is held back looks whether it may go on."""


class Traffic:
    """The one way in.

    Attributes:
        faults: what goes wrong next.
        journal: what was asked and answered.
        latency: how long every request waits first; tests change it while the emulator runs.
    """

    def __init__(self, clock: Clock, *, latency: timedelta = timedelta()) -> None:
        self.faults = FaultScript()
        self.journal = Journal()
        self.latency = latency
        self._clock = clock

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Wait, fail or serve. It is written down before the caller can see the outcome.

        The control interface is no part of the cloud: it neither fails nor appears in the journal.
        """
        if request.path.startswith(CONTROL_PREFIX):
            return await handler(request)
        at = self._clock.now()
        target = request.path + (f"?{request.query_string}" if request.query_string else "")
        fault = self.faults.next_for(request.method, target)
        await self._wait(fault)
        if fault is not None and fault.drop:
            self.journal.write(at, request.method, target, status=_DROPPED)
            return _dropped(request)
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR
        try:
            response = await self._answer(request, handler, fault)
            status = response.status
        except web.HTTPException as refusal:  # aiohttp's own 404 for a URL that is on neither side
            status = refusal.status
            raise
        finally:
            self.journal.write(at, request.method, target, status=status)
        return response if fault is None else await _disturbed(request, response, fault)

    async def _wait(self, fault: Fault | None) -> None:
        if self.latency:
            await asyncio.sleep(self.latency.total_seconds())
        if fault is None or not fault.delay:
            return
        until = time.monotonic() + fault.delay.total_seconds()
        while (left := until - time.monotonic()) > 0 and self.faults.is_in_force(fault):  # noqa: ASYNC110 - any thread ends it
            await asyncio.sleep(min(left, _LOOK_SECONDS))

    async def _answer(self, request: web.Request, handler: Handler, fault: Fault | None) -> web.StreamResponse:
        if fault is not None and fault.status is not None:
            return self._scripted(request, fault, fault.status)
        response = await handler(request)
        return response if fault is None or fault.rewrite is None else _rewritten(request, response, fault.rewrite)

    def _scripted(self, request: web.Request, fault: Fault, status: int) -> web.Response:
        body, content_type = self._body(request, fault, status)
        headers = {"Content-Type": content_type, "request-id": str(uuid.uuid4()), **fault.headers}
        if fault.retry_after_date is not None:
            # the callers' clocks are not the emulator's, which may have been advanced
            headers["Retry-After"] = format_datetime(datetime.now(UTC) + fault.retry_after_date, usegmt=True)
        return web.Response(body=body, status=status, headers=headers)

    def _body(self, request: web.Request, fault: Fault, status: int) -> tuple[bytes, str]:
        match fault.body:
            case bytes():
                return fault.body, "application/octet-stream"
            case str():
                return fault.body.encode(), "application/json"
            case None if request.path.startswith(PREFIX):
                return orjson.dumps(usual_body(status, at=self._clock.now())), "application/json"
            case None:
                return b"", "text/html"
            case _:
                return orjson.dumps(fault.body), "application/json"


def _dropped(request: web.Request) -> web.StreamResponse:
    """Hang up without a word; the answer finds the connection closed, and aiohttp lets it go."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _rewritten(request: web.Request, response: web.StreamResponse, rewrite: Rewrite) -> web.StreamResponse:
    """The answer with its document changed; one that is no JSON object stays as it is."""
    body = _bytes(response)
    if not body.startswith(b"{"):
        return response
    document = rewritten(orjson.loads(body), rewrite, own_url=f"https://{request.host}{request.rel_url.raw_path_qs}")
    headers = {name: value for name, value in response.headers.items() if name.lower() != "content-length"}
    return web.Response(body=orjson.dumps(document), status=response.status, headers=headers)


async def _disturbed(request: web.Request, response: web.StreamResponse, fault: Fault) -> web.StreamResponse:
    """Send the answer whole, in part or in drops, as the fault wants it."""
    if fault.cut is None and fault.drip is None:
        return response
    body = _bytes(response)
    partial = web.StreamResponse(status=response.status, headers=response.headers)
    partial.content_length = len(body)
    await partial.prepare(request)
    if fault.drip is not None:
        for start in range(0, len(body), fault.piece):
            await partial.write(body[start : start + fault.piece])
            await asyncio.sleep(fault.drip.total_seconds())
        return partial
    await partial.write(body[: fault.cut])
    if request.transport is not None:
        request.transport.close()
    return partial


def _bytes(response: web.StreamResponse) -> bytes:
    return response.body if isinstance(response, web.Response) and isinstance(response.body, bytes) else b""
