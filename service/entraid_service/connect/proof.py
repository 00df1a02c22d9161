"""Whether an app may read a tenant, found by doing it: a token of that very tenant, and a read of Microsoft Graph."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from entraid_service.errors import CredentialsRejected, PermissionMissing
from entraid_service.model.connection import Credential
from entraid_service.model.ids import TenantId
from entraid_service.model.permissions import PERMISSIONS, lacking, permissions_for
from entraid_service.ports import Authority, Graph


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found: the permissions that the token carries and lacks, and when the credential ends."""

    granted_permissions: tuple[str, ...]
    missing_permissions: tuple[str, ...]
    credential_expire_time: datetime | None


class Prover:
    """Proves apps. Every proof asks Entra anew: nothing of an earlier one is reused.

    `attributes` (Microsoft Graph names) are those that a sync will ask for.
    """

    def __init__(self, *, authority: Authority, graph: Graph, attributes: Sequence[str] = ()) -> None:
        self._authority = authority
        self._graph = graph
        self._attributes = attributes

    async def prove(self, tenant_id: TenantId, *, client_id: str, credential: Credential) -> Proof:
        """Gets a token and reads with it.

        Raises:
            CredentialsRejected: Entra rejected tenant, app or credential.
            PermissionMissing: The app may not read what a sync needs.
            EntraUnavailable: Entra did not answer.
            GraphThrottled: Graph throttles.
            GraphUnavailable: Graph did not answer.
        """
        expire_time = self._authority.credential_expire_time(credential)
        tokens = self._authority.token_source(tenant=tenant_id, client_id=client_id, credential=credential)
        token = await tokens.token()
        if token.tenant_id not in (None, tenant_id):
            raise CredentialsRejected(
                f"Entra answered with a token of tenant `{token.tenant_id}`, not of `{tenant_id}`: it is not used; "
                "check the tenant and the authority URL"
            )
        probe = await self._graph.directory(tokens).probe(self._attributes)
        if probe.missing_permissions:
            raise PermissionMissing(
                self._missing_text(probe.missing_permissions, client_id=client_id), missing=probe.missing_permissions
            )
        granted = tuple(sorted(token.roles or ()))
        # What was read in spite of the token stands; what it lacks is told all the same.
        missing = lacking(granted, self._attributes) if granted else ()
        return Proof(granted, missing, expire_time)

    def _missing_text(self, missing: tuple[str, ...], *, client_id: str) -> str:
        features = {one.name: one.feature for one in permissions_for(self._attributes)}
        names = " and ".join(f"`{name}` (it {features[name]})" for name in missing)
        return (
            f"app `{client_id}` lacks the Microsoft Graph application permission {names}: add it under App "
            "registrations > API permissions > Microsoft Graph > Application permissions, let an administrator grant "
            f"consent, and connect again; see {PERMISSIONS}"
        )
