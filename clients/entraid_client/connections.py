"""The calls of `ConnectionService`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, assert_never

from google.protobuf.field_mask_pb2 import FieldMask

from entraid.v1 import connection_service_pb2 as pb
from entraid_client.authorization import (
    Authorization,
    ClientCertificate,
    ClientPfx,
    ClientSecret,
    ConsentByAdministrator,
    ServiceWorkload,
)
from entraid_client.names import connection_name
from entraid_client.pages import walk
from entraid_client.wire import OverWire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

_RPCS: Final = pb.DESCRIPTOR.services_by_name["ConnectionService"].methods_by_name

# `Connect` asks Entra for a token and reads Graph before it answers, and either may throttle.
CONNECT_DEADLINE: Final = timedelta(seconds=90)


class ConnectionCalls(OverWire):
    """Connects tenants, reads and changes their settings."""

    async def connect(  # noqa: PLR0913 - one argument per field of the call
        self,
        authorization: Authorization,
        *,
        tenant: str = "",
        connection_id: str = "",
        display_name: str = "",
        groups_to_sync: Iterable[str] = (),
        validate_only: bool = False,
        deadline: timedelta = CONNECT_DEADLINE,
    ) -> pb.ConnectResponse:
        """Connects a tenant, or authorizes an existing connection anew.

        Args:
            authorization: Where the right to read the tenant comes from.
            tenant: Tenant ID or verified domain; may be empty only for a consent.
            connection_id: The connection's ID; the service makes one up if empty. Only with an ID is the call made
                again when the service was unavailable, as a second one could otherwise connect twice.
            display_name: What people call the connection.
            groups_to_sync: Groups to copy, by object ID or display name; none copies everything.
            validate_only: Prove everything and keep nothing.
            deadline: For the call with all its repetitions.

        Raises:
            Reauthorize: Entra or Graph refused; says what an administrator has to do.
            ConnectionExists: Another tenant has that ID.
            EntraidError: See `errors.py`.
        """
        request = _with_method(
            pb.ConnectRequest(
                connection_id=connection_id,
                display_name=display_name,
                tenant=tenant,
                groups_to_sync=groups_to_sync,
                validate_only=validate_only,
            ),
            authorization,
        )
        return await self._wire.calls.unary(
            self._wire.connections.Connect,
            request,
            rpc=_RPCS["Connect"],
            deadline=deadline,
            repeatable=bool(connection_id) or validate_only,
        )

    async def complete_consent(self, callback_uri: str, *, deadline: timedelta = CONNECT_DEADLINE) -> pb.Connection:
        """Finishes a consent with the whole address that Entra redirected to. Never repeated: its state works once."""
        request = pb.CompleteConsentRequest(callback_uri=callback_uri)
        response = await self._wire.calls.unary(
            self._wire.connections.CompleteConsent, request, rpc=_RPCS["CompleteConsent"], deadline=deadline
        )
        return response.connection

    async def get_connection(self, connection: str, *, deadline: timedelta | None = None) -> pb.Connection:
        """Reads one connection, by ID or full name."""
        request = pb.GetConnectionRequest(name=connection_name(connection))
        response = await self._wire.calls.unary(
            self._wire.connections.GetConnection, request, rpc=_RPCS["GetConnection"], deadline=deadline
        )
        return response.connection

    async def list_connections(
        self, *, page_size: int = 0, deadline: timedelta | None = None
    ) -> AsyncIterator[pb.Connection]:
        """Every connection in the order of names; `deadline` is for each page."""

        async def fetch(token: str) -> pb.ListConnectionsResponse:
            return await self._wire.calls.unary(
                self._wire.connections.ListConnections,
                pb.ListConnectionsRequest(page_size=page_size, page_token=token),
                rpc=_RPCS["ListConnections"],
                deadline=deadline,
            )

        async for page in walk(fetch, rpc=_RPCS["ListConnections"]):
            for connection in page.connections:
                yield connection

    async def update_connection(
        self, connection: pb.Connection, *, fields: Iterable[str] = (), deadline: timedelta | None = None
    ) -> pb.Connection:
        """Sets a connection's `display_name` and `groups_to_sync`.

        Args:
            connection: Says which by its `name`, and what to set; with its `etag`, a change in between is a `Conflict`.
            fields: Which of the two to set; none sets those that hold something.
            deadline: For the call with all its repetitions.
        """
        request = pb.UpdateConnectionRequest(connection=connection, update_mask=FieldMask(paths=fields))
        response = await self._wire.calls.unary(
            self._wire.connections.UpdateConnection, request, rpc=_RPCS["UpdateConnection"], deadline=deadline
        )
        return response.connection

    async def disconnect(self, connection: str, *, etag: str = "", deadline: timedelta | None = None) -> None:
        """Deletes a connection, its credentials and its directory data; with `etag`, only that version of it."""
        request = pb.DisconnectRequest(name=connection_name(connection), etag=etag)
        await self._wire.calls.unary(
            self._wire.connections.Disconnect, request, rpc=_RPCS["Disconnect"], deadline=deadline
        )


def _with_method(request: pb.ConnectRequest, authorization: Authorization) -> pb.ConnectRequest:
    """Puts the authorization into a request: the one place where a secret leaves its wrapping."""
    match authorization:
        case ConsentByAdministrator(redirect_uri):
            request.admin_consent.CopyFrom(pb.AdminConsent(redirect_uri=redirect_uri))
        case ClientSecret(client_id, secret):
            request.app_credentials.CopyFrom(pb.AppCredentials(client_id=client_id, client_secret=secret.reveal()))
        case ClientCertificate(client_id, pem):
            request.app_credentials.CopyFrom(pb.AppCredentials(client_id=client_id, certificate_pem=pem.reveal()))
        case ClientPfx(client_id, content, password):
            pfx = pb.CertificatePfx(content=content, password=password.reveal() if password else "")
            request.app_credentials.CopyFrom(pb.AppCredentials(client_id=client_id, certificate_pfx=pfx))
        case ServiceWorkload(client_id):
            credentials = pb.AppCredentials(client_id=client_id, workload_identity=pb.WorkloadIdentity())
            request.app_credentials.CopyFrom(credentials)
        case _:
            assert_never(authorization)
    return request
