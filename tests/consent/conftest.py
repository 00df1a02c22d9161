"""A service with an app of its own, two tenants of an emulator, and administrators who can be sent to and fro."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import grpc
import pytest
from google.protobuf.message import Message

from consent.visitor import Visitor
from e2e.harness import Service, pointed_at, serving
from entraid.v1 import connection_service_pb2 as pb
from entraid.v1 import directory_service_pb2, sync_service_pb2
from entraid.v1.sync_service_pb2 import SyncRun
from entraid_emulator import (
    ClientSecret,
    Emulator,
    Secret,
    Tenant,
    contoso,
    default_app,
    generated,
    in_background,
    multi_tenant_app,
)

CANARY = "canary~Own.7Qd-secret_of.the~service-app"
CALLER_PAGE = "https://caller.example/consented"
ADMIN = "ada.celik@contoso.example"
SECONDS = 30.0

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Site:
    """The running service, its calls, and the cloud that it is pointed at."""

    service: Service
    emulator: Emulator
    channel: grpc.Channel

    @property
    def base(self) -> str:
        """Where browsers reach the service."""
        return f"http://localhost:{self.service.http_address.rpartition(':')[2]}"

    @property
    def home(self) -> Tenant:
        """Contoso."""
        return self.emulator.tenants[0]

    @property
    def other(self) -> Tenant:
        """A tenant that is none of Contoso's business."""
        return self.emulator.tenants[1]

    def call(self, method: str, request: Message, answer: type[M]) -> M:
        """`Service/Method`; the generated stubs are asyncio's, and these tests block."""
        calls: grpc.UnaryUnaryMultiCallable[Message, M] = self.channel.unary_unary(
            f"/entraid.v1.{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        return calls(request, timeout=SECONDS)

    def connect(self, request: pb.ConnectRequest) -> pb.ConnectResponse:
        """Connect."""
        return self.call("ConnectionService/Connect", request, pb.ConnectResponse)

    def disconnect(self, name: str) -> None:
        """Disconnect."""
        request = pb.DisconnectRequest(name=f"connections/{name}")
        self.call("ConnectionService/Disconnect", request, pb.DisconnectResponse)

    def ask(
        self, name: str, *, tenant: str = "", redirect_uri: str = "", groups: str = "", display_name: str = ""
    ) -> pb.ConnectResponse:
        """Asks for a consent."""
        return self.connect(
            pb.ConnectRequest(
                connection_id=name,
                display_name=display_name or f"The {name}",
                tenant=tenant,
                groups_to_sync=[groups] if groups else [],
                admin_consent=pb.AdminConsent(redirect_uri=redirect_uri),
            )
        )

    def link(self, name: str, *, tenant: str = "", redirect_uri: str = "") -> str:
        """Asks, and takes the link."""
        return self.ask(name, tenant=tenant, redirect_uri=redirect_uri).pending_consent.consent_uri

    def get(self, name: str) -> pb.Connection:
        """Reads a connection."""
        request = pb.GetConnectionRequest(name=f"connections/{name}")
        return self.call("ConnectionService/GetConnection", request, pb.GetConnectionResponse).connection

    def get_degraded(self, name: str, word: str) -> pb.Connection:
        """Reads a connection whose error tells of `word`, which it does a moment after the run has ended."""
        deadline = time.monotonic() + SECONDS
        while word not in (found := self.get(name)).last_error.message:
            assert time.monotonic() < deadline, found.last_error.message
            time.sleep(0.05)
        assert found.state == pb.Connection.STATE_DEGRADED
        return found

    def complete(self, callback_uri: str) -> pb.Connection:
        """Hands a redirect over."""
        request = pb.CompleteConsentRequest(callback_uri=callback_uri)
        return self.call("ConnectionService/CompleteConsent", request, pb.CompleteConsentResponse).connection

    def await_sync(self, name: str) -> SyncRun:
        """Follows the latest run to its end."""
        request = sync_service_pb2.ListSyncRunsRequest(parent=f"connections/{name}")
        run = self.call("SyncService/ListSyncRuns", request, sync_service_pb2.ListSyncRunsResponse).sync_runs[0]
        deadline = time.monotonic() + SECONDS
        while run.state in {SyncRun.STATE_PENDING, SyncRun.STATE_RUNNING}:
            assert time.monotonic() < deadline, "the sync did not end"
            time.sleep(0.05)
            asked = sync_service_pb2.GetSyncRunRequest(name=run.name)
            run = self.call("SyncService/GetSyncRun", asked, sync_service_pb2.GetSyncRunResponse).sync_run
        return run

    def sync(self, name: str) -> SyncRun:
        """A sync to its end, whether this or the schedule started it."""
        request = sync_service_pb2.SyncRequest(connection=f"connections/{name}")
        try:
            self.call("SyncService/Sync", request, sync_service_pb2.SyncResponse)
        except grpc.RpcError as error:
            assert error.code() is grpc.StatusCode.ABORTED  # noqa: PT017 - any other is a failure
        return self.await_sync(name)

    def users(self, name: str) -> int:
        """How many users are served, on the first page."""
        request = directory_service_pb2.ListUsersRequest(parent=f"connections/{name}", page_size=500)
        return len(self.call("DirectoryService/ListUsers", request, directory_service_pb2.ListUsersResponse).users)

    def visitor(self) -> Visitor:
        """A fresh browser."""
        return Visitor(str(self.emulator.ca_file))

    def admin_of(self, tenant: Tenant) -> str:
        """See `admin_of`."""
        return admin_of(tenant)

    def check_nothing_bound(self, name: str) -> None:
        """The connection waits as before, belongs to nobody, and serves nothing."""
        found = self.get(name)
        assert found.state == pb.Connection.STATE_PENDING_CONSENT
        assert not found.tenant_id
        assert not found.granted_permissions
        assert not found.HasField("snapshot")


def admin_of(tenant: Tenant) -> str:
    """An administrator's user principal name."""
    user = tenant.directory.users.get(min(tenant.administrators))
    assert user is not None
    return str(user["userPrincipalName"])


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Two tenants, an app of the tenants' own, and the service's app, to which nobody has consented yet."""
    own = multi_tenant_app("http://localhost/connect/callback", CALLER_PAGE)
    own.secrets = [ClientSecret(Secret(CANARY))]
    tenants = [contoso(), generated(users=30, groups=4, seed=7)]
    theirs = default_app()
    for tenant in tenants:
        theirs.grant(tenant.tenant_id)
    ca_file = tmp_path_factory.mktemp("emulator") / "ca.pem"
    with in_background(Emulator(tenants, apps=[own, theirs], ca_file=ca_file)) as running:
        yield running


def consent_settings(emulator: Emulator) -> dict[str, str]:
    """The settings of a service with an app of its own."""
    return {
        **pointed_at(emulator),
        "ENTRAID_CLIENT_ID": emulator.apps[0].client_id,
        "ENTRAID_CLIENT_SECRET": CANARY,
        "ENTRAID_CONSENT_REDIRECT_URIS": CALLER_PAGE,
    }


@pytest.fixture(scope="session")
def running_site(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One service for all tests."""
    with (
        serving(tmp_path_factory.mktemp("service"), consent_settings(emulator)) as service,
        grpc.insecure_channel(service.target) as channel,
    ):
        yield Site(service, emulator, channel)


@pytest.fixture
def site(running_site: Site) -> Iterator[Site]:
    """The service; afterwards the emulator is honest again, and nobody has consented."""
    yield running_site
    running_site.emulator.login.clear()
    running_site.emulator.faults.clear()
    own = running_site.emulator.apps[0]
    own.is_disabled = False
    for tenant in running_site.emulator.tenants:
        own.remove_from(tenant.tenant_id)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[Emulator, dict[str, str]], Site]]:
    """Starts a service of the test's own, one after the other in the same folder."""
    with ExitStack() as stack:

        def begin(emulator: Emulator, environment: dict[str, str]) -> Site:
            service = stack.enter_context(serving(tmp_path, environment))
            return Site(service, emulator, stack.enter_context(grpc.insecure_channel(service.target)))

        yield begin
