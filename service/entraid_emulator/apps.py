"""App registrations: who may ask for tokens, how it proves itself, and what each tenant consented to."""

import secrets
import uuid
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from entraid_emulator.certificates import AppCertificate
from entraid_emulator.credentials import ClientSecret, FederatedCredential, Secret
from entraid_emulator.objects import ClientId, ObjectId, TenantId

DEFAULT_CLIENT_ID = ClientId("e41a7c52-6d0b-4f3e-9a86-2c5b1f70d9e3")
MULTI_TENANT_CLIENT_ID = ClientId("7d3b9f04-1c86-4e57-b2a9-90e4c8f5a671")
DEFAULT_ROLES = frozenset({"User.Read.All", "GroupMember.Read.All"})

_PRINCIPALS = uuid.UUID("5f0c7be4-52d9-4a1e-8f0e-8a2b7c1d3e4f")  # makes a service principal's id from tenant and client


@dataclass(slots=True, kw_only=True)
class AppRegistration:
    """An application. Tests change it while the emulator runs; taken out of `Emulator.apps`, it is deleted.

    Attributes:
        client_id: its application id.
        display_name: as Entra's texts name it.
        secrets: every secret it may use; any that matches and lives is good.
        certificates: every certificate that may sign its client assertions.
        federated_credentials: whose tokens may stand in for a client assertion.
        grants: application permissions by tenant. A tenant that is missing does not know the app (AADSTS700016, or
            7000229 if the app is multi-tenant); one with an empty set knows it and has granted nothing, so that its
            tokens carry no roles.
        scopes: delegated permissions by tenant, and there by user; None instead of a user means everybody.
        is_disabled: whether an administrator switched it off (AADSTS7000112).
        is_multi_tenant: whether tenants may take it in by consent; otherwise it lives in its home tenant and in those
            of `grants`.
        home_tenant: where it is registered, if that is a tenant of the emulator.
        redirect_uris: where browsers may be sent back to.
        permissions: application permissions that it asks for; `/.default` in admin consent means these.
        delegated: delegated permissions that it asks for; `/.default` in a sign-in means these.
        allows_public_clients: whether it may do without a credential, as the device code flow does.
    """

    client_id: ClientId
    display_name: str = "entraid"
    secrets: list[ClientSecret] = field(default_factory=list)
    certificates: list[AppCertificate] = field(default_factory=list)
    federated_credentials: list[FederatedCredential] = field(default_factory=list)
    grants: dict[TenantId, frozenset[str]] = field(default_factory=dict)
    scopes: dict[TenantId, dict[ObjectId | None, frozenset[str]]] = field(default_factory=dict)
    is_disabled: bool = False
    is_multi_tenant: bool = False
    home_tenant: TenantId | None = None
    redirect_uris: list[str] = field(default_factory=list)
    permissions: frozenset[str] = DEFAULT_ROLES
    delegated: frozenset[str] = frozenset({"User.Read"})
    allows_public_clients: bool = False

    @property
    def client_secret(self) -> Secret:
        """The newest secret."""
        return self.secrets[-1].value

    def principal_in(self, tenant: TenantId) -> ObjectId:
        """The object id of its service principal in a tenant."""
        return ObjectId(str(uuid.uuid5(_PRINCIPALS, f"{tenant}/{self.client_id}")))

    def may_enter(self, tenant: TenantId) -> bool:
        """Whether people of a tenant can sign in to it."""
        return self.is_multi_tenant or tenant == self.home_tenant or tenant in self.grants

    def replies_to(self, redirect_uri: str) -> bool:
        """Whether it may be answered there: exactly as registered, but for the port of `http://localhost`.

        https://learn.microsoft.com/entra/identity-platform/reply-url#localhost-exceptions
        """
        return _without_local_port(redirect_uri) in map(_without_local_port, self.redirect_uris)

    def grant(self, tenant: TenantId, roles: frozenset[str] | None = None) -> None:
        """Give it application permissions in a tenant, by default those it asks for; it is known there from now on."""
        given = self.permissions if roles is None else roles
        self.grants[tenant] = self.grants.get(tenant, frozenset()) | given

    def allow(self, tenant: TenantId, scopes: frozenset[str], *, user: ObjectId | None) -> None:
        """Give it delegated permissions for a user, or for everybody; it is known in the tenant from now on."""
        self.grants.setdefault(tenant, frozenset())
        held = self.scopes.setdefault(tenant, {})
        held[user] = held.get(user, frozenset()) | scopes

    def revoke(self, tenant: TenantId) -> None:
        """Take every permission in a tenant back; the tenant still knows the app, whose new tokens have no roles."""
        if tenant in self.grants:
            self.grants[tenant] = frozenset()
        self.scopes.pop(tenant, None)

    def remove_from(self, tenant: TenantId) -> None:
        """Delete its service principal in a tenant: what an administrator does under *Enterprise applications*."""
        self.grants.pop(tenant, None)
        self.scopes.pop(tenant, None)

    def allowed(self, tenant: TenantId, user: ObjectId) -> frozenset[str]:
        """The delegated permissions it has for a user."""
        held = self.scopes.get(tenant, {})
        return held.get(user, frozenset()) | held.get(None, frozenset())


def default_app() -> AppRegistration:
    """An app with the usual id and a new random secret, known to no tenant yet."""
    return AppRegistration(client_id=DEFAULT_CLIENT_ID, secrets=[new_secret()])


def multi_tenant_app(*redirect_uris: str) -> AppRegistration:
    """The app of a product that many tenants connect to: a new random secret, consented to by nobody yet."""
    return AppRegistration(
        client_id=MULTI_TENANT_CLIENT_ID,
        display_name="entraid connect",
        secrets=[new_secret()],
        is_multi_tenant=True,
        redirect_uris=list(redirect_uris),
    )


def new_secret() -> ClientSecret:
    """A new random client secret that never expires."""
    return ClientSecret(Secret(f"emu8Q~{secrets.token_urlsafe(25)}"))


def _without_local_port(uri: str) -> str:
    try:
        parts = urlsplit(uri)
        is_local = parts.scheme == "http" and parts.hostname == "localhost" and parts.port is not None
    except ValueError:
        return uri
    return parts._replace(netloc="localhost").geturl() if is_local else uri
