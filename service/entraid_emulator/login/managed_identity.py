"""Managed identity endpoints, as a host in Azure has them: plain HTTP, no secret of the app, tokens for its identity.

Tokens are for Microsoft Graph, or prove an app that trusts the identity (`api://AzureADTokenExchange`).

Two forms: App Service (`IDENTITY_ENDPOINT` and `IDENTITY_HEADER` in the environment, API version 2019-08-01) and the
instance metadata service (any host that `AZURE_POD_IDENTITY_AUTHORITY_HOST` names; real machines ask 169.254.169.254).
https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
"""

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus

import orjson
from aiohttp import web

from entraid_emulator.apps import DEFAULT_ROLES, AppRegistration
from entraid_emulator.cloud import Cloud
from entraid_emulator.credentials import EXCHANGE_AUDIENCE, FederatedCredential, Secret
from entraid_emulator.login.tokens import BACKDATED, GRAPH_APP_ID, GRAPH_RESOURCE, Issue, app_only_claims
from entraid_emulator.objects import ClientId, Json
from entraid_emulator.tenant import Tenant

_APP_SERVICE = "/msi/token"
_METADATA = "/metadata/identity/oauth2/token"
_VERSIONS = {_APP_SERVICE: "2019-08-01", _METADATA: "2018-02-01"}
_LIFETIME = timedelta(hours=24)
_RESOURCES = frozenset({GRAPH_RESOURCE, f"{GRAPH_RESOURCE}/", GRAPH_APP_ID, EXCHANGE_AUDIENCE})
_OTHER_NAMES = ("object_id", "principal_id", "mi_res_id", "msi_res_id")


@dataclass(slots=True, kw_only=True)
class ManagedIdentity:
    """The identity of the host that the endpoints belong to.

    Attributes:
        tenant: where it lives.
        app: its service principal; `app.grants` says what it may.
        header: what callers of the App Service form must know.
        url: of the endpoints, known once the emulator runs.
        authority: the login side's scheme and host, known once the emulator runs.
    """

    tenant: Tenant
    app: AppRegistration
    header: Secret = field(default_factory=lambda: Secret(secrets.token_hex(16).upper()))
    url: str = ""
    authority: str = ""

    @property
    def federated_credential(self) -> FederatedCredential:
        """The trust that lets an app be proved by this identity.

        https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity
        """
        return FederatedCredential(issuer=self._issuer, subject=self._principal)

    @property
    def _issuer(self) -> str:
        return f"{self.authority}/{self.tenant.tenant_id}/v2.0"

    @property
    def _principal(self) -> str:
        return self.app.principal_in(self.tenant.tenant_id)

    def assertion_claims(self, now: datetime) -> Mapping[str, Json]:
        """What stands in the identity's token for the exchange."""
        issued = int((now - BACKDATED).timestamp())
        return {
            "aud": EXCHANGE_AUDIENCE,
            "iss": self._issuer,
            "iat": issued,
            "nbf": issued,
            "exp": int((now + _LIFETIME).timestamp()),
            "azp": self.app.client_id,
            "azpacr": "2",
            "idtyp": "app",
            "oid": self._principal,
            "sub": self._principal,
            "tid": self.tenant.tenant_id,
            "ver": "2.0",
        }

    def app_service_environment(self) -> dict[str, str]:
        """The environment that points `msal.ManagedIdentityClient` at the App Service form; it holds a secret."""
        return {"IDENTITY_ENDPOINT": self.url + _APP_SERVICE, "IDENTITY_HEADER": self.header.reveal()}

    def metadata_environment(self) -> dict[str, str]:
        """The environment that points it at the instance metadata service."""
        return {"AZURE_POD_IDENTITY_AUTHORITY_HOST": self.url}


def identity_of(tenant: Tenant) -> ManagedIdentity:
    """A new identity with the permissions that a sync needs."""
    app = AppRegistration(
        client_id=ClientId(str(uuid.uuid4())),
        display_name="entraid host",
        home_tenant=tenant.tenant_id,
        grants={tenant.tenant_id: DEFAULT_ROLES},
    )
    return ManagedIdentity(tenant=tenant, app=app)


def add_managed_identity(router: web.UrlDispatcher, cloud: Cloud, identity: ManagedIdentity) -> None:
    """Add both endpoints."""

    async def app_service(request: web.Request) -> web.StreamResponse:
        if not identity.header.matches(request.headers.get("X-IDENTITY-HEADER", "")):
            return _vague(HTTPStatus.UNAUTHORIZED, "Unauthorized: the X-IDENTITY-HEADER is missing or wrong")
        refusal = _refusal(request, identity)
        if refusal is not None:
            return _vague(HTTPStatus.BAD_REQUEST, refusal[1])
        return _json(_token(cloud, identity, request.query["resource"], is_app_service=True))

    async def metadata(request: web.Request) -> web.StreamResponse:
        is_forwarded = "X-Forwarded-For" in request.headers  # no proxy may stand between a host and its metadata
        if request.headers.get("Metadata", "").lower() != "true" or is_forwarded:
            return _told("invalid_request", "Required metadata header not specified")
        refusal = _refusal(request, identity)
        if refusal is not None:
            return _told(*refusal)
        return _json(_token(cloud, identity, request.query["resource"], is_app_service=False))

    router.add_get(_APP_SERVICE, app_service)
    router.add_get(_METADATA, metadata)


def _refusal(request: web.Request, identity: ManagedIdentity) -> tuple[str, str] | None:
    """What is wrong with a request that may ask."""
    query = request.query
    if query.get("api-version") != _VERSIONS[request.path]:
        return "invalid_request", f"Unsupported api-version; use {_VERSIONS[request.path]}"
    if not query.get("resource"):
        return "invalid_request", "Required query variable 'resource' is missing"
    wanted = query.get("client_id")
    if (wanted is not None and wanted.lower() != identity.app.client_id) or any(name in query for name in _OTHER_NAMES):
        return "invalid_request", "Identity not found"
    if identity.tenant.tenant_id not in identity.app.grants or identity.app.is_disabled:
        return "invalid_request", "Identity not found"
    if query["resource"] not in _RESOURCES:
        return "invalid_resource", f"AADSTS500011: The resource principal named {query['resource']} was not found."
    return None


def _token(cloud: Cloud, identity: ManagedIdentity, resource: str, *, is_app_service: bool) -> Mapping[str, Json]:
    now: datetime = cloud.clock.now()
    answer: dict[str, Json] = {
        "access_token": _signed(cloud, identity, resource, now=now),
        "client_id": identity.app.client_id,
        "expires_on": str(int((now + _LIFETIME).timestamp())),
        "resource": resource,
        "token_type": "Bearer",
    }
    if not is_app_service:
        seconds = str(int(_LIFETIME.total_seconds()) - 1)
        answer |= {"expires_in": seconds, "ext_expires_in": seconds, "not_before": str(int(now.timestamp()))}
    return answer


def _signed(cloud: Cloud, identity: ManagedIdentity, resource: str, *, now: datetime) -> str:
    if resource == EXCHANGE_AUDIENCE:
        forgery = cloud.script.forgery("assertion", client_id=identity.app.client_id)
        return cloud.signing_keys.sign(forgery.applied(identity.assertion_claims(now)), signer=forgery.signer)
    issue = Issue(
        tenant=identity.tenant, app=identity.app, audience=resource, lifetime=_LIFETIME, is_cae=False, proof="2"
    )
    return cloud.signing_keys.sign(app_only_claims(issue, now))


def _json(body: Mapping[str, Json], status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


def _told(error: str, description: str) -> web.Response:
    return _json({"error": error, "error_description": description}, HTTPStatus.BAD_REQUEST)


def _vague(status: HTTPStatus, message: str) -> web.Response:
    """App Service says a status and a sentence."""
    return _json({"statusCode": int(status), "message": message}, status)
