"""Asking an administrator for consent: where consents under way are kept, and what Entra is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from entraid_service.model.connection import Credential
from entraid_service.model.consent import Consent
from entraid_service.model.ids import TenantId
from entraid_service.model.secret import Secret


class ConsentStore(Protocol):
    """Consents under way. They go with their connection."""

    async def put(self, consent: Consent, *, now: datetime) -> None:
        """Adds one; those before it for the same connection, and every one that has expired by now, are dropped.

        Raises:
            ResourceNotFound: there is no such connection.
        """

    async def get(self, consent_id: str) -> Consent | None:
        """The consent of this id."""

    async def by_link(self, digest: bytes) -> Consent | None:
        """The consent whose link holds a secret of this digest."""

    async def by_state(self, digest: bytes) -> Consent | None:
        """The consent that waits for an answer with a state of this digest."""

    async def advance(self, consent: Consent, *, expected_version: int) -> bool:
        """Replaces a consent in one step; False if it is gone or has another version than the expected one by now."""


@dataclass(frozen=True, slots=True)
class SealedValue:
    """A sealed value and whose it is: a connection's credential (`owner` is the uid) or a consent's (the id)."""

    field: Literal["credential", "consent"]
    owner: str
    sealed: bytes


class SealedValues(Protocol):
    """Everything that lies sealed, to be sealed anew with another key."""

    async def sealed_values(self) -> list[SealedValue]:
        """All of them."""

    async def replace_sealed(self, pairs: Sequence[tuple[SealedValue, bytes]]) -> int:
        """Puts new bytes in the place of each value that is still as it was read, and leaves no trace of the old ones.

        In one transaction. Returns how many values had changed or were gone, and were left.
        """


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in to begin: where the browser goes, the state that comes back, and what finishing it will need."""

    url: str
    state: str
    memory: Secret


class SignInAuthority(Protocol):
    """Entra, where people sign in to the service's own app and consent to it."""

    @property
    def client_id(self) -> str:
        """The service's own app."""

    @property
    def credential(self) -> Credential:
        """What proves it."""

    @property
    def origin(self) -> str:
        """Scheme and host of the pages that people see."""

    async def begin(self, *, tenant: str, redirect_uri: str) -> SignIn:
        """A new sign-in with its own state, nonce and PKCE verifier; an empty tenant lets any organization in.

        Raises:
            CredentialsRejected: Entra knows no such tenant.
            EntraUnavailable: Entra did not answer.
        """

    async def prove(self, memory: Secret, answer: Mapping[str, str]) -> TenantId:
        """The tenant of the person who signed in, from Entra's answer (the query of the redirect).

        Proven by an ID token that Entra gives for the code and that is checked here.

        Raises:
            ConsentDeclined: The person declined.
            CredentialsRejected: Entra refused the sign-in or the code, or the ID token is not what it has to be.
            EntraUnavailable: Entra did not answer.
        """

    def consent_url(self, tenant_id: TenantId, *, redirect_uri: str, state: str) -> str:
        """Where an administrator of a tenant grants the app what it asks for."""

    def check_answer(self, answer: Mapping[str, str]) -> None:
        """Looks for an error in the query of a redirect, before anything else in it is believed.

        Raises:
            ConsentDeclined: The person declined.
            CredentialsRejected: Anything else that stands in the way.
            EntraUnavailable: It passes by itself.
        """
