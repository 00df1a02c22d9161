"""From a connection to its tenant's directory, with the credential that is kept for it."""

from collections import OrderedDict
from collections.abc import Sequence

from entraid_service.connect.credentials import unseal
from entraid_service.model.connection import Connection
from entraid_service.model.permissions import lacking
from entraid_service.ports import Authority, ConnectionStore, Graph, SecretBox, TenantSource, TokenSource

_KEPT_TOKEN_SOURCES = 512
"""Token sources that stay in memory, one per connection in use; a dropped one costs a token request, nothing else."""


class TenantAccess:
    """Implements `ports.Tenants`: one token source per connection and credential, never shared between connections."""

    def __init__(
        self,
        *,
        connections: ConnectionStore,
        authority: Authority,
        graph: Graph,
        box: SecretBox,
        attributes: Sequence[str] = (),
    ) -> None:
        self._connections = connections
        self._authority = authority
        self._graph = graph
        self._box = box
        self._attributes = attributes
        self._token_sources: OrderedDict[tuple[str, int], TokenSource] = OrderedDict()

    async def directory(self, connection: Connection) -> TenantSource:
        """See `ports.Tenants.directory`."""
        tokens = await self._tokens(connection)
        await self._note_permissions(connection, tokens)
        return self._graph.directory(tokens)

    async def _note_permissions(self, connection: Connection, tokens: TokenSource) -> None:
        """Keeps what the token of this moment grants: an administrator may have added or revoked something."""
        roles = (await tokens.token()).roles
        if roles is None:
            return
        granted = tuple(sorted(roles))
        # A token that never named a permission reads what it reads: there, only a refusal tells what is missing.
        is_told = bool(granted or connection.granted_permissions)
        missing = lacking(granted, self._attributes) if is_told else connection.missing_permissions
        if (granted, missing) == (connection.granted_permissions, connection.missing_permissions):
            return
        await self._connections.set_health(
            connection.id,
            state=connection.state,
            last_error=connection.last_error,
            granted_permissions=granted,
            missing_permissions=missing,
        )

    async def _tokens(self, connection: Connection) -> TokenSource:
        # A re-authorized connection has another version, so that its old tokens are not used any more.
        key = (connection.uid, connection.version)
        if (known := self._token_sources.get(key)) is not None:
            self._token_sources.move_to_end(key)
            return known
        sealed = await self._connections.credential(connection.id)
        tokens = self._authority.token_source(
            tenant=connection.tenant_id,
            client_id=connection.client_id,
            credential=unseal(sealed, connection=connection, box=self._box),
        )
        self._token_sources[key] = tokens
        while len(self._token_sources) > _KEPT_TOKEN_SOURCES:
            self._token_sources.popitem(last=False)
        return tokens
