"""Which tenant and which app a request means, and whether the app is who it says: secret, assertion or nothing."""

from typing import Literal

from entraid_emulator.apps import AppRegistration
from entraid_emulator.cloud import Cloud
from entraid_emulator.login import assertions
from entraid_emulator.login.discovery import ANY_TENANT, check_shape
from entraid_emulator.login.errors import LoginError, refused
from entraid_emulator.login.request import LoginRequest
from entraid_emulator.tenant import Tenant

Proof = Literal["0", "1", "2"]
"""How a client proved itself, as `appidacr` has it: not at all, with a secret, with an assertion."""


def named_tenant(cloud: Cloud, name: str) -> Tenant | None:
    """The tenant of a URL's segment; None means `common` or `organizations`.

    Raises:
        LoginError: there is no such tenant.
    """
    if name.lower() in ANY_TENANT:
        return None
    check_shape(name)
    tenant = cloud.tenant_named(name)
    if tenant is None:
        raise refused(90002, tenant=name)
    return tenant


def known_app(cloud: Cloud, client_id: str, *, tenant: Tenant | None) -> AppRegistration:
    """The app, if it is registered and enabled and has to do with the tenant.

    Raises:
        LoginError: it is not.
    """
    if not client_id:
        raise refused(900144, field="client_id")
    app = cloud.app(client_id)
    directory = tenant.display_name if tenant else "Microsoft"
    if app is None:
        raise refused(700016, client_id=client_id, tenant=directory)
    if app.is_disabled:
        raise refused(7000112, client_id=app.client_id, name=app.display_name)
    if tenant is None and not app.is_multi_tenant:
        raise refused(50194, client_id=app.client_id, name=app.display_name)
    if tenant is not None and not app.may_enter(tenant.tenant_id):
        raise refused(700016, client_id=client_id, tenant=directory)
    return app


def check_principal(app: AppRegistration, tenant: Tenant) -> None:
    """Refuse an app that nobody in the tenant has consented to: it has no service principal there."""
    if tenant.tenant_id not in app.grants:
        raise missing_principal(app, tenant)


def missing_principal(app: AppRegistration, tenant: Tenant) -> LoginError:
    """How such an app is refused."""
    return refused(7000229, client_id=app.client_id, tenant_id=tenant.tenant_id)


def authenticated(cloud: Cloud, app: AppRegistration, request: LoginRequest, *, tenant: Tenant | None) -> Proof:
    """How the app proved itself.

    Raises:
        LoginError: it did not, and it must.
    """
    _, secret = request.client()
    assertion = request.form.get("client_assertion", "")
    is_public = app.allows_public_clients and not (app.secrets or app.certificates or app.federated_credentials)
    if is_public and (secret or assertion):
        raise refused(700025)
    if secret:
        _check_secret(cloud, app, secret)
        return "1"
    if assertion:
        if request.form.get("client_assertion_type", assertions.ASSERTION_TYPE) != assertions.ASSERTION_TYPE:
            raise refused(90023, field="client_assertion_type")
        assertions.check(cloud, app, assertion, endpoints=_addresses(request, tenant))
        return "2"
    if not app.allows_public_clients:
        raise refused(7000218)
    return "0"


def _check_secret(cloud: Cloud, app: AppRegistration, secret: str) -> None:
    known = [one for one in app.secrets if one.value.matches(secret)]
    if not known:
        raise refused(7000215, client_id=app.client_id)
    if all(one.is_expired(cloud.clock.now()) for one in known):
        raise refused(7000222, client_id=app.client_id)


def _addresses(request: LoginRequest, tenant: Tenant | None) -> frozenset[str]:
    """What an assertion may be addressed to: the token endpoint or the issuer, under any name of the tenant."""
    names = {request.tenant, *((tenant.tenant_id, *tenant.domains) if tenant else ())}
    ends = ("/oauth2/v2.0/token", "/oauth2/token", "/v2.0", "", "/")
    return frozenset(f"{request.origin}/{name}{end}" for name in names for end in ends)
