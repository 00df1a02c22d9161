"""What an app proves itself with, apart from certificates: client secrets and trust in another issuer's tokens."""

import hmac
from dataclasses import dataclass
from datetime import datetime

EXCHANGE_AUDIENCE = "api://AzureADTokenExchange"
"""The audience of a federated assertion.

https://learn.microsoft.com/entra/workload-id/workload-identity-federation-create-trust
"""


class Secret:
    """A text that no log, traceback or `repr` shows."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself, for the wire only."""
        return self._value

    def matches(self, offered: str) -> bool:
        """Whether the offered text is the same, in constant time."""
        return hmac.compare_digest(self._value.encode(), offered.encode())

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A client secret of an app.

    Attributes:
        value: the secret.
        expires_at: when Entra stops to accept it; None means never, which Entra itself no longer offers.
    """

    value: Secret
    expires_at: datetime | None = None

    def is_expired(self, now: datetime) -> bool:
        """Whether it is too late to use it."""
        return self.expires_at is not None and now >= self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class FederatedCredential:
    """Trust in the tokens of another issuer; all three must be equal to the token's, case included.

    Attributes:
        issuer: the `iss` of the assertion; its keys are looked up there.
        subject: the `sub`.
        audience: the one `aud`.
    """

    issuer: str
    subject: str
    audience: str = EXCHANGE_AUDIENCE
