"""Who calls: the bearer token of a request, checked as Graph does. Signature first, then time, audience and tenant."""

from dataclasses import dataclass
from datetime import timedelta

import jwt

from entraid_emulator.cloud import Cloud
from entraid_emulator.graph.errors import bad_token, unknown_identity
from entraid_emulator.graph.permissions import Roles
from entraid_emulator.login.token_endpoint import graph_audiences
from entraid_emulator.objects import ClientId, TenantId
from entraid_emulator.tenant import Tenant

_NOT_WELL_FORMED = (
    "IDX14100: JWT is not well formed, there are no dots (.).\n"
    "The token needs to be in JWS or JWE Compact Serialization Format."
    " (JWS): 'EncodedHeader.EndcodedPayload.EncodedSignature'."
    " (JWE): 'EncodedProtectedHeader.EncodedEncryptedKey.EncodedInitializationVector.EncodedCiphertext"
    ".EncodedAuthenticationTag'."
)
_SKEW = timedelta(seconds=1)  # iat is a whole second in the past anyway; this is for nbf of a token minted elsewhere


@dataclass(frozen=True, slots=True)
class Caller:
    """An app with a good token.

    Attributes:
        tenant: the tenant the token was issued for; nothing of any other is served to it.
        roles: the application permissions in the token.
        client_id: the app.
    """

    tenant: Tenant
    roles: Roles
    client_id: ClientId


def caller(cloud: Cloud, authorization: str, *, origin: str) -> Caller:
    """Check an Authorization header.

    Raises:
        GraphError: 401, with Graph's words for what is wrong with the token.
    """
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise bad_token("Access token is empty.")
    if "." not in token:
        raise bad_token(_NOT_WELL_FORMED)
    try:
        claims = cloud.signing_keys.verified(token)
    except jwt.InvalidSignatureError as error:
        raise bad_token("Access token validation failure. Invalid signature.") from error
    except jwt.InvalidTokenError as error:
        raise bad_token("CompactToken parsing failed with error code: 80049217") from error
    _check_times(cloud, claims.get("nbf"), claims.get("exp"))
    if claims.get("aud") not in graph_audiences(origin):
        raise bad_token("Access token validation failure. Invalid audience.")
    tenant = cloud.tenant(TenantId(str(claims.get("tid"))))
    app = cloud.app(str(claims.get("appid")))
    if tenant is None or app is None or tenant.tenant_id not in app.grants:
        raise unknown_identity()
    roles = claims.get("roles")
    held = frozenset(map(str, roles)) if isinstance(roles, list) else frozenset[str]()
    return Caller(tenant, held, app.client_id)


def _check_times(cloud: Cloud, not_before: object, expires: object) -> None:
    now = cloud.clock.now()
    if not isinstance(expires, int) or now.timestamp() >= expires:
        raise bad_token("Lifetime validation failed, the token is expired.")
    if isinstance(not_before, int) and (now + _SKEW).timestamp() < not_before:
        raise bad_token("Lifetime validation failed, the token is not yet valid.")
