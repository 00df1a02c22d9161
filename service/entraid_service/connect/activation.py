"""The connection behind a consent: made while it waits, active once its tenant has consented."""

import asyncio
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from entraid_service.connect.connector import check_same_tenant
from entraid_service.connect.consent import ConsentOrder
from entraid_service.connect.credentials import seal
from entraid_service.connect.proof import Proof, Prover
from entraid_service.errors import CredentialsRejected, EntraidError, PermissionMissing, ResourceNotFound
from entraid_service.model.connection import Connection, ConnectionState, ServiceApp
from entraid_service.model.consent import Consent
from entraid_service.model.ids import ConnectionId, TenantId
from entraid_service.ports import Authority, Clock, ConnectionStore, SecretBox

SETTLING = tuple(timedelta(seconds=seconds) for seconds in (1, 2, 4, 8))
"""How long a new consent is given to be known everywhere in Entra, in tries; permissions appear some seconds late."""


class Activation:
    """Makes and activates connections for consents."""

    def __init__(
        self,
        *,
        connections: ConnectionStore,
        authority: Authority,
        prover: Prover,
        box: SecretBox,
        clock: Clock,
        settling: Sequence[timedelta] = SETTLING,
    ) -> None:
        self._connections = connections
        self._authority = authority
        self._prover = prover
        self._box = box
        self._clock = clock
        self._settling = settling

    async def prepare(self, order: ConsentOrder, *, client_id: str) -> tuple[Connection, TenantId]:
        """The connection that an order is for, and the only tenant that it may be given to (empty for any).

        Raises:
            CredentialsRejected: Entra knows no tenant of that name.
            ConnectionExists: The id is taken by another tenant.
            EntraUnavailable: Entra did not answer.
        """
        named = await self._authority.resolve_tenant(order.tenant) if order.tenant else TenantId("")
        former = await self._find(order.connection_id)
        if former is None:
            return self._waiting(order, client_id=client_id), named
        if named:
            check_same_tenant(former, named)
        changed = replace(
            former,
            display_name=order.display_name or former.display_name,
            update_time=self._clock.now(),
            version=former.version + 1,
        )
        return changed, former.tenant_id or named

    async def save(self, connection: Connection) -> None:
        """Keeps what `prepare` made.

        Raises:
            ConnectionExists: Somebody else made one of that id meanwhile.
            EtagMismatch: Somebody else changed it meanwhile.
        """
        if connection.version == 1:
            await self._connections.create(connection, None)
        else:
            await self._connections.replace(connection, None, expected_version=connection.version - 1)

    async def connection(self, consent: Consent) -> Connection:
        """The connection of a consent.

        Raises:
            ResourceNotFound: It is gone, or another one took its name.
        """
        found = await self._connections.get(consent.connection_id)
        if found.uid != consent.connection_uid:
            raise ResourceNotFound("connection", f"connections/{consent.connection_id}")
        return found

    async def check_tenant(self, consent: Consent) -> None:
        """Refuses a proven tenant that the connection, as it is now, may not be given to.

        Raises:
            ConnectionExists: It belongs to another tenant.
            ResourceNotFound: It is gone.
        """
        check_same_tenant(await self.connection(consent), consent.proven_tenant)

    async def activate(self, consent: Consent, tenant_id: TenantId, *, client_id: str) -> Connection:
        """Gets a token for the tenant, tries it, and binds the connection to it.

        Raises:
            CredentialsRejected: Entra rejected the app in this tenant.
            PermissionMissing: What was granted is not enough.
            ConnectionExists: The connection belongs to another tenant by now.
            ResourceNotFound: It is gone.
            EtagMismatch: Somebody else changed it meanwhile.
            EntraUnavailable: Entra did not answer.
            GraphUnavailable: Graph did not answer.
        """
        former = await self.connection(consent)
        check_same_tenant(former, tenant_id)
        proof = await self._settled(tenant_id, client_id=client_id)
        groups = former.groups_to_sync if consent.groups_to_sync is None else consent.groups_to_sync
        active = replace(
            former,
            tenant_id=tenant_id,
            client_id=client_id,
            state=ConnectionState.ACTIVE,
            update_time=self._clock.now(),
            version=former.version + 1,
            groups_to_sync=groups,
            granted_permissions=proof.granted_permissions,
            missing_permissions=proof.missing_permissions,
            credential_expire_time=proof.credential_expire_time,
            last_error=None,
        )
        credential = seal(ServiceApp(), uid=active.uid, box=self._box)
        await self._connections.replace(active, credential, expected_version=former.version)
        return active

    async def note_failure(self, consent: Consent, error: EntraidError) -> None:
        """Tells callers why a connection still waits. One that is active is in order as before."""
        try:
            found = await self.connection(consent)
        except ResourceNotFound:
            return
        if found.state is ConnectionState.PENDING_CONSENT:
            missing = error.missing if isinstance(error, PermissionMissing) else ()
            await self._connections.set_health(
                found.id, state=found.state, last_error=error.report(), missing_permissions=missing
            )

    async def _settled(self, tenant_id: TenantId, *, client_id: str) -> Proof:
        for pause in self._settling:
            try:
                return await self._prover.prove(tenant_id, client_id=client_id, credential=ServiceApp())
            except (CredentialsRejected, PermissionMissing):
                await asyncio.sleep(pause.total_seconds())
        return await self._prover.prove(tenant_id, client_id=client_id, credential=ServiceApp())

    async def _find(self, connection_id: str) -> Connection | None:
        if not connection_id:
            return None
        try:
            return await self._connections.get(ConnectionId(connection_id))
        except ResourceNotFound:
            return None

    def _waiting(self, order: ConsentOrder, *, client_id: str) -> Connection:
        now = self._clock.now()
        return Connection(
            id=ConnectionId(order.connection_id or f"c-{secrets.token_hex(6)}"),
            uid=uuid.uuid4().hex,
            display_name=order.display_name,
            tenant_id=TenantId(""),
            client_id=client_id,
            state=ConnectionState.PENDING_CONSENT,
            create_time=now,
            update_time=now,
            groups_to_sync=order.groups_to_sync,
        )
