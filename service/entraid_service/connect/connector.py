"""Connecting a tenant with an app's credentials, changing its settings, disconnecting it.

Nothing is saved before Entra issued a token for that very tenant and Graph answered with it: a connection that exists
has worked at least once.
"""

import secrets
import uuid
from dataclasses import dataclass, replace

from entraid_service.connect.credentials import seal
from entraid_service.connect.proof import Proof, Prover
from entraid_service.errors import ConnectionExists, ResourceNotFound, TenantUntold
from entraid_service.model.connection import Connection, ConnectionState, Credential, PfxFile
from entraid_service.model.ids import ConnectionId, TenantId
from entraid_service.ports import Authority, Clock, ConnectionStore, SecretBox


@dataclass(frozen=True, slots=True)
class ConnectOrder:
    """What a caller asks to be connected.

    `connection_id` is generated when empty; `tenant` is an id or a verified domain.
    """

    connection_id: str
    display_name: str
    tenant: str
    client_id: str
    credential: Credential | PfxFile
    groups_to_sync: tuple[str, ...] = ()
    validate_only: bool = False
    """Proves everything and saves nothing."""


class Connector:
    """Makes, changes and ends connections."""

    def __init__(
        self, *, connections: ConnectionStore, authority: Authority, prover: Prover, box: SecretBox, clock: Clock
    ) -> None:
        self._connections = connections
        self._authority = authority
        self._prover = prover
        self._box = box
        self._clock = clock

    async def connect(self, order: ConnectOrder) -> Connection:
        """Proves the credentials and saves the connection, or re-authorizes the one of that id and tenant.

        Until the new credential is saved the old one stays in use, and decisions never wait for either.

        Raises:
            CredentialsRejected: Entra rejected tenant, app or credential.
            PermissionMissing: The app may not read what a sync needs.
            ConnectionExists: The id is taken by another tenant.
            EntraUnavailable: Entra did not answer.
            GraphThrottled: Graph throttles.
            GraphUnavailable: Graph did not answer.
            EtagMismatch: Somebody else changed the connection meanwhile.
        """
        plain = await self._authority.plain(order.credential)
        former = await self._find(order.connection_id)
        tenant_id = await self._tenant(order, plain)
        check_same_tenant(former, tenant_id)
        proof = await self._prover.prove(tenant_id, client_id=order.client_id, credential=plain)
        connection = self._describe(order, tenant_id, proof=proof, former=former)
        if order.validate_only:
            return connection
        credential = seal(plain, uid=connection.uid, box=self._box)
        if former is None:
            await self._connections.create(connection, credential)
        else:
            await self._connections.replace(connection, credential, expected_version=former.version)
        return connection

    async def update(
        self,
        connection_id: ConnectionId,
        *,
        display_name: str | None,
        groups_to_sync: tuple[str, ...] | None,
        expected_version: int | None,
    ) -> Connection:
        """Changes settings; what is None stays. New groups take effect at the next sync.

        Raises:
            ResourceNotFound: There is none of this id.
            EtagMismatch: Its version is not the expected one, or somebody else changed it meanwhile.
        """
        former = await self._connections.get(connection_id)
        changed = replace(
            former,
            display_name=former.display_name if display_name is None else display_name,
            groups_to_sync=former.groups_to_sync if groups_to_sync is None else groups_to_sync,
            update_time=self._clock.now(),
            version=former.version + 1,
        )
        expected = former.version if expected_version is None else expected_version
        await self._connections.replace(changed, None, expected_version=expected)
        return changed

    async def disconnect(self, connection_id: ConnectionId, *, expected_version: int | None) -> None:
        """Deletes a connection with its credential and directory data.

        Raises:
            ResourceNotFound: There is none of this id.
            EtagMismatch: Its version is not the expected one.
        """
        await self._connections.delete(connection_id, expected_version=expected_version)

    async def _tenant(self, order: ConnectOrder, credential: Credential) -> TenantId:
        """The tenant's id, by Entra's documents or by a token of it; what follows proves it."""
        try:
            return await self._authority.resolve_tenant(order.tenant)
        except TenantUntold:
            tokens = self._authority.token_source(tenant=order.tenant, client_id=order.client_id, credential=credential)
            tenant_id = (await tokens.token()).tenant_id
            if tenant_id is None:
                raise
            return tenant_id

    async def _find(self, connection_id: str) -> Connection | None:
        if not connection_id:
            return None
        try:
            return await self._connections.get(ConnectionId(connection_id))
        except ResourceNotFound:
            return None

    def _describe(
        self, order: ConnectOrder, tenant_id: TenantId, *, proof: Proof, former: Connection | None
    ) -> Connection:
        now = self._clock.now()
        return Connection(
            id=ConnectionId(order.connection_id or f"c-{secrets.token_hex(6)}"),
            uid=former.uid if former else uuid.uuid4().hex,
            display_name=order.display_name or (former.display_name if former else ""),
            tenant_id=tenant_id,
            client_id=order.client_id,
            state=ConnectionState.ACTIVE,
            create_time=former.create_time if former else now,
            update_time=now,
            version=former.version + 1 if former else 1,
            # Re-authorizing must not widen what is synced by leaving it out.
            groups_to_sync=order.groups_to_sync or (former.groups_to_sync if former else ()),
            granted_permissions=proof.granted_permissions,
            missing_permissions=proof.missing_permissions,
            credential_expire_time=proof.credential_expire_time,
        )


def check_same_tenant(former: Connection | None, tenant_id: TenantId) -> None:
    """Refuses to give a connection to another tenant; one that waits for its first consent belongs to none yet.

    Raises:
        ConnectionExists: It belongs to another one.
    """
    if former is not None and former.tenant_id and former.tenant_id != tenant_id:
        raise ConnectionExists(
            f"`connections/{former.id}` belongs to tenant `{former.tenant_id}`; choose another connection ID, "
            "or disconnect that one first"
        )
