"""What both sides share: tenants, apps, keys, time, what is outstanding, and the choices made at start."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from entraid_emulator.apps import AppRegistration
from entraid_emulator.clock import Clock
from entraid_emulator.login.keys import SigningKeys
from entraid_emulator.login.ledger import Ledger
from entraid_emulator.login.script import LoginScript
from entraid_emulator.login.workload import WorkloadIssuer
from entraid_emulator.objects import TenantId
from entraid_emulator.tenant import Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottleLimits:
    """Limits of one app in one tenant, as a token bucket.

    https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits

    Attributes:
        resource_units: the bucket's size; None takes 3,500, 5,000 or 8,000 by the tenant's number of users.
        window: the time in which an empty bucket fills.
        header: how Retry-After is written: whole seconds, seconds with a fraction, an HTTP date, or not at all.
    """

    resource_units: int | None = None
    window: timedelta = timedelta(seconds=10)
    header: Literal["seconds", "fraction", "date", "absent"] = "seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """Choices where Entra and Graph differ between tenants, or where nobody has published what they do.

    Attributes:
        token_lifetime: of an access token; Entra picks 60 to 90 minutes.
        cae_token_lifetime: of a token for a client that handles claims challenges (`CP1`).
        hidden_membership: how the members of a hidden group answer an app without Member.Read.Hidden: 403, or no
            members.
        page_size: objects per page when `$top` is not given.
        page_token_lifetime: how long a `$skiptoken` is good.
        code_lifetime: of an authorization code.
        refresh_token_lifetime: of a refresh token.
        device_code_lifetime: how long a device's user may take.
        device_poll_interval: what devices are told to wait between two questions; whole seconds.
    """

    token_lifetime: timedelta = timedelta(hours=1)
    cae_token_lifetime: timedelta = timedelta(hours=24)
    hidden_membership: Literal["forbidden", "empty"] = "forbidden"
    page_size: int = 100
    page_token_lifetime: timedelta = timedelta(hours=1)
    code_lifetime: timedelta = timedelta(minutes=10)
    refresh_token_lifetime: timedelta = timedelta(days=90)
    device_code_lifetime: timedelta = timedelta(minutes=15)
    device_poll_interval: timedelta = timedelta(seconds=5)


@dataclass(slots=True, kw_only=True)
class Cloud:
    """Everything one emulator serves; `behaviour` may be exchanged while it runs."""

    tenants: Sequence[Tenant]
    apps: list[AppRegistration]
    behaviour: Behaviour = field(default_factory=Behaviour)
    clock: Clock = field(default_factory=Clock)
    signing_keys: SigningKeys = field(default_factory=SigningKeys)
    workload: WorkloadIssuer
    script: LoginScript = field(default_factory=LoginScript)
    ledger: Ledger = field(default_factory=Ledger)
    page_key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def tenant_named(self, name: str) -> Tenant | None:
        """The tenant that a URL's segment means: a GUID or a verified domain."""
        return next((tenant for tenant in self.tenants if tenant.is_named(name)), None)

    def tenant(self, tenant_id: TenantId) -> Tenant | None:
        """The tenant with that id."""
        return next((tenant for tenant in self.tenants if tenant.tenant_id == tenant_id), None)

    def app(self, client_id: str) -> AppRegistration | None:
        """The app with that client id."""
        return next((app for app in self.apps if app.client_id == client_id.lower()), None)
