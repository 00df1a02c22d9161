"""Admin consent, both versions: an administrator lets an app into a whole tenant, or not.

Order: tenant, app, redirect URI, scope, the page, who signed in, the decision, the redirect. In version 2 the refusal
carries `admin_consent=True` too, and in both the `tenant` that is sent back is worth no more than any other text of a
redirect. https://learn.microsoft.com/entra/identity-platform/v2-admin-consent and, for version 1,
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#request-the-permissions-from-a-directory-admin
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from entraid_emulator.apps import AppRegistration
from entraid_emulator.cloud import Cloud
from entraid_emulator.login import pages, people
from entraid_emulator.login.clients import known_app, named_tenant
from entraid_emulator.login.errors import LoginError, Trace, described, refused
from entraid_emulator.login.replies import Redirect, Reply, ReplyAddress, WayBack, reply_address
from entraid_emulator.login.request import LoginRequest
from entraid_emulator.login.scopes import consented_roles, text_of
from entraid_emulator.objects import Json, object_id
from entraid_emulator.tenant import Tenant

_EVERYTHING = ".default"
_CANCELLED = 65004


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A request that may be shown to an administrator.

    Attributes:
        app: who asks.
        tenants: who may be asked.
        address: where the answer goes.
        scope: as sent; None is version 1, which has none.
        roles: application permissions to be granted.
        scopes: delegated ones.
    """

    app: AppRegistration
    tenants: Sequence[Tenant]
    address: ReplyAddress
    scope: str | None
    roles: frozenset[str]
    scopes: frozenset[str]


def version_2(cloud: Cloud, request: LoginRequest, trace: Trace) -> Reply:
    """`/{tenant}/v2.0/adminconsent`; `scope` says what is granted.

    Raises:
        LoginError: what is shown on a page instead of being told to the app.
    """
    return _answer(cloud, request, trace, scope=request.query.get("scope", ""))


def version_1(cloud: Cloud, request: LoginRequest, trace: Trace) -> Reply:
    """`/{tenant}/adminconsent`; everything that the app asks for is granted.

    Raises:
        LoginError: what is shown on a page instead of being told to the app.
    """
    return _answer(cloud, request, trace, scope=None)


def _answer(cloud: Cloud, request: LoginRequest, trace: Trace, *, scope: str | None) -> Reply:
    tenant = named_tenant(cloud, request.tenant)
    app = known_app(cloud, request.query.get("client_id", ""), tenant=tenant)
    address = _by_query(reply_address(app, request))
    roles, scopes = consented_roles(_EVERYTHING if scope is None else scope, app)
    tenants = [tenant] if tenant else [one for one in cloud.tenants if app.may_enter(one.tenant_id)]
    asked = _Asked(app=app, tenants=tenants, address=address, scope=scope, roles=roles, scopes=scopes)
    try:
        _check_script(cloud, app, tenant, segment=request.tenant)
    except LoginError as refusal:
        if refusal.on_page:
            raise
        return _refused(cloud, asked, refusal, trace)
    if request.method != "POST":
        return _page(request, asked)
    return _decided(cloud, request, asked, trace)


def _by_query(address: ReplyAddress) -> ReplyAddress:
    """Admin consent knows no response mode."""
    return ReplyAddress(uri=address.uri, mode="query", state=address.state)


def _check_script(cloud: Cloud, app: AppRegistration, tenant: Tenant | None, *, segment: str) -> None:
    cloud.script.check(
        "consent",
        client_id=app.client_id,
        name=app.display_name,
        tenant_id=tenant.tenant_id if tenant else None,
        tenant=tenant.display_name if tenant else segment,
    )


def _page(request: LoginRequest, asked: _Asked) -> Reply:
    where = asked.tenants[0].display_name if len(asked.tenants) == 1 else "your organization"
    roles = [f"{text_of(role)} without a signed-in user ({role})" for role in sorted(asked.roles)]
    scopes = [f"{text_of(scope)} ({scope})" for scope in sorted(asked.scopes)]
    question = pages.Question(
        title="Permissions requested: review for your organization",
        lead=f"{asked.app.display_name} ({asked.app.client_id}) asks an administrator to let it into {where}.",
        people=people.listed(asked.tenants, hint=request.query.get("login_hint", "")),
        permissions=roles + scopes,
    )
    return pages.consent(question)


def _decided(cloud: Cloud, request: LoginRequest, asked: _Asked, trace: Trace) -> Reply:
    app = asked.app
    if request.form.get("decision") != "accept":
        return _refused(cloud, asked, refused(_CANCELLED, error="consent_required"), trace)
    tenant, user = people.chosen(asked.tenants, app, request)
    if object_id(user) not in tenant.administrators:
        back = _refused(cloud, asked, refused(_CANCELLED, error="consent_required"), trace)
        told = refused(90094, name=app.display_name)
        return pages.refusal(told, trace, back=back.url if isinstance(back, Redirect) else None)
    app.grant(tenant.tenant_id, asked.roles)
    app.allow(tenant.tenant_id, asked.scopes, user=None)
    told_scope = {} if asked.scope is None else {"scope": asked.scope}
    true = {"admin_consent": "True", "tenant": tenant.tenant_id, **told_scope, "state": asked.address.state}
    return _sent(cloud, asked, true)


def _refused(cloud: Cloud, asked: _Asked, refusal: LoginError, trace: Trace) -> WayBack:
    """Version 1 has its own words for an administrator who cancels."""
    if asked.scope is None and refusal.code == _CANCELLED:
        told: dict[str, Json] = {
            "error": "permission_denied",
            "error_description": "The admin canceled the request",
        }
    else:
        told = {"error": refusal.error, "error_description": described(refusal, trace)}
    always: dict[str, Json] = {} if asked.scope is None else {"admin_consent": "True"}
    return _sent(cloud, asked, {**always, **told, "state": asked.address.state})


def _sent(cloud: Cloud, asked: _Asked, true: Mapping[str, Json]) -> WayBack:
    forgery = cloud.script.forgery("consent", client_id=asked.app.client_id)
    return asked.address.answer(forgery.applied(true))
