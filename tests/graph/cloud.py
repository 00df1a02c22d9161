"""A scripted Entra and Graph on one TLS port: answers exactly what a test tells it, and keeps what it was asked."""

import asyncio
import base64
import json
import re
import ssl
import weakref
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

import orjson
from aiohttp import web

from entraid_service.graph import Limits, MicrosoftGraph
from entraid_service.graph.limits import Timer
from entraid_service.model.connection import ClientSecret
from entraid_service.model.secret import Secret
from entraid_service.oauth.tokens import MsalAuthority
from entraid_service.ports import TenantSource, TokenSource

TENANT = "7d1c4b2a-93e8-4f06-8a5d-1b6f0c2e9d47"
CLIENT = "2f9e6d1c-5b4a-4837-9c0e-8d7a6b5c4f3e"
CANARY = "canary~Secret.9fQ2"

Step: TypeAlias = "Mapping[str, object] | web.Response | Callable[[web.Request], Awaitable[web.StreamResponse]]"


class FastTimer:
    """A timer whose waits are over at once; it keeps how long they were."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._passed = 0.0

    def time(self) -> float:
        """Seconds that were slept."""
        return self._passed

    def now(self) -> datetime:
        """The date, moved by what was slept."""
        return datetime.now(UTC) + timedelta(seconds=self._passed)

    async def sleep(self, seconds: float) -> None:
        """Notes the wait."""
        self.slept.append(seconds)
        self._passed += seconds


class ScriptedCloud:
    """Steps by path: the first pattern that is found in the raw path and query decides, its last step repeats."""

    def __init__(self, tls: ssl.SSLContext, ca_file: Path) -> None:
        self.ca_file = ca_file
        self.asked: list[str] = []
        self.bearers: list[str] = []
        self.cookies: list[str] = []
        self.token_requests: list[Mapping[str, str]] = []
        self.tokens: list[object] = []
        self._tls = tls
        self._transports: weakref.WeakSet[asyncio.Transport] = weakref.WeakSet()
        self._steps: list[tuple[re.Pattern[str], list[Step]]] = []
        self._closing = AsyncExitStack()
        self.url = ""

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_route("*", "/{rest:.*}", self._serve)
        runner = web.AppRunner(application, shutdown_timeout=0.1, access_log=None)
        await runner.setup()
        self._closing.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        self.url = f"https://localhost:{runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._closing.aclose()
        # A client that stopped reading leaves a TLS connection that waits for it; the loop needs turns to end it.
        lingering = [transport for transport in self._transports if not transport.is_closing()]
        for transport in self._transports:
            transport.abort()
        await asyncio.sleep(0.02 if lingering else 0)

    def on(self, pattern: str, *steps: Step) -> None:
        """Answers requests whose raw path and query hold the pattern with these steps in turn."""
        self._steps.append((re.compile(pattern), list(steps)))

    def graph_requests(self, pattern: str = "/v1.0/") -> list[str]:
        """What Graph was asked, as it stood on the wire."""
        return [target for target in self.asked if re.search(pattern, target)]

    def authority(self, *, proxy: str = "", timeout: timedelta = timedelta(seconds=10)) -> MsalAuthority:
        """A real authority that trusts this cloud; it goes with the cloud."""
        authority = MsalAuthority(
            authority_url=self.url, ca_bundle=self.ca_file, proxy=Secret(proxy) if proxy else None, timeout=timeout
        )
        self._closing.callback(authority.close)
        return authority

    def token_source(self) -> TokenSource:
        """A real source of this cloud's tokens."""
        return self.authority().token_source(tenant=TENANT, client_id=CLIENT, credential=ClientSecret(Secret(CANARY)))

    def directory(
        self, *, limits: Limits | None = None, timer: Timer | None = None, tokens: TokenSource | None = None
    ) -> TenantSource:
        """A real directory source that reads this cloud; it goes with the cloud."""
        graph = MicrosoftGraph(
            base_url=f"{self.url}/v1.0", ca_bundle=self.ca_file, limits=limits, timer=timer or FastTimer()
        )
        self._closing.push_async_callback(graph.close)
        return graph.directory(tokens or self.token_source())

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.raw_path)
        if request.transport is not None:
            self._transports.add(request.transport)
        if request.path.startswith("/v1.0/"):
            self.cookies.append(request.headers.get("Cookie", ""))
            self.bearers.append(request.headers.get("Authorization", "").removeprefix("Bearer "))
        for pattern, steps in self._steps:
            if pattern.search(request.raw_path):
                return await _taken(steps[0] if len(steps) == 1 else steps.pop(0), request)
        if request.path.endswith("/openid-configuration"):
            return web.json_response(self.configuration())
        if request.path.endswith("/token"):
            return await self._token(request)
        return web.json_response({"error": {"code": "UnknownError", "message": "not in the script"}}, status=404)

    def configuration(self, tenant: str = TENANT) -> dict[str, object]:
        """The OpenID configuration of a tenant."""
        return {
            "issuer": f"https://login.example/{tenant}/v2.0",
            "authorization_endpoint": f"{self.url}/{tenant}/oauth2/v2.0/authorize",
            "token_endpoint": f"{self.url}/{tenant}/oauth2/v2.0/token",
        }

    async def _token(self, request: web.Request) -> web.Response:
        self.token_requests.append({name: str(value) for name, value in (await request.post()).items()})
        token = self.tokens.pop(0) if self.tokens else f"opaque-{len(self.token_requests)}"
        return web.json_response({"token_type": "Bearer", "expires_in": 3599, "access_token": token})


async def _taken(step: Step, request: web.Request) -> web.StreamResponse:
    if isinstance(step, web.Response):
        # A response can be sent once, a step may serve many requests.
        return web.Response(status=step.status, headers=step.headers, body=step.body)
    if isinstance(step, Mapping):
        return web.Response(body=orjson.dumps(step), content_type="application/json")
    return await step(request)


def page(*records: object, link: str | None = None) -> dict[str, object]:
    """A page of a list."""
    return {"value": list(records), **({"@odata.nextLink": link} if link else {})}


def delta(*records: object, link: str) -> dict[str, object]:
    """The last page of a round."""
    return {"value": list(records), "@odata.deltaLink": link}


def graph_error(status: int, code: str, message: str = "said by the test", **headers: str) -> web.Response:
    """A Graph error answer; header names are given with underscores."""
    body = {"error": {"code": code, "message": message, "innerError": {"request-id": "r-1"}}, "newMember": [1]}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.json_response(body, status=status, headers={"request-id": "r-1", **named})


def jwt(**claims: object) -> str:
    """A token with these claims; nobody but Graph may check its signature."""
    parts = ({"alg": "RS256", "typ": "JWT"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join((*encoded, "c2lnbmF0dXJl"))


def text_of(error: BaseException) -> str:
    """Everything that a traceback of an error would print."""
    import traceback  # noqa: PLC0415 - for failures only

    return "".join(traceback.format_exception(error))
