"""The device code flow: the device asks for a code, its user types it on a page elsewhere and decides there.

The device polls the token endpoint meanwhile; see `user_grants`.
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code
"""

from collections.abc import Mapping

from entraid_emulator.cloud import Cloud
from entraid_emulator.login import pages, people
from entraid_emulator.login.authorize import check_allowed
from entraid_emulator.login.clients import known_app, named_tenant
from entraid_emulator.login.errors import Trace, refused
from entraid_emulator.login.ledger import DeviceCode, SignIn, new_user_code
from entraid_emulator.login.replies import Reply
from entraid_emulator.login.request import LoginRequest
from entraid_emulator.login.scopes import delegated, text_of
from entraid_emulator.objects import Json, object_id

PAGE = "/common/oauth2/deviceauth"


def device_code(cloud: Cloud, request: LoginRequest) -> Mapping[str, Json]:
    """`POST /{tenant}/oauth2/v2.0/devicecode`.

    Raises:
        LoginError: with Entra's code for what is wrong.
    """
    if request.method != "POST":
        raise refused(900561, method=request.method)
    tenant = named_tenant(cloud, request.tenant)
    app = known_app(cloud, request.client()[0], tenant=tenant)
    cloud.script.check(
        "device",
        client_id=app.client_id,
        name=app.display_name,
        tenant_id=tenant.tenant_id if tenant else None,
        tenant=tenant.display_name if tenant else request.tenant,
    )
    lifetime = cloud.behaviour.device_code_lifetime
    asked = DeviceCode(
        client_id=app.client_id,
        segment=request.tenant,
        scopes=delegated(request.form.get("scope", ""), app),
        user_code=new_user_code(),
        expires_at=cloud.clock.now() + lifetime,
    )
    page = request.origin + PAGE
    return {
        "user_code": asked.user_code,
        "device_code": cloud.ledger.add_device(asked),
        "verification_uri": page,
        "expires_in": int(lifetime.total_seconds()),
        "interval": int(cloud.behaviour.device_poll_interval.total_seconds()),
        "message": f"To sign in, use a web browser to open the page {page} and enter the code {asked.user_code} to"
        " authenticate.",
    }


def page(cloud: Cloud, request: LoginRequest, trace: Trace) -> Reply:
    """`/common/oauth2/deviceauth`: first the code, then the question, then the outcome.

    Raises:
        LoginError: what is shown on a page.
    """
    del trace  # nobody is sent anywhere from here
    typed = request.query.get("code", "")
    if not typed:
        return pages.device()
    asked = cloud.ledger.device_named(typed)
    if asked is None or asked.state != "pending" or cloud.clock.now() >= asked.expires_at:
        return pages.device(hint="That code didn't work. Check the code and try again.")
    return _decided(cloud, request, asked) if request.method == "POST" else _question(cloud, asked)


def _question(cloud: Cloud, asked: DeviceCode) -> Reply:
    tenant = named_tenant(cloud, asked.segment)
    app = known_app(cloud, asked.client_id, tenant=tenant)
    question = pages.Question(
        title=f"Sign in to {app.display_name}",
        lead=f"You are signing in to {app.display_name} on another device. Do so only if you started it yourself.",
        people=people.listed([tenant] if tenant else cloud.tenants, hint=""),
        permissions=[f"{text_of(scope)} ({scope})" for scope in sorted(asked.scopes)],
    )
    return pages.consent(question)


def _decided(cloud: Cloud, request: LoginRequest, asked: DeviceCode) -> Reply:
    if request.form.get("decision") != "accept":
        asked.state = "declined"
        return pages.told("Sign-in cancelled", "You may close this window.")
    named = named_tenant(cloud, asked.segment)
    app = known_app(cloud, asked.client_id, tenant=named)
    tenant, user = people.chosen([named] if named else cloud.tenants, app, request)
    check_allowed(app, tenant, user, scopes=asked.scopes)
    app.allow(tenant.tenant_id, asked.scopes, user=object_id(user))
    asked.sign_in = SignIn(
        client_id=app.client_id, tenant_id=tenant.tenant_id, user_id=object_id(user), scopes=asked.scopes
    )
    asked.state = "approved"
    return pages.told("You have signed in", f"You have signed in to {app.display_name} on your device.")
