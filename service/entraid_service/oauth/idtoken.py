"""Whether an ID token proves which tenant a person belongs to. Pure.

MSAL checks the nonce of an ID token and nothing else since 1.38, so that it is done here, in this order: form and
algorithm, key, signature, audience, tenant, issuer, times, nonce.
https://learn.microsoft.com/entra/identity-platform/id-tokens#validate-tokens
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt

from entraid_service.errors import CredentialsRejected
from entraid_service.model.ids import TenantId, is_guid

_SKEW = timedelta(minutes=5)
"""How far Entra's clock and ours may be apart; as much as Microsoft's own libraries allow."""

_CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant of all personal accounts: nobody administers it."""

_TENANT_IN_ISSUER = "{tenantid}"
_ALGORITHM = "RS256"


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """A public key of Entra, and the issuer that it signs for (a template), empty where the document does not tell."""

    key: jwt.PyJWK
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class Expected:
    """What an ID token has to say: the app, the nonce of the sign-in, the issuer with a place for the tenant."""

    client_id: str
    nonce: str
    issuer: str


def key_id_of(token: str) -> str:
    """Which key an ID token names.

    Raises:
        CredentialsRejected: It is no token, or not signed in the one way that Entra signs.
    """
    try:
        head = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError as error:
        raise _flawed("is malformed") from error
    if head.get("alg") != _ALGORITHM:
        raise _flawed("is not signed as Entra signs")
    return str(head.get("kid", ""))


def claimed_tenant(token: str) -> TenantId:
    """The tenant that an ID token names, before anything of it is believed: whose keys and issuer to check it by.

    Raises:
        CredentialsRejected: It names none that can be connected.
    """
    return _tenant(_claims(token, key=None))


def unknown_tenant() -> CredentialsRejected:
    """What is to be said of a token whose tenant Entra does not know."""
    return _flawed("was not issued by the tenant that it names, for Entra knows none of this id")


def proven_tenant(token: str, *, key: PublishedKey | None, expected: Expected, now: datetime) -> TenantId:
    """The tenant of the person whom the token is about.

    Args:
        token: The ID token as it came.
        key: The published key that it names; None if there is none of that name.
        expected: What it has to say.
        now: The time.

    Raises:
        CredentialsRejected: Something in it is not as it has to be.
    """
    if key is None:
        raise _flawed("is signed with a key that Entra does not publish")
    claims = _claims(token, key=key)
    if not _is_for(expected.client_id, claims.get("aud")):
        raise _flawed("was issued to another app")
    tenant_id = _tenant(claims)
    _check_issuer(claims, tenant_id, key=key, expected=expected)
    _check_times(claims, now)
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), expected.nonce.encode()):
        raise _flawed("belongs to another sign-in")
    return tenant_id


def _claims(token: str, *, key: PublishedKey | None) -> Mapping[str, object]:
    """The claims; without a key as they stand there, for anybody to have written."""
    # Only the signature: PyJWT would compare the times with its own clock, and knows no issuer with a tenant in it.
    unchecked: jwt.types.Options = {
        "verify_signature": key is not None,
        "verify_exp": False,
        "verify_nbf": False,
        "verify_iat": False,
        "verify_aud": False,
        "verify_iss": False,
        "verify_sub": False,
        "verify_jti": False,
    }
    try:
        claims: Mapping[str, object] = jwt.decode(
            token, key.key if key else "", algorithms=[_ALGORITHM], options=unchecked
        )
    except jwt.InvalidTokenError as error:
        raise _flawed("has a signature that is not Entra's") from error
    return claims


def _tenant(claims: Mapping[str, object]) -> TenantId:
    tenant = claims.get("tid")
    if not isinstance(tenant, str) or not is_guid(tenant):
        raise _flawed("names no tenant")
    if tenant.lower() == _CONSUMERS:
        raise CredentialsRejected(
            "a personal Microsoft account signed in, which belongs to no organization: nothing was connected; sign in "
            "with an administrator's work account"
        )
    return TenantId(tenant.lower())


def _is_for(client_id: str, audience: object) -> bool:
    """Whether the app is the audience, and the only one: with several, another one could pass the token on."""
    only = audience[0] if isinstance(audience, list) and len(audience) == 1 else audience
    return isinstance(only, str) and only.lower() == client_id.lower()


def _check_issuer(claims: Mapping[str, object], tenant_id: TenantId, *, key: PublishedKey, expected: Expected) -> None:
    templates = [expected.issuer, *([key.issuer] if key.issuer else [])]
    if any(claims.get("iss") != template.replace(_TENANT_IN_ISSUER, tenant_id) for template in templates):
        raise _flawed("was not issued by the tenant that it names")


def _check_times(claims: Mapping[str, object], now: datetime) -> None:
    expiry = _seconds(claims, "exp")
    if expiry is None or now.timestamp() >= expiry + _SKEW.total_seconds():
        raise _flawed("has expired")
    for name in ("nbf", "iat"):
        if name == "nbf" and name not in claims:
            continue  # OpenID Connect requires the other one only
        since = _seconds(claims, name)
        if since is None or now.timestamp() < since - _SKEW.total_seconds():
            raise _flawed("is not valid yet")


def _seconds(claims: Mapping[str, object], name: str) -> float | None:
    value = claims.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _flawed(flaw: str) -> CredentialsRejected:
    return CredentialsRejected(
        f"the sign-in is not accepted, for its ID token {flaw}: nothing was connected; start again, and if it comes "
        "again, check the clock of this server and what stands between it and Entra"
    )
