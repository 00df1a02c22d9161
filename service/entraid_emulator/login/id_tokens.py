"""ID tokens, version 2.0: who signed in, said to the app and to nobody else. Forged where a script says so.

https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference
"""

from datetime import timedelta

from entraid_emulator.cloud import Cloud
from entraid_emulator.login.ledger import SignIn
from entraid_emulator.login.tokens import BACKDATED, opaque, pairwise
from entraid_emulator.objects import GraphObject, Json, object_id, text
from entraid_emulator.tenant import Tenant

_LIFETIME = timedelta(hours=1)


def id_token(cloud: Cloud, sign_in: SignIn, tenant: Tenant, *, user: GraphObject, origin: str) -> str:
    """The signed token; its issuer is the one that the tenant's OpenID configuration on `origin` names."""
    now = cloud.clock.now()
    issued = int((now - BACKDATED).timestamp())
    claims: dict[str, Json] = {
        "aud": sign_in.client_id,
        "iss": f"{origin}/{tenant.tenant_id}/v2.0",
        "iat": issued,
        "nbf": issued,
        "exp": int((now + _LIFETIME).timestamp()),
        "oid": object_id(user),
        "rh": f"0.{opaque(30)}.",
        "sub": pairwise(sign_in.client_id, tenant, user),
        "tid": tenant.tenant_id,
        "uti": opaque(16),
        "ver": "2.0",
    }
    if "profile" in sign_in.scopes:
        claims["name"] = text(user, "displayName")
        claims["preferred_username"] = text(user, "userPrincipalName")
    if "email" in sign_in.scopes and text(user, "mail"):
        claims["email"] = text(user, "mail")
    if sign_in.nonce is not None:
        claims["nonce"] = sign_in.nonce
    forgery = cloud.script.forgery("id_token", client_id=sign_in.client_id)
    return cloud.signing_keys.sign(forgery.applied(claims), signer=forgery.signer)
