"""How far a consent goes with each thing that happens: values in, the next value or an error out. Pure.

    ASKED ──connect──> SIGNING_IN ──signed in──> CONSENTING ──consented──> DONE
      ^                     │                        │
      └──────── anything that goes wrong ────────────┘     until the consent expires

What binds a consent, so that nobody attaches a tenant that is not his: the link is known to whoever asked; from
*connect* on one browser goes on with it, by a cookie; each answer of Entra carries a state that was made for that step
and works once; the tenant is the one whose administrator signed in (`tid` of a checked ID token) and never the one that
a redirect names, which anybody can write.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from entraid_service.errors import ConsentLapsed, CredentialsRejected
from entraid_service.model.connection import Connection
from entraid_service.model.consent import Consent, ConsentStep
from entraid_service.model.ids import TenantId
from entraid_service.model.secret import Secret

LIFETIME = timedelta(minutes=10)
"""How long a link is good; a sign-in with a second factor and a look at the permissions take one or two minutes."""

OUTCOME_LIFETIME = timedelta(hours=1)
"""How long the browser that finished a consent may look at what came of it."""

_SECRET_BYTES = 32
_ID_BYTES = 8


@dataclass(frozen=True, slots=True)
class ConsentOrder:
    """What a caller asks to be connected by consent.

    `connection_id` is generated when empty; `tenant` may be empty, for whichever tenant the administrator is of;
    `redirect_uri` is a page of the caller's own, empty for the service's.
    """

    connection_id: str = ""
    display_name: str = ""
    tenant: str = ""
    redirect_uri: str = ""
    groups_to_sync: tuple[str, ...] = ()
    validate_only: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """What of a consent is secret and needed again: the link's secret, and the memory of the sign-in under way."""

    link: Secret
    sign_in: Secret = Secret("")

    def encoded(self) -> Secret:
        """As one text, to be sealed."""
        return Secret(json.dumps([self.link.reveal(), self.sign_in.reveal()]))

    @classmethod
    def decoded(cls, text: Secret) -> "Kept":
        """From that text."""
        link, sign_in = json.loads(text.reveal())
        return cls(Secret(link), Secret(sign_in))


def context(consent_id: str) -> str:
    """What the sealed part of a consent is bound to."""
    return f"consent/{consent_id}"


def new_secret() -> str:
    """256 random bits for a link, a state or a cookie."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def digest(secret: str) -> bytes:
    """What is kept of a secret that has to be recognized."""
    return hashlib.sha256(secret.encode()).digest()


def new_consent(
    connection: Connection, *, link: str, named_tenant: TenantId, redirect_uri: str, now: datetime
) -> Consent:
    """A consent that nobody has taken up yet."""
    return Consent(
        id=secrets.token_hex(_ID_BYTES),
        connection_id=connection.id,
        connection_uid=connection.uid,
        expire_time=now + LIFETIME,
        link_digest=digest(link),
        named_tenant=named_tenant,
        redirect_uri=redirect_uri,
    )


def check_open(consent: Consent | None, *, cookie: str, now: datetime) -> Consent:
    """The consent, if this browser may go on with it.

    Raises:
        ConsentLapsed: There is none, it has expired, or another browser has taken it up.
    """
    if consent is None or now >= consent.expire_time:
        raise ConsentLapsed(
            "this link has expired, was replaced by a newer one, or was used: ask whoever sent it for a new one"
        )
    if consent.browser_digest and not is_browser(consent, cookie):
        raise ConsentLapsed(
            "this link is in use in another browser: go on there, or ask for a new one; a link is good for one browser"
        )
    return consent


def is_browser(consent: Consent, cookie: str) -> bool:
    """Whether a cookie is that of the browser that took a consent up."""
    return bool(consent.browser_digest) and hmac.compare_digest(consent.browser_digest, digest(cookie))


def check_answered(consent: Consent | None, *, now: datetime) -> Consent:
    """The consent that waits for the state of an answer.

    Raises:
        ConsentLapsed: None does (any more).
    """
    if consent is None or now >= consent.expire_time:
        raise ConsentLapsed(
            "this answer belongs to no consent that is under way: it was used already, came too late, or was not "
            "asked for; start again from the link, or ask for a new one"
        )
    return consent


def check_same_browser(consent: Consent, cookie: str) -> None:
    """Refuses an answer that comes from another browser than the one that asked.

    Raises:
        ConsentLapsed: It does.
    """
    if not is_browser(consent, cookie):
        raise ConsentLapsed(
            "this browser did not begin this consent: open the link in the browser that you want to finish it in, with "
            "cookies allowed"
        )


def signing_in(consent: Consent, *, cookie: str, state: str, groups_to_sync: tuple[str, ...] | None) -> Consent:
    """Somebody pressed *Connect*: this browser goes to Entra, to sign in."""
    return replace(
        consent,
        step=ConsentStep.SIGNING_IN,
        version=consent.version + 1,
        browser_digest=digest(cookie),
        state_digest=digest(state),
        proven_tenant=TenantId(""),
        groups_to_sync=groups_to_sync,
    )


def taken(consent: Consent) -> Consent:
    """An answer is being looked at: its state is used up, whatever comes of it."""
    return replace(consent, version=consent.version + 1, state_digest=b"", step=ConsentStep.ASKED)


def signed_in(consent: Consent, tenant_id: TenantId, *, state: str) -> Consent:
    """The tenant is proven: the browser goes to Entra once more, for the consent.

    Raises:
        CredentialsRejected: It is another tenant than the one that was named.
    """
    if consent.named_tenant and tenant_id != consent.named_tenant:
        raise CredentialsRejected(
            f"you signed in to tenant `{tenant_id}`, and this connection is for tenant `{consent.named_tenant}`: "
            "nothing was connected; sign in with an administrator's account of that tenant"
        )
    return replace(
        consent,
        step=ConsentStep.CONSENTING,
        version=consent.version + 1,
        proven_tenant=tenant_id,
        state_digest=digest(state),
    )


def consented(consent: Consent, answer: Mapping[str, str]) -> TenantId:
    """The tenant that an administrator's consent is for. The answer's errors were looked at before.

    Raises:
        CredentialsRejected: The answer is for another tenant than the proven one, or tells of no consent.
    """
    if answer.get("admin_consent", "").lower() != "true":
        raise CredentialsRejected("Entra's answer does not say that an administrator consented: start again")
    if answer.get("tenant", "").lower() != consent.proven_tenant or not consent.proven_tenant:
        raise CredentialsRejected(
            "the answer names another tenant than the one you signed in to: nothing was connected; start again, and "
            "use one account for both steps"
        )
    return consent.proven_tenant


def done(consent: Consent, *, now: datetime) -> Consent:
    """The connection is active."""
    return replace(
        consent,
        step=ConsentStep.DONE,
        version=consent.version + 1,
        state_digest=b"",
        sealed=b"",
        expire_time=now + OUTCOME_LIFETIME,
    )
