"""Tokens that stand for a person: by authorization code, refresh token or device code. A request in, tokens out.

Order: what was handed in, the tenant, the app, its credential, then whether the person may still sign in and still
allows it. https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow, v2-oauth2-device-code
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

from entraid_emulator.apps import AppRegistration
from entraid_emulator.cloud import Cloud
from entraid_emulator.login.clients import Proof, authenticated, check_principal, known_app, named_tenant
from entraid_emulator.login.errors import refused
from entraid_emulator.login.id_tokens import id_token
from entraid_emulator.login.ledger import AuthorizationCode, RefreshToken, SignIn
from entraid_emulator.login.request import LoginRequest
from entraid_emulator.login.scopes import OFFLINE, delegated
from entraid_emulator.login.tokens import GRAPH_RESOURCE, Issue, delegated_claims
from entraid_emulator.objects import GraphObject, Json
from entraid_emulator.tenant import Tenant

_DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


def authorization_code(cloud: Cloud, request: LoginRequest) -> Mapping[str, Json]:
    """`grant_type=authorization_code`.

    Raises:
        LoginError: with Entra's code for what is wrong.
    """
    app, tenant = _client(cloud, request)
    code = _field(request, "code")
    proof = authenticated(cloud, app, request, tenant=tenant)
    issued = cloud.ledger.code(code)
    if issued is None:
        raise refused(9002313)
    _check_code(cloud, request, issued, app=app, tenant=tenant)
    if cloud.ledger.is_spent(code):
        raise refused(54005)
    answer = _tokens(cloud, request, issued.sign_in, app=app, proof=proof)
    cloud.ledger.spend(code)
    return answer


def refresh_token(cloud: Cloud, request: LoginRequest) -> Mapping[str, Json]:
    """`grant_type=refresh_token`; `scope` may ask for less than was allowed.

    Raises:
        LoginError: with Entra's code for what is wrong.
    """
    app, tenant = _client(cloud, request)
    token = _field(request, "refresh_token")
    proof = authenticated(cloud, app, request, tenant=tenant)
    held = cloud.ledger.refresh(token)
    if held is None or held.sign_in.client_id != app.client_id:
        raise refused(9002313)
    if tenant is not None and held.sign_in.tenant_id != tenant.tenant_id:
        raise refused(700005)
    if cloud.clock.now() >= held.expires_at:
        raise refused(70008)
    scopes = held.sign_in.scopes
    if asked := request.form.get("scope"):
        scopes = delegated(asked, app)
    return _tokens(cloud, request, replace(held.sign_in, scopes=scopes, nonce=None), app=app, proof=proof)


def device_code(cloud: Cloud, request: LoginRequest) -> Mapping[str, Json]:
    """`grant_type=urn:ietf:params:oauth:grant-type:device_code`, polled until its user has decided.

    Raises:
        LoginError: with Entra's code for what is wrong; AADSTS70016 means to ask again.
    """
    app, tenant = _client(cloud, request)
    asked = cloud.ledger.device(request.form.get("device_code") or _field(request, "code"))
    proof = authenticated(cloud, app, request, tenant=tenant)
    if asked is None or asked.client_id != app.client_id:
        raise refused(70018)
    if asked.state == "redeemed":
        raise refused(54005)
    if asked.state == "declined":
        raise refused(65004, error="authorization_declined")
    if cloud.clock.now() >= asked.expires_at:
        raise refused(70019)
    if asked.sign_in is None:
        raise refused(70016)
    answer = _tokens(cloud, request, asked.sign_in, app=app, proof=proof)
    asked.state = "redeemed"
    return answer


GRANTS: Mapping[str, Callable[[Cloud, LoginRequest], Mapping[str, Json]]] = {
    "authorization_code": authorization_code,
    "refresh_token": refresh_token,
    _DEVICE_CODE: device_code,
}
"""What serves which grant type."""


def _client(cloud: Cloud, request: LoginRequest) -> tuple[AppRegistration, Tenant | None]:
    tenant = named_tenant(cloud, request.tenant)
    app = known_app(cloud, request.client()[0], tenant=tenant)
    cloud.script.check(
        "token",
        client_id=app.client_id,
        name=app.display_name,
        tenant_id=tenant.tenant_id if tenant else None,
        tenant=tenant.display_name if tenant else request.tenant,
    )
    return app, tenant


def _field(request: LoginRequest, name: str) -> str:
    value = request.form.get(name)
    if not value:
        raise refused(900144, field=name)
    return value


def _check_code(
    cloud: Cloud, request: LoginRequest, issued: AuthorizationCode, *, app: AppRegistration, tenant: Tenant | None
) -> None:
    if issued.sign_in.client_id != app.client_id:
        raise refused(70000, field="code")
    if tenant is not None and tenant.tenant_id != issued.sign_in.tenant_id:
        raise refused(700005)
    if cloud.clock.now() >= issued.expires_at:
        raise refused(70008)
    redirect_uri = _field(request, "redirect_uri")
    if redirect_uri != issued.redirect_uri:
        raise refused(500112, uri=redirect_uri, known=issued.redirect_uri)
    if not _verifies(request.form.get("code_verifier", ""), issued):
        raise refused(501481)


def _verifies(verifier: str, issued: AuthorizationCode) -> bool:
    """RFC 7636, section 4.6; a verifier without a challenge is as wrong as a challenge without a verifier."""
    made = verifier
    if verifier and issued.method == "S256":
        made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return hmac.compare_digest(made.encode(), issued.challenge.encode())


def _tokens(
    cloud: Cloud, request: LoginRequest, sign_in: SignIn, *, app: AppRegistration, proof: Proof
) -> Mapping[str, Json]:
    tenant, user = _person(cloud, sign_in)
    check_principal(app, tenant)
    if not sign_in.scopes <= app.allowed(tenant.tenant_id, sign_in.user_id):
        raise refused(65001, client_id=app.client_id, name=app.display_name)
    lifetime = cloud.behaviour.token_lifetime
    issue = Issue(tenant=tenant, app=app, audience=GRAPH_RESOURCE, lifetime=lifetime, is_cae=False, proof=proof)
    now = cloud.clock.now()
    seconds = int((lifetime - timedelta(seconds=1)).total_seconds())
    told = sign_in.scopes - {OFFLINE}
    answer: dict[str, Json] = {
        "token_type": "Bearer",
        "scope": " ".join(sorted(told)),
        "expires_in": seconds,
        "ext_expires_in": seconds,
        "access_token": cloud.signing_keys.sign(delegated_claims(issue, user, told, now=now)),
    }
    if OFFLINE in sign_in.scopes:
        until = now + cloud.behaviour.refresh_token_lifetime
        answer["refresh_token"] = cloud.ledger.add_refresh(RefreshToken(sign_in=sign_in, expires_at=until))
    if "openid" in sign_in.scopes:
        answer["id_token"] = id_token(cloud, sign_in, tenant, user=user, origin=request.origin)
    if request.form.get("client_info") == "1":
        answer["client_info"] = _client_info(sign_in)
    return answer


def _person(cloud: Cloud, sign_in: SignIn) -> tuple[Tenant, GraphObject]:
    """The tenant and the user, if they are still there and he may sign in."""
    tenant = cloud.tenant(sign_in.tenant_id)
    user = None if tenant is None else tenant.directory.users.get(sign_in.user_id)
    if tenant is None or user is None:
        raise refused(50034, user=sign_in.user_id, tenant=sign_in.tenant_id)
    if user.get("accountEnabled") is False:
        raise refused(50057)
    return tenant, user


def _client_info(sign_in: SignIn) -> str:
    """What MSAL makes an account's id from."""
    told = json.dumps({"uid": sign_in.user_id, "utid": sign_in.tenant_id})
    return base64.urlsafe_b64encode(told.encode()).rstrip(b"=").decode()
