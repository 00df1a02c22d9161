"""ConnectionService: connecting tenants, reading and changing their settings, disconnecting them."""

from base64 import b64encode
from collections.abc import Awaitable
from datetime import datetime
from typing import TypeAlias

from grpc.aio import ServicerContext

from entraid.v1 import connection_service_pb2 as pb
from entraid.v1 import connection_service_pb2_grpc, snapshot_pb2
from entraid_service.connect.connector import ConnectOrder
from entraid_service.connect.consent import ConsentOrder
from entraid_service.connect.route import ConsentLink
from entraid_service.errors import ConsentLapsed, DirectoryNotSynced, InvalidField, ResourceNotFound
from entraid_service.model.connection import (
    Certificate,
    ClientSecret,
    Connection,
    Credential,
    FederatedIdentity,
    PfxFile,
)
from entraid_service.model.ids import ConnectionId
from entraid_service.model.permissions import permission_statuses
from entraid_service.model.secret import Secret
from entraid_service.rpc import validate
from entraid_service.rpc.convert import connection_message, timestamp
from entraid_service.rpc.facades import Facades
from entraid_service.rpc.freshness import ServedSnapshots
from entraid_service.rpc.names import parse_connection, parse_connection_id, shown
from entraid_service.rpc.page_tokens import ListCall, PageTokens
from entraid_service.rpc.paging import next_token, page_of
from entraid_service.rpc.snapshot_tokens import SnapshotTokens

_DEFAULT_PAGE = 50
_LARGEST_PAGE = 500
_LONGEST_URI = 2048
_CHANGEABLE = ("display_name", "groups_to_sync")

_ConnectContext: TypeAlias = ServicerContext[pb.ConnectRequest, Awaitable[pb.ConnectResponse]]
_ConsentContext: TypeAlias = ServicerContext[pb.CompleteConsentRequest, Awaitable[pb.CompleteConsentResponse]]
_GetContext: TypeAlias = ServicerContext[pb.GetConnectionRequest, Awaitable[pb.GetConnectionResponse]]
_ListContext: TypeAlias = ServicerContext[pb.ListConnectionsRequest, Awaitable[pb.ListConnectionsResponse]]
_UpdateContext: TypeAlias = ServicerContext[pb.UpdateConnectionRequest, Awaitable[pb.UpdateConnectionResponse]]
_DisconnectContext: TypeAlias = ServicerContext[pb.DisconnectRequest, Awaitable[pb.DisconnectResponse]]


class ConnectionService(connection_service_pb2_grpc.ConnectionServiceServicer):
    """Answers ConnectionService."""

    def __init__(self, facades: Facades, *, served: ServedSnapshots) -> None:
        self._facades = facades
        self._served = served
        self._pages = PageTokens(facades.signer)
        self._tokens = SnapshotTokens(facades.signer)

    async def Connect(  # noqa: N802 - the contract's name
        self,
        request: pb.ConnectRequest,
        context: _ConnectContext,  # noqa: ARG002 - gRPC passes it
    ) -> pb.ConnectResponse:
        """Connects a tenant with an app's credentials, or asks for an administrator's consent."""
        match request.WhichOneof("method"):
            case "app_credentials":
                connection = await self._facades.connector.connect(_read_order(request))
                return pb.ConnectResponse(connection=await self._message(connection))
            case "admin_consent":
                connection, link = await self._facades.consents.ask(_read_consent_order(request))
                pending = None if link is None else _pending(link)
                return pb.ConnectResponse(connection=await self._message(connection), pending_consent=pending)
            case _:
                raise InvalidField(
                    "app_credentials",
                    "the call says nothing of how to authorize: set `admin_consent` or `app_credentials`",
                )

    async def CompleteConsent(  # noqa: N802 - the contract's name
        self,
        request: pb.CompleteConsentRequest,
        context: _ConsentContext,  # noqa: ARG002 - gRPC passes it
    ) -> pb.CompleteConsentResponse:
        """Finishes a consent with the redirect that a caller's page received."""
        uri = validate.secret_text(
            request.callback_uri, "callback_uri", advice="send the whole URI that Entra redirected the browser to"
        )
        try:
            connection = await self._facades.consents.complete(uri)
        except ConsentLapsed as error:
            raise InvalidField("callback_uri", str(error)) from error
        return pb.CompleteConsentResponse(connection=await self._message(connection))

    async def GetConnection(  # noqa: N802 - the contract's name
        self,
        request: pb.GetConnectionRequest,
        context: _GetContext,  # noqa: ARG002 - gRPC passes it
    ) -> pb.GetConnectionResponse:
        """Reads one connection."""
        connection = await self._facades.connections.get(parse_connection(request.name, "name"))
        return pb.GetConnectionResponse(connection=await self._message(connection))

    async def ListConnections(  # noqa: N802 - the contract's name
        self,
        request: pb.ListConnectionsRequest,
        context: _ListContext,  # noqa: ARG002 - gRPC passes it
    ) -> pb.ListConnectionsResponse:
        """Lists connections by name."""
        size = validate.page_size(request.page_size, default=_DEFAULT_PAGE, most=_LARGEST_PAGE)
        call = ListCall("ListConnections")
        after = self._pages.open(call, request.page_token)
        start = None if after is None else ConnectionId(after)
        rows = await self._facades.connections.page(after=start, limit=size + 1)
        told = {connection.id: await self._message(connection) for connection in rows}
        messages, last = page_of(rows, lambda row: told[row.id], size=size, key=lambda row: row.id)
        return pb.ListConnectionsResponse(connections=messages, next_page_token=next_token(self._pages, call, last))

    async def UpdateConnection(  # noqa: N802 - the contract's name
        self,
        request: pb.UpdateConnectionRequest,
        context: _UpdateContext,  # noqa: ARG002 - gRPC passes it
    ) -> pb.UpdateConnectionResponse:
        """Changes a connection's settings."""
        connection_id = parse_connection(request.connection.name, "connection.name")
        display_name, groups = _read_changes(request)
        connection = await self._facades.connections.get(connection_id)
        expected = validate.matched_version(request.connection.etag, connection)
        if display_name is not None or groups is not None:
            connection = await self._facades.connector.update(
                connection_id, display_name=display_name, groups_to_sync=groups, expected_version=expected
            )
        return pb.UpdateConnectionResponse(connection=await self._message(connection))

    async def Disconnect(  # noqa: N802 - the contract's name
        self,
        request: pb.DisconnectRequest,
        context: _DisconnectContext,  # noqa: ARG002 - gRPC passes it
    ) -> pb.DisconnectResponse:
        """Deletes a connection and everything that is kept of it."""
        connection_id = parse_connection(request.name, "name")
        connection = await self._facades.connections.get(connection_id)
        expected = validate.matched_version(request.etag, connection)
        await self._facades.connector.disconnect(connection_id, expected_version=expected)
        self._served.forget(connection_id)
        await self._facades.runner.abandon(connection_id)
        return pb.DisconnectResponse()

    async def _message(self, connection: Connection) -> pb.Connection:
        label = await self._label(connection)
        return connection_message(
            connection,
            label,
            next_sync=await self._next_sync(connection),
            permissions=permission_statuses(connection, self._facades.attributes),
        )

    async def _next_sync(self, connection: Connection) -> datetime | None:
        try:
            return await self._facades.forecast.next_time(connection)
        except ResourceNotFound:
            return None  # deleted since it was read

    async def _label(self, connection: Connection) -> snapshot_pb2.Snapshot | None:
        try:
            version = await self._facades.lists.version(connection.id)
        except (DirectoryNotSynced, ResourceNotFound):
            # Never synced, or deleted since it was read: either way there is no data to name.
            return None
        return self._tokens.label(connection.uid, version)


def _read_order(request: pb.ConnectRequest) -> ConnectOrder:
    app = request.app_credentials
    return ConnectOrder(
        connection_id=_connection_id(request),
        display_name=_display_name(request.display_name, "display_name"),
        tenant=validate.tenant(request.tenant, "tenant"),
        client_id=validate.guid(app.client_id, "app_credentials.client_id", what="an application (client) ID"),
        credential=_read_credential(app),
        groups_to_sync=validate.groups_to_sync(request.groups_to_sync, "groups_to_sync"),
        validate_only=request.validate_only,
    )


def _read_consent_order(request: pb.ConnectRequest) -> ConsentOrder:
    redirect_uri = request.admin_consent.redirect_uri
    return ConsentOrder(
        connection_id=_connection_id(request),
        display_name=_display_name(request.display_name, "display_name"),
        tenant=validate.tenant(request.tenant, "tenant") if request.tenant else "",
        redirect_uri=validate.bounded(redirect_uri, "admin_consent.redirect_uri", longest=_LONGEST_URI),
        groups_to_sync=validate.groups_to_sync(request.groups_to_sync, "groups_to_sync"),
        validate_only=request.validate_only,
    )


def _connection_id(request: pb.ConnectRequest) -> str:
    return parse_connection_id(request.connection_id, "connection_id") if request.connection_id else ""


def _pending(link: ConsentLink) -> pb.PendingConsent:
    return pb.PendingConsent(consent_uri=link.uri, expire_time=timestamp(link.expire_time))


def _read_credential(app: pb.AppCredentials) -> Credential | PfxFile:
    match app.WhichOneof("credential"):
        case "client_secret":
            return ClientSecret(Secret(validate.secret_text(app.client_secret, "app_credentials.client_secret")))
        case "certificate_pem":
            return Certificate(Secret(validate.secret_text(app.certificate_pem, "app_credentials.certificate_pem")))
        case "certificate_pfx":
            return _read_pfx(app.certificate_pfx)
        case "workload_identity":
            return FederatedIdentity()
        case _:
            raise InvalidField(
                "app_credentials.client_secret",
                "no credential was sent: set one of client_secret, certificate_pem, certificate_pfx, workload_identity",
            )


def _read_pfx(file: pb.CertificatePfx) -> PfxFile:
    field = "app_credentials.certificate_pfx"
    content = validate.secret_bytes(file.content, f"{field}.content")
    password = validate.bounded(file.password, f"{field}.password", longest=validate.LONGEST_SECRET)
    return PfxFile(Secret(b64encode(content).decode()), Secret(password))


def _read_changes(request: pb.UpdateConnectionRequest) -> tuple[str | None, tuple[str, ...] | None]:
    """The new display name and Groups to Sync; None leaves a setting as it is."""
    changed = request.connection
    for index, path in enumerate(request.update_mask.paths):
        if path not in _CHANGEABLE:
            raise InvalidField(
                f"update_mask.paths[{index}]",
                f"`{shown(path)}` cannot be changed: only display_name and groups_to_sync can",
            )
    paths = request.update_mask.paths or [path for path in _CHANGEABLE if getattr(changed, path)]
    display_name = _display_name(changed.display_name, "connection.display_name")
    groups = validate.groups_to_sync(changed.groups_to_sync, "connection.groups_to_sync")
    return display_name if "display_name" in paths else None, groups if "groups_to_sync" in paths else None


def _display_name(text: str, field: str) -> str:
    return validate.bounded(text, field, longest=validate.LONGEST_DISPLAY_NAME)
