"""An administrator's consent that was asked for: how far it has come, and what it is bound to."""

import enum
from dataclasses import dataclass
from datetime import datetime

from entraid_service.model.ids import ConnectionId, TenantId


class ConsentStep(enum.Enum):
    """How far a consent has come."""

    ASKED = 1
    """The link was handed out; a browser may take it up, or try again."""

    SIGNING_IN = 2
    """A browser was sent to Entra, to sign its administrator in."""

    CONSENTING = 3
    """The tenant is proven; the browser was sent to Entra once more, for the consent itself."""

    DONE = 4
    """The connection is active."""


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent under way.

    Attributes:
        id: names it to its browser; no secret.
        connection_id: what it is for.
        connection_uid: and which one of that name.
        expire_time: refused from then on.
        link_digest: SHA-256 of the secret in the link.
        step: how far it has come.
        version: grows with every step, so that of two that take the same one, one fails.
        named_tenant: the only tenant that may be connected; empty if any may.
        proven_tenant: whose administrator signed in; empty before that.
        redirect_uri: the caller's own page that the browser ends on; empty for ours.
        state_digest: SHA-256 of the state that the next answer of Entra has to carry; empty while none is awaited.
        browser_digest: SHA-256 of the cookie of the browser that took the link up; empty before that.
        groups_to_sync: what is to be set on the connection; None leaves what it has.
        sealed: the link's secret and what the sign-in needs to be finished, encrypted.
    """

    id: str
    connection_id: ConnectionId
    connection_uid: str
    expire_time: datetime
    link_digest: bytes
    step: ConsentStep = ConsentStep.ASKED
    version: int = 1
    named_tenant: TenantId = TenantId("")
    proven_tenant: TenantId = TenantId("")
    redirect_uri: str = ""
    state_digest: bytes = b""
    browser_digest: bytes = b""
    groups_to_sync: tuple[str, ...] | None = None
    sealed: bytes = b""
