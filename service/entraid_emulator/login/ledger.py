"""What has been handed out and may come back: authorization codes, refresh tokens, device codes. In memory only."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

from entraid_emulator.objects import ClientId, ObjectId, TenantId

_ENOUGH = 10_000  # entries of one kind; the oldest go first
_USER_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXYZ23456789"  # no vowels, so no words
_USER_CODE_LENGTH = 9

_Issued = TypeVar("_Issued")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Who signed in to what, and what he allowed.

    Attributes:
        client_id: the app.
        tenant_id: the tenant he signed in to.
        user_id: he.
        scopes: delegated permissions and OpenID scopes.
        nonce: of the request, for the ID token.
    """

    client_id: ClientId
    tenant_id: TenantId
    user_id: ObjectId
    scopes: frozenset[str]
    nonce: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationCode:
    """What a code stands for.

    Attributes:
        sign_in: who allowed what.
        redirect_uri: where it was sent; the redemption must name the same.
        challenge: of PKCE, empty without it.
        method: of PKCE.
        expires_at: too late from then on.
    """

    sign_in: SignIn
    redirect_uri: str
    challenge: str
    method: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """What a refresh token stands for.

    Attributes:
        sign_in: who allowed what.
        expires_at: too late from then on.
    """

    sign_in: SignIn
    expires_at: datetime


@dataclass(slots=True, kw_only=True)
class DeviceCode:
    """What a device waits for.

    Attributes:
        client_id: the app on the device.
        segment: the tenant segment it asked at.
        scopes: what it asks for.
        user_code: what its user types.
        expires_at: too late from then on.
        state: how it stands.
        sign_in: who allowed it.
    """

    client_id: ClientId
    segment: str
    scopes: frozenset[str]
    user_code: str
    expires_at: datetime
    state: Literal["pending", "approved", "declined", "redeemed"] = "pending"
    sign_in: SignIn | None = None


class Ledger:
    """Codes and refresh tokens by what the client holds."""

    def __init__(self) -> None:
        self._codes: dict[str, AuthorizationCode] = {}
        self._spent: dict[str, None] = {}
        self._refresh: dict[str, RefreshToken] = {}
        self._devices: dict[str, DeviceCode] = {}

    def add_code(self, issued: AuthorizationCode) -> str:
        """A new authorization code."""
        return _put(self._codes, f"1.{secrets.token_urlsafe(48)}", issued)

    def code(self, code: str) -> AuthorizationCode | None:
        """What a code stands for, spent or not."""
        return self._codes.get(code)

    def is_spent(self, code: str) -> bool:
        """Whether a code was redeemed."""
        return code in self._spent

    def spend(self, code: str) -> None:
        """Note a code as redeemed."""
        _put(self._spent, code, None)

    def add_refresh(self, issued: RefreshToken) -> str:
        """A new refresh token; the older ones stay good, as Entra's do.

        https://learn.microsoft.com/entra/identity-platform/refresh-tokens#token-lifetime
        """
        return _put(self._refresh, f"1.{secrets.token_urlsafe(64)}", issued)

    def refresh(self, token: str) -> RefreshToken | None:
        """What a refresh token stands for."""
        return self._refresh.get(token)

    def add_device(self, asked: DeviceCode) -> str:
        """A new device code."""
        return _put(self._devices, secrets.token_urlsafe(64), asked)

    def device(self, device_code: str) -> DeviceCode | None:
        """What a device code stands for."""
        return self._devices.get(device_code)

    def device_named(self, user_code: str) -> DeviceCode | None:
        """The device whose user types this code; case and blanks do not count."""
        typed = "".join(user_code.split()).upper()
        return next((one for one in self._devices.values() if one.user_code == typed), None)


def new_user_code() -> str:
    """Nine letters and digits to type."""
    return "".join(secrets.choice(_USER_CODE_LETTERS) for _ in range(_USER_CODE_LENGTH))


def _put(kept: dict[str, _Issued], key: str, issued: _Issued) -> str:
    kept[key] = issued
    while len(kept) > _ENOUGH:
        del kept[next(iter(kept))]
    return key
