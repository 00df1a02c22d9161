"""`/{tenant}/oauth2/v2.0/authorize`: a person signs in to an app and allows it something, or not.

Order: tenant, app, redirect URI (until here every refusal is a page), then the rest of the request (from here on
refusals go back to the app, those aside that concern the person), the page, the decision, the code. The page's form
comes back to the same URL, so that everything is judged again. Nothing is remembered between two sign-ins: with
`prompt=none` nobody is ever signed in. https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
"""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from entraid_emulator.apps import AppRegistration
from entraid_emulator.cloud import Cloud
from entraid_emulator.login import pages, people
from entraid_emulator.login.clients import known_app, named_tenant
from entraid_emulator.login.errors import LoginError, Trace, refused
from entraid_emulator.login.ledger import AuthorizationCode, SignIn
from entraid_emulator.login.replies import Redirect, Reply, ReplyAddress, reply_address
from entraid_emulator.login.request import LoginRequest
from entraid_emulator.login.scopes import delegated, needs_administrator, text_of
from entraid_emulator.objects import GraphObject, object_id
from entraid_emulator.tenant import Tenant

_PROMPTS = frozenset({"", "login", "none", "consent", "select_account", "create"})
_MODES = frozenset({"query", "fragment", "form_post"})
_METHODS = frozenset({"S256", "plain"})
_CHALLENGE = re.compile(r"[A-Za-z0-9._~-]{43,128}")  # RFC 7636, section 4.2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """An authorization request that may be shown to a person."""

    app: AppRegistration
    tenants: Sequence[Tenant]
    address: ReplyAddress
    scopes: frozenset[str]


def authorize(cloud: Cloud, request: LoginRequest, trace: Trace) -> Reply:
    """The page, or where its decision leads.

    Raises:
        LoginError: what is shown on a page instead of being told to the app.
    """
    tenant = named_tenant(cloud, request.tenant)
    app = known_app(cloud, request.query.get("client_id", ""), tenant=tenant)
    address = reply_address(app, request)
    try:
        _check_script(cloud, app, tenant, segment=request.tenant)
        scopes = _checked(app, request)
        tenants = [tenant] if tenant else [one for one in cloud.tenants if app.may_enter(one.tenant_id)]
        asked = _Asked(app=app, tenants=tenants, address=address, scopes=scopes)
        if request.method != "POST":
            return _page(request, asked)
        return _decided(cloud, request, asked, trace)
    except LoginError as refusal:
        if refusal.on_page:
            raise
        return address.refusal(refusal, trace)


def check_allowed(app: AppRegistration, tenant: Tenant, user: GraphObject, *, scopes: frozenset[str]) -> None:
    """Refuse a person who would have to allow what only an administrator may.

    Raises:
        LoginError: AADSTS90094.
    """
    new = scopes - app.allowed(tenant.tenant_id, object_id(user))
    if needs_administrator(new) and object_id(user) not in tenant.administrators:
        raise refused(90094, name=app.display_name)


def _check_script(cloud: Cloud, app: AppRegistration, tenant: Tenant | None, *, segment: str) -> None:
    cloud.script.check(
        "sign_in",
        client_id=app.client_id,
        name=app.display_name,
        tenant_id=tenant.tenant_id if tenant else None,
        tenant=tenant.display_name if tenant else segment,
    )


def _checked(app: AppRegistration, request: LoginRequest) -> frozenset[str]:
    """The scopes of a request whose other parts are well."""
    query = request.query
    kind = query.get("response_type", "")
    if not kind:
        raise refused(900144, field="response_type")
    if kind != "code":  # implicit and hybrid flows must be enabled on the registration, and never are here
        raise refused(700054, kind=kind)
    if query.get("response_mode", "query") not in _MODES:
        raise refused(90023, field="response_mode")
    if query.get("prompt", "") not in _PROMPTS:
        raise refused(90023, field="prompt")
    _check_challenge(query)
    scopes = delegated(query.get("scope", ""), app)
    if query.get("prompt") == "none":
        raise refused(50058)
    return scopes


def _check_challenge(query: Mapping[str, str]) -> None:
    if "code_challenge" not in query:
        return
    if query.get("code_challenge_method", "plain") not in _METHODS:
        raise refused(90023, field="code_challenge_method")
    if not _CHALLENGE.fullmatch(query["code_challenge"]):
        raise refused(501491)


def _page(request: LoginRequest, asked: _Asked) -> Reply:
    where = asked.tenants[0].display_name if len(asked.tenants) == 1 else "your organization"
    question = pages.Question(
        title=f"Sign in to {asked.app.display_name}",
        lead=f"{asked.app.display_name} ({asked.app.client_id}) asks you to sign in with an account of {where}.",
        people=people.listed(asked.tenants, hint=request.query.get("login_hint", "")),
        permissions=[f"{text_of(scope)} ({scope})" for scope in sorted(asked.scopes)],
    )
    return pages.consent(question)


def _decided(cloud: Cloud, request: LoginRequest, asked: _Asked, trace: Trace) -> Reply:
    if request.form.get("decision") != "accept":
        raise refused(65004)
    app, address = asked.app, asked.address
    tenant, user = people.chosen(asked.tenants, app, request)
    try:
        check_allowed(app, tenant, user, scopes=asked.scopes)
    except LoginError as refusal:
        declined = address.refusal(refused(65004), trace)
        return pages.refusal(refusal, trace, back=declined.url if isinstance(declined, Redirect) else None)
    app.allow(tenant.tenant_id, asked.scopes, user=object_id(user))
    sign_in = SignIn(
        client_id=app.client_id,
        tenant_id=tenant.tenant_id,
        user_id=object_id(user),
        scopes=asked.scopes,
        nonce=request.query.get("nonce"),
    )
    code = cloud.ledger.add_code(_code(cloud, request, sign_in, uri=address.uri))
    forgery = cloud.script.forgery("sign_in", client_id=app.client_id)
    true = {"code": code, "state": address.state, "session_state": str(uuid.uuid4())}
    return address.answer(forgery.applied(true))


def _code(cloud: Cloud, request: LoginRequest, sign_in: SignIn, *, uri: str) -> AuthorizationCode:
    return AuthorizationCode(
        sign_in=sign_in,
        redirect_uri=uri,
        challenge=request.query.get("code_challenge", ""),
        method=request.query.get("code_challenge_method", "plain"),
        expires_at=cloud.clock.now() + cloud.behaviour.code_lifetime,
    )
