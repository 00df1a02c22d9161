"""`POST /{tenant}/oauth2/v2.0/token` for the client-credentials grant: a request in, a token or a refusal out. Pure.

Order, as Entra's answers show it: the form, the tenant, the app, its credential, the scope, the resource. Other grants
are refused as unsupported. https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

import json
from collections.abc import Mapping
from datetime import timedelta

from entraid_emulator.apps import AppRegistration
from entraid_emulator.cloud import Cloud
from entraid_emulator.login import errors
from entraid_emulator.login.discovery import ANY_TENANT, check_shape
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
        raise errors.only_post(request.method)
    grant = request.form.get("grant_type")
    if not grant:
        raise errors.missing_parameter("grant_type")
    if grant != _CLIENT_CREDENTIALS:
        raise errors.unsupported_grant(grant)
    tenant = _tenant(cloud, request.tenant)
    app = _authenticated(cloud, tenant, request)
    audience = _audience(request, tenant)
    return _answer(cloud, tenant, app, audience=audience, is_cae=_handles_challenges(request.form.get("claims", "")))


def graph_audiences(origin: str) -> frozenset[str]:
    """The names by which tokens may mean Microsoft Graph, the emulator's own origin among them."""
    return frozenset({GRAPH_RESOURCE, f"{GRAPH_RESOURCE}/", GRAPH_APP_ID, origin, f"{origin}/"})


def _tenant(cloud: Cloud, name: str) -> Tenant:
    if name.lower() in ANY_TENANT:
        raise errors.no_tenant_named()
    check_shape(name)
    tenant = cloud.tenant_named(name)
    if tenant is None:
        raise errors.unknown_tenant(name)
    return tenant


def _authenticated(cloud: Cloud, tenant: Tenant, request: LoginRequest) -> AppRegistration:
    client_id, secret = request.client()
    if not client_id:
        raise errors.missing_parameter("client_id")
    app = cloud.app(client_id)
    if app is None or tenant.tenant_id not in app.grants:
        raise errors.unknown_app(client_id, tenant.display_name)
    if app.is_disabled:
        raise errors.disabled_app(app.client_id, app.display_name)
    if not secret:
        if "client_assertion" in request.form:
            raise errors.unregistered_certificate(app.client_id)
        raise errors.missing_credential()
    known = [one for one in app.secrets if one.value.matches(secret)]
    if not known:
        raise errors.wrong_secret(app.client_id)
    if all(one.is_expired(cloud.clock.now()) for one in known):
        raise errors.expired_secret(app.client_id)
    return app


def _audience(request: LoginRequest, tenant: Tenant) -> str:
    scope = request.form.get("scope")
    if not scope:
        raise errors.missing_parameter("scope")
    resource = scope.removesuffix(_DEFAULT)
    if resource == scope or " " in scope:
        raise errors.bad_scope(scope)
    if resource not in graph_audiences(request.origin):
        raise errors.unknown_resource(resource, tenant.display_name)
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


def _answer(cloud: Cloud, tenant: Tenant, app: AppRegistration, *, audience: str, is_cae: bool) -> Mapping[str, Json]:
    behaviour = cloud.behaviour
    lifetime = behaviour.cae_token_lifetime if is_cae else behaviour.token_lifetime
    issue = Issue(tenant=tenant, app=app, audience=audience, lifetime=lifetime, is_cae=is_cae)
    seconds = int((lifetime - timedelta(seconds=1)).total_seconds())
    return {
        "token_type": "Bearer",
        "expires_in": seconds,
        "ext_expires_in": seconds,
        "access_token": cloud.signing_keys.sign(app_only_claims(issue, cloud.clock.now())),
    }
