"""App registrations: who may ask for tokens, with which secret, and which Graph permissions each tenant granted it."""

import hmac
import secrets
import uuid
from dataclasses import dataclass, field
from datetime import datetime

from entraid_emulator.objects import ClientId, ObjectId, TenantId

DEFAULT_CLIENT_ID = ClientId("e41a7c52-6d0b-4f3e-9a86-2c5b1f70d9e3")
DEFAULT_ROLES = frozenset({"User.Read.All", "GroupMember.Read.All"})

_PRINCIPALS = uuid.UUID("5f0c7be4-52d9-4a1e-8f0e-8a2b7c1d3e4f")  # makes a service principal's id from tenant and client


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


@dataclass(slots=True, kw_only=True)
class AppRegistration:
    """An application. Tests change it while the emulator runs.

    Attributes:
        client_id: its application id.
        display_name: as Entra's texts name it.
        secrets: every secret it may use; any that matches and lives is good.
        grants: application permissions by tenant. A tenant that is missing does not know the app (AADSTS700016); one
            with an empty set knows it and has granted nothing, so that its tokens carry no roles.
        is_disabled: whether an administrator switched it off (AADSTS7000112).
    """

    client_id: ClientId
    display_name: str = "entraid"
    secrets: list[ClientSecret] = field(default_factory=list)
    grants: dict[TenantId, frozenset[str]] = field(default_factory=dict)
    is_disabled: bool = False

    @property
    def client_secret(self) -> Secret:
        """The newest secret."""
        return self.secrets[-1].value

    def principal_in(self, tenant: TenantId) -> ObjectId:
        """The object id of its service principal in a tenant."""
        return ObjectId(str(uuid.uuid5(_PRINCIPALS, f"{tenant}/{self.client_id}")))


def default_app() -> AppRegistration:
    """An app with the usual id and a new random secret, known to no tenant yet."""
    return AppRegistration(
        client_id=DEFAULT_CLIENT_ID, secrets=[ClientSecret(Secret(f"emu8Q~{secrets.token_urlsafe(25)}"))]
    )
