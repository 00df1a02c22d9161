"""Access tokens for Microsoft Graph, app-only and of a person: their claims, and nothing about who may have one.

The claims are those of a real Graph token: version 1.0 and the issuer `sts.windows.net` although the v2.0 endpoint
issues it, and `iat` 300 s in the past.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from entraid_emulator.apps import AppRegistration
from entraid_emulator.certificates import base64url
from entraid_emulator.objects import GraphObject, Json, object_id, text
from entraid_emulator.tenant import Tenant

GRAPH_RESOURCE = "https://graph.microsoft.com"
GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"

BACKDATED = timedelta(seconds=300)

_DIRECTORY_READER_TEMPLATE = "0997a1d0-0d1d-4acb-b408-d5ca73121e90"  # the `wids` of an app without a directory role
_GLOBAL_ADMINISTRATOR_TEMPLATE = "62e90394-69f5-4237-9190-012177145e10"
_USER_TEMPLATE = "b79fbf4d-3ef9-4689-8143-76b194e85509"  # the `wids` of everybody else


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """What goes into a token.

    Attributes:
        tenant: whose directory it opens.
        app: who gets it.
        audience: the resource as it was asked for.
        lifetime: from now on.
        is_cae: whether the client said that it handles claims challenges.
        proof: how the client proved itself, as `appidacr` has it.
    """

    tenant: Tenant
    app: AppRegistration
    audience: str
    lifetime: timedelta
    is_cae: bool
    proof: str = "1"


def app_only_claims(issue: Issue, now: datetime) -> Mapping[str, Json]:
    """The claims of an app; `roles` is absent when the tenant granted nothing."""
    principal = issue.app.principal_in(issue.tenant.tenant_id)
    claims: dict[str, Json] = {
        **_common(issue, now),
        "idp": _issuer(issue.tenant),
        "idtyp": "app",
        "oid": principal,
        "sub": principal,
        "wids": [_DIRECTORY_READER_TEMPLATE],
    }
    if roles := issue.app.grants.get(issue.tenant.tenant_id):
        claims["roles"] = sorted(roles)
    return claims


def delegated_claims(issue: Issue, user: GraphObject, scopes: frozenset[str], *, now: datetime) -> Mapping[str, Json]:
    """The claims of a person who uses an app: what he allowed is in `scp`, and there are no `roles`."""
    is_administrator = object_id(user) in issue.tenant.administrators
    return {
        **_common(issue, now),
        "idtyp": "user",
        "name": text(user, "displayName"),
        "oid": object_id(user),
        "scp": " ".join(sorted(scopes)),
        "sub": pairwise(GRAPH_APP_ID, issue.tenant, user),
        "unique_name": text(user, "userPrincipalName"),
        "upn": text(user, "userPrincipalName"),
        "wids": [_GLOBAL_ADMINISTRATOR_TEMPLATE if is_administrator else _USER_TEMPLATE],
    }


def pairwise(audience: str, tenant: Tenant, user: GraphObject) -> str:
    """The `sub` of a person: lasting, and another one for each audience."""
    return base64url(hashlib.sha256(f"{audience}/{tenant.tenant_id}/{object_id(user)}".encode()).digest())


def opaque(size: int) -> str:
    """Random bytes where Entra has a value that means nothing to others."""
    return base64url(os.urandom(size))


def _common(issue: Issue, now: datetime) -> dict[str, Json]:
    issued = int((now - BACKDATED).timestamp())
    claims: dict[str, Json] = {
        "aud": issue.audience,
        "iss": _issuer(issue.tenant),
        "iat": issued,
        "nbf": issued,
        "exp": int((now + issue.lifetime).timestamp()),
        "aio": opaque(24),
        "app_displayname": issue.app.display_name,
        "appid": issue.app.client_id,
        "appidacr": issue.proof,
        "rh": f"0.{opaque(30)}.",
        "tenant_region_scope": "WW",
        "tid": issue.tenant.tenant_id,
        "uti": opaque(16),
        "ver": "1.0",
        "xms_tcdt": int(datetime.fromisoformat(issue.tenant.created).timestamp()),
    }
    if issue.is_cae:
        claims["xms_cc"] = ["cp1"]
    return claims


def _issuer(tenant: Tenant) -> str:
    return f"https://sts.windows.net/{tenant.tenant_id}/"
