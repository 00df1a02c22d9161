"""App-only access tokens for Microsoft Graph: their claims, and nothing about who may have one.

The claims are those of a real app-only Graph token: version 1.0 and the issuer `sts.windows.net` although the v2.0
endpoint issues it, and `iat` 300 s in the past.
"""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from entraid_emulator.apps import AppRegistration
from entraid_emulator.objects import Json
from entraid_emulator.tenant import Tenant

GRAPH_RESOURCE = "https://graph.microsoft.com"
GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"

_BACKDATED = timedelta(seconds=300)
_DIRECTORY_READER_TEMPLATE = "0997a1d0-0d1d-4acb-b408-d5ca73121e90"  # the `wids` of an app without a directory role


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """What goes into a token.

    Attributes:
        tenant: whose directory it opens.
        app: who gets it.
        audience: the resource as it was asked for.
        lifetime: from now on.
        is_cae: whether the client said that it handles claims challenges.
    """

    tenant: Tenant
    app: AppRegistration
    audience: str
    lifetime: timedelta
    is_cae: bool


def app_only_claims(issue: Issue, now: datetime) -> Mapping[str, Json]:
    """The claims; `roles` is absent when the tenant granted nothing."""
    tenant_id = issue.tenant.tenant_id
    principal = issue.app.principal_in(tenant_id)
    issuer = f"https://sts.windows.net/{tenant_id}/"
    issued = int((now - _BACKDATED).timestamp())
    claims: dict[str, Json] = {
        "aud": issue.audience,
        "iss": issuer,
        "iat": issued,
        "nbf": issued,
        "exp": int((now + issue.lifetime).timestamp()),
        "aio": _opaque(24),
        "app_displayname": issue.app.display_name,
        "appid": issue.app.client_id,
        "appidacr": "1",
        "idp": issuer,
        "idtyp": "app",
        "oid": principal,
        "rh": f"0.{_opaque(30)}.",
        "sub": principal,
        "tenant_region_scope": "WW",
        "tid": tenant_id,
        "uti": _opaque(16),
        "ver": "1.0",
        "wids": [_DIRECTORY_READER_TEMPLATE],
        "xms_tcdt": int(datetime.fromisoformat(issue.tenant.created).timestamp()),
    }
    if roles := issue.app.grants.get(tenant_id):
        claims["roles"] = sorted(roles)
    if issue.is_cae:
        claims["xms_cc"] = ["cp1"]
    return claims


def _opaque(size: int) -> str:
    return base64.urlsafe_b64encode(os.urandom(size)).rstrip(b"=").decode()
