"""A connected tenant: who calls Graph for it, what is synced, and how it stands."""

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from entraid_service.model.ids import ConnectionId, TenantId
from entraid_service.model.report import ErrorReport
from entraid_service.model.secret import Secret


class ConnectionState(enum.Enum):
    """Where a connection stands; numbers are the contract's."""

    PENDING_CONSENT = 1
    ACTIVE = 2
    DEGRADED = 3


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """Proves an app by a shared secret."""

    secret: Secret


@dataclass(frozen=True, slots=True)
class Certificate:
    """Proves an app by a certificate and its private key, both PEM."""

    pem: Secret


@dataclass(frozen=True, slots=True)
class PfxFile:
    """A certificate and its private key as somebody exported them; `content` is the file in base64.

    It is never kept: `ports.Authority.plain` makes a `Certificate` of it.
    """

    content: Secret
    password: Secret


@dataclass(frozen=True, slots=True)
class FederatedIdentity:
    """Proves an app by the federated token that the server is configured with; nothing secret is kept."""


@dataclass(frozen=True, slots=True)
class ServiceApp:
    """The app is the service's own, proved by what the settings give for it; nothing is kept with the connection."""


Credential: TypeAlias = ClientSecret | Certificate | FederatedIdentity | ServiceApp


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection and its settings, without its credential.

    `uid` is made anew whenever a connection is made: what was issued for one (page tokens, sealed secrets) is
    worthless for a later one of the same name. `version` grows with every change by a caller and makes the etag.
    """

    id: ConnectionId
    uid: str
    display_name: str
    tenant_id: TenantId
    client_id: str
    state: ConnectionState
    create_time: datetime
    update_time: datetime
    version: int = 1
    groups_to_sync: tuple[str, ...] = ()
    granted_permissions: tuple[str, ...] = ()
    missing_permissions: tuple[str, ...] = ()
    credential_expire_time: datetime | None = None
    last_error: ErrorReport | None = None
