"""The running emulator: one HTTPS port with the login side and the Graph side, started and stopped as a context.

Order: TLS, CA file, cloud, web application, listening socket; closed in reverse. `background` runs it in a thread.
"""

import asyncio
import secrets
import ssl
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from entraid_emulator.apps import DEFAULT_ROLES, AppRegistration, default_app
from entraid_emulator.clock import Clock
from entraid_emulator.cloud import Behaviour, Cloud
from entraid_emulator.control.routes import Control
from entraid_emulator.credentials import EXCHANGE_AUDIENCE, Secret
from entraid_emulator.faults import FaultScript
from entraid_emulator.graph.routes import PREFIX
from entraid_emulator.graph.side import add_graph
from entraid_emulator.journal import Journal
from entraid_emulator.login.keys import Signer
from entraid_emulator.login.managed_identity import ManagedIdentity, add_managed_identity, identity_of
from entraid_emulator.login.routes import add_login
from entraid_emulator.login.script import LoginScript
from entraid_emulator.login.workload import PATH as WORKLOAD_PATH
from entraid_emulator.login.workload import WorkloadIssuer
from entraid_emulator.objects import Json
from entraid_emulator.tenant import Tenant
from entraid_emulator.tls import throwaway_tls
from entraid_emulator.traffic import Traffic

_STOP_SECONDS = 2.0
_TURNS_TO_CLOSE = 3  # of the event loop, until an aborted transport has closed its socket
_MAX_REQUEST = 4 * 1024 * 1024


class Emulator:
    """Microsoft Entra ID and Microsoft Graph on `https://localhost:PORT`.

    Use it as an asynchronous context; its addresses are known once it is entered. All that it serves may be changed
    meanwhile: its tenants (directories, administrators), its apps (credentials, consent), `faults`, `login`, `latency`,
    `clock`.

    Args:
        tenants: what it serves; ids and domains must differ.
        apps: the app registrations. Without them there is one with a random secret, to which every tenant granted
            User.Read.All and GroupMember.Read.All.
        ca_file: where the CA's certificate is written; without it, in a temporary folder that goes with the emulator.
        port: 0 picks a free one.
        host: address to listen on.
        latency: how long every request waits before it is served.
        behaviour: lifetimes and other choices.
        managed_identity_port: where the managed identity endpoints of the first tenant listen, plain HTTP; 0 picks a
            free port, None serves none.
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
        managed_identity_port: int | None = None,
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
        self._control_token = Secret(secrets.token_urlsafe(32))
        self._ca_file = ca_file
        self._host = host
        self._port = port
        self._identity_port = managed_identity_port
        self._identity = None if managed_identity_port is None else identity_of(tenants[0])
        if self._identity is not None:
            self._cloud.apps.append(self._identity.app)
        self._closing = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            if self._ca_file is None:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="entraid-emulator-"))
                self._ca_file = Path(folder) / "ca.pem"
            tls = throwaway_tls()
            self._ca_file.write_bytes(tls.ca_pem)
            self._port = await self._listen(stack, self._application(), self._port, tls=tls.context())
            if self._identity is not None:
                port = await self._listen(stack, self._identity_application(self._identity), self._identity_port or 0)
                self._identity.url = f"http://127.0.0.1:{port}"
                self._identity.authority = self.authority_url
            self._closing = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._closing.aclose()

    async def _listen(
        self, stack: AsyncExitStack, application: web.Application, port: int, *, tls: ssl.SSLContext | None = None
    ) -> int:
        """Serve until the stack closes; returns the port."""
        runner = web.AppRunner(application, shutdown_timeout=_STOP_SECONDS, access_log=None)
        await runner.setup()
        stack.push_async_callback(_stop, runner)
        await web.TCPSite(runner, self._host, port, ssl_context=tls).start()
        chosen: int = runner.addresses[0][1]
        return chosen

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
    def login(self) -> LoginScript:
        """AADSTS refusals and forgeries of the login side."""
        return self._cloud.script

    @property
    def serves_managed_identity(self) -> bool:
        """Whether there are managed identity endpoints."""
        return self._identity is not None

    @property
    def managed_identity(self) -> ManagedIdentity:
        """The identity behind the managed identity endpoints.

        Raises:
            RuntimeError: the emulator was given no port for them.
        """
        if self._identity is None:
            raise RuntimeError("give the emulator a `managed_identity_port`")
        return self._identity

    @property
    def workload_issuer(self) -> str:
        """The issuer that federated credentials may trust; its tokens come from `workload_token`."""
        return self.url + WORKLOAD_PATH

    def workload_token(
        self,
        subject: str,
        *,
        audience: Json = EXCHANGE_AUDIENCE,
        lifetime: timedelta = timedelta(hours=1),
        signer: Signer = "emulator",
    ) -> str:
        """A token of `workload_issuer` for a workload; a negative `lifetime` makes one that has expired."""
        return self._cloud.workload.token(
            self.workload_issuer, subject, audience=audience, lifetime=lifetime, signer=signer
        )

    def roll_signing_key(self, *, keep_old: bool = True) -> None:
        """Sign tokens with a new key; without `keep_old` the old one is no longer published nor accepted."""
        self._cloud.signing_keys.roll_over(keep_old=keep_old)

    @property
    def control_token(self) -> Secret:
        """Opens the control interface: https and below `/_emulator/v1`, as a bearer token."""
        return self._control_token

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
    def behaviour(self) -> Behaviour:
        """Lifetimes and other choices; may be exchanged while it runs (`dataclasses.replace`)."""
        return self._cloud.behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self._cloud.behaviour = behaviour

    @property
    def latency(self) -> timedelta:
        """How long every request waits."""
        return self._traffic.latency

    @latency.setter
    def latency(self, latency: timedelta) -> None:
        self._traffic.latency = latency

    def _identity_application(self, identity: ManagedIdentity) -> web.Application:
        application = web.Application(middlewares=[self._traffic.middleware])
        add_managed_identity(application.router, self._cloud, identity)
        return application

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[self._traffic.middleware], client_max_size=_MAX_REQUEST)
        add_graph(application.router, self._cloud, faults=self._traffic.faults, journal=self._traffic.journal)
        add_login(application.router, self._cloud)
        Control(self._cloud, self._control_token, faults=self._traffic.faults, journal=self._traffic.journal).add_to(
            application.router
        )
        return application


async def _stop(runner: web.AppRunner) -> None:
    """Stop listening, let running requests end, then hang up: a TLS close would wait 30 s for the other side's."""
    connections = list(runner.server.connections) if runner.server else []
    transports = [connection.transport for connection in connections if connection.transport is not None]
    await runner.cleanup()
    for transport in transports:
        with suppress(AttributeError):  # the first versions of Python 3.11 trip over one that was closed twice
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
