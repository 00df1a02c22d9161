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
        empty_pages: whether an empty page with a nextLink stands before every page but the first; legal, and it breaks
            msgraph-core's page iterator.
        delta_page_size: objects per page of a delta round.
        delta_page_members: entries of `members@delta` per page of a delta round; a larger group is repeated over pages.
        delta_token_lifetime: how long a `$deltatoken` is good:
            https://learn.microsoft.com/graph/delta-query-overview#token-duration.
        expired_delta: how an aged `$deltatoken` is refused: 410 with a Location, 400 `syncStateNotFound`, or 400
            `Request_UnsupportedQuery`; all three are documented or seen, nobody says which comes when.
        delta_replays: how many changes before its link a delta round reports again.
        delta_disorder: whether pages of a delta round are shuffled and repeat an object of the page before.
        delta_initial_removed: whether an initial round also lists removed objects and removed members.
        soft_deleted_members: what `members@delta` says of soft-deleted users, who keep their memberships. `kept`: the
            link is untouched, initial rounds list it, deletion and restoring are silent. `hidden`: initial rounds
            leave it out, deletion is silent, restoring reports it as added.
        throttle: limits that are enforced; None enforces none.
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
    empty_pages: bool = False
    delta_page_size: int = 200
    delta_page_members: int = 500
    delta_token_lifetime: timedelta = timedelta(days=7)
    expired_delta: Literal["gone", "sync_state_not_found", "unsupported_query"] = "gone"
    delta_replays: int = 0
    delta_disorder: bool = False
    delta_initial_removed: bool = False
    soft_deleted_members: Literal["kept", "hidden"] = "kept"
    throttle: ThrottleLimits | None = None
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
