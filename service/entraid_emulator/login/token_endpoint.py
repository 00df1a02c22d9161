"""`POST /{tenant}/oauth2/v2.0/token`: a request in, a token or a refusal out. Apps alone are served here.

Order, as Entra's answers show it: the form, the tenant, the app, its credential, the scope, the resource. Grants that
stand for a person are in `user_grants`; others are refused as unsupported.
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

import json
from collections.abc import Mapping
from datetime import timedelta

from entraid_emulator.cloud import Cloud
from entraid_emulator.login import user_grants
from entraid_emulator.login.clients import authenticated, check_principal, known_app, named_tenant
from entraid_emulator.login.errors import refused
from entraid_emulator.login.request import LoginRequest
from entraid_emulator.login.tokens import GRAPH_APP_ID, GRAPH_RESOURCE, Issue, app_only_claims
from entraid_emulator.objects import Json
from entraid_emulator.tenant import Tenant

_CLIENT_CREDENTIALS = "client_credentials"
_DEFAULT = "/.default"


def token(cloud: Cloud, request: LoginRequest) -> Mapping[str, Json]:
    """The token answer.

    Raises:
        LoginError: with Entra's code for what is wrong.
    """
    if request.method != "POST":
        raise refused(900561, method=request.method)
    grant = request.form.get("grant_type")
    if not grant:
        raise refused(900144, field="grant_type")
    if grant == _CLIENT_CREDENTIALS:
        return _app_only(cloud, request)
    if grant not in user_grants.GRANTS:
        raise refused(70003, grant=grant)
    return user_grants.GRANTS[grant](cloud, request)


def graph_audiences(origin: str) -> frozenset[str]:
    """The names by which tokens may mean Microsoft Graph, the emulator's own origin among them."""
    return frozenset({GRAPH_RESOURCE, f"{GRAPH_RESOURCE}/", GRAPH_APP_ID, origin, f"{origin}/"})


def _app_only(cloud: Cloud, request: LoginRequest) -> Mapping[str, Json]:
    tenant = named_tenant(cloud, request.tenant)
    if tenant is None:
        raise refused(50059)
    app = known_app(cloud, request.client()[0], tenant=tenant)
    cloud.script.check(
        "token",
        client_id=app.client_id,
        name=app.display_name,
        tenant_id=tenant.tenant_id,
        tenant=tenant.display_name,
    )
    proof = authenticated(cloud, app, request, tenant=tenant)
    check_principal(app, tenant)
    audience = _audience(request, tenant)
    is_cae = _handles_challenges(request.form.get("claims", ""))
    lifetime = cloud.behaviour.cae_token_lifetime if is_cae else cloud.behaviour.token_lifetime
    issue = Issue(tenant=tenant, app=app, audience=audience, lifetime=lifetime, is_cae=is_cae, proof=proof)
    seconds = int((lifetime - timedelta(seconds=1)).total_seconds())
    return {
        "token_type": "Bearer",
        "expires_in": seconds,
        "ext_expires_in": seconds,
        "access_token": cloud.signing_keys.sign(app_only_claims(issue, cloud.clock.now())),
    }


def _audience(request: LoginRequest, tenant: Tenant) -> str:
    scope = request.form.get("scope")
    if not scope:
        raise refused(900144, field="scope")
    resource = scope.removesuffix(_DEFAULT)
    if resource == scope or " " in scope:
        raise refused(70011, scope=scope)
    if resource not in graph_audiences(request.origin):
        raise refused(500011, resource=resource, tenant=tenant.display_name)
    return resource


def _handles_challenges(claims: str) -> bool:
    """Whether the `claims` parameter declares the capability `cp1`.

    https://learn.microsoft.com/entra/identity-platform/claims-challenge#how-to-communicate-client-capabilities-to-microsoft-entra-id
    """
    try:
        asked = json.loads(claims or "{}")
        values = asked["access_token"]["xms_cc"]["values"]
        return "cp1" in {str(value).lower() for value in values}
    except (ValueError, KeyError, TypeError):
        return False
