"""What an app's access token tells about itself. Pure.

Read without checking the signature: a token for Graph is Graph's to check, and clients may find it opaque
(https://learn.microsoft.com/entra/identity-platform/access-tokens). What is read here never widens what is allowed; it
only notices a token of a wrong tenant and permissions that are missing.
"""

import base64
import binascii
import json
from dataclasses import dataclass

from entraid_service.model.ids import TenantId, is_guid

_JWT_PARTS = 3


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """The tenant and the application permissions of a token, each None where the token does not tell."""

    tenant_id: TenantId | None = None
    roles: tuple[str, ...] | None = None


def read_claims(token: str) -> TokenClaims:
    """The claims of a token; an opaque one tells nothing."""
    payload = _payload(token)
    if payload is None:
        return TokenClaims()
    tenant = payload.get("tid")
    roles = payload.get("roles", [])
    return TokenClaims(
        tenant_id=TenantId(tenant.lower()) if isinstance(tenant, str) and is_guid(tenant) else None,
        roles=tuple(role for role in roles if isinstance(role, str)) if isinstance(roles, list) else None,
    )


def read_client_id(token: str) -> str:
    """The app that a token was issued to, empty where it does not tell."""
    payload = _payload(token) or {}
    found = payload.get("appid") or payload.get("azp")
    return found.lower() if isinstance(found, str) else ""


def _payload(token: str) -> dict[str, object] | None:
    parts = token.split(".")
    if len(parts) != _JWT_PARTS:
        return None
    encoded = parts[1]
    try:
        payload = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    return payload if isinstance(payload, dict) else None
