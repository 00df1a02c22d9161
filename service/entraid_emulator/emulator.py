"""The running emulator: one HTTPS port with the login side and the Graph side, started and stopped as a context.

Order: TLS, CA file, cloud, web application, listening socket; closed in reverse. `background` runs it in a thread.
"""

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from entraid_emulator.apps import DEFAULT_ROLES, AppRegistration, default_app
from entraid_emulator.clock import Clock
from entraid_emulator.cloud import Behaviour, Cloud
from entraid_emulator.faults import FaultScript
from entraid_emulator.graph.routes import PREFIX, add_graph
from entraid_emulator.journal import Journal
from entraid_emulator.login.routes import add_login
from entraid_emulator.login.workload import WorkloadIssuer
from entraid_emulator.tenant import Tenant
from entraid_emulator.tls import throwaway_tls
from entraid_emulator.traffic import Traffic

_STOP_SECONDS = 2.0
_TURNS_TO_CLOSE = 3  # of the event loop, until an aborted transport has closed its socket
_MAX_REQUEST = 4 * 1024 * 1024


class Emulator:
    """Microsoft Entra ID and Microsoft Graph on `https://localhost:PORT`.

    Use it as an asynchronous context; its addresses are known once it is entered. All that it serves may be changed
    meanwhile: the directories of its tenants, its apps, `faults`, `latency`, `clock`.

    Args:
        tenants: what it serves; ids and domains must differ.
        apps: the app registrations. Without them there is one with a random secret, to which every tenant granted
            User.Read.All and GroupMember.Read.All.
        ca_file: where the CA's certificate is written; without it, in a temporary folder that goes with the emulator.
        port: 0 picks a free one.
        host: address to listen on.
        latency: how long every request waits before it is served.
        behaviour: lifetimes and other choices.
    """

    def __init__(  # noqa: PLR0913 - a tests' composition root: all but the first are choices with a default
        self,
        tenants: Sequence[Tenant],
        *,
        apps: Sequence[AppRegistration] = (),
        ca_file: Path | None = None,
        port: int = 0,
        host: str = "127.0.0.1",
        latency: timedelta = timedelta(),
        behaviour: Behaviour | None = None,
    ) -> None:
        _check_distinct(tenants)
        clock = Clock()
        self._cloud = Cloud(
            tenants=tuple(tenants),
            apps=list(apps) or [_app_of_all(tenants)],
            behaviour=behaviour or Behaviour(),
            clock=clock,
            workload=WorkloadIssuer(clock),
        )
        self._traffic = Traffic(clock, latency=latency)
        self._ca_file = ca_file
        self._host = host
        self._port = port
        self._closing = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            if self._ca_file is None:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="entraid-emulator-"))
                self._ca_file = Path(folder) / "ca.pem"
            tls = throwaway_tls()
            self._ca_file.write_bytes(tls.ca_pem)
            runner = web.AppRunner(self._application(), shutdown_timeout=_STOP_SECONDS, access_log=None)
            await runner.setup()
            stack.push_async_callback(_stop, runner)
            site = web.TCPSite(runner, self._host, self._port, ssl_context=tls.context())
            await site.start()
            self._port = runner.addresses[0][1]
            self._closing = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._closing.aclose()

    @property
    def url(self) -> str:
        """Scheme, host and port of both sides."""
        return f"https://localhost:{self._port}"

    @property
    def authority_url(self) -> str:
        """The login side: put `/{tenant}` behind it."""
        return self.url

    @property
    def graph_url(self) -> str:
        """The Graph side, version included."""
        return self.url + PREFIX

    @property
    def ca_file(self) -> Path:
        """The CA's certificate.

        Raises:
            RuntimeError: the emulator is not running and was given no path.
        """
        if self._ca_file is None:
            raise RuntimeError("the CA file exists once the emulator runs")
        return self._ca_file

    @property
    def tenants(self) -> Sequence[Tenant]:
        """What is served."""
        return self._cloud.tenants

    @property
    def apps(self) -> list[AppRegistration]:
        """The app registrations."""
        return self._cloud.apps

    @property
    def app(self) -> AppRegistration:
        """The first app registration."""
        return self._cloud.apps[0]

    @property
    def faults(self) -> FaultScript:
        """What goes wrong next."""
        return self._traffic.faults

    @property
    def requests(self) -> Journal:
        """What was asked and answered."""
        return self._traffic.journal

    @property
    def clock(self) -> Clock:
        """The emulator's time."""
        return self._cloud.clock

    @property
    def latency(self) -> timedelta:
        """How long every request waits."""
        return self._traffic.latency

    @latency.setter
    def latency(self, latency: timedelta) -> None:
        self._traffic.latency = latency

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[self._traffic.middleware], client_max_size=_MAX_REQUEST)
        add_graph(application.router, self._cloud)
        add_login(application.router, self._cloud)
        return application


async def _stop(runner: web.AppRunner) -> None:
    """Stop listening, let running requests end, then hang up: a TLS close would wait 30 s for the other side's."""
    connections = list(runner.server.connections) if runner.server else []
    transports = [connection.transport for connection in connections if connection.transport is not None]
    await runner.cleanup()
    for transport in transports:
        transport.abort()
    for _ in range(_TURNS_TO_CLOSE):
        await asyncio.sleep(0)


def _check_distinct(tenants: Sequence[Tenant]) -> None:
    if not tenants:
        raise ValueError("an emulator needs at least one tenant")
    names = [name for tenant in tenants for name in (tenant.tenant_id, *tenant.domains)]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ValueError(f"several tenants are named `{'`, `'.join(sorted(repeated))}`")


def _app_of_all(tenants: Sequence[Tenant]) -> AppRegistration:
    app = default_app()
    app.grants.update({tenant.tenant_id: DEFAULT_ROLES for tenant in tenants})
    return app
