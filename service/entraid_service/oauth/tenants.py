"""Which tenant a name means, as the tenant's OpenID configuration tells it. Pure.

https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc: the document's URLs hold the tenant's ID, also if
it was asked for by domain.
"""

import re
from collections.abc import Mapping
from urllib.parse import quote

from entraid_service.model.ids import TenantId, is_guid

_DOMAIN = re.compile(r"[^\s/?#%@\\:.]+(\.[^\s/?#%@\\:.]+)+")
_ID_IN_PATH = re.compile(r"/([0-9a-f-]{36})(?:/|$)", re.IGNORECASE)
_TELLING = ("token_endpoint", "issuer", "authorization_endpoint", "jwks_uri")


def is_domain(name: str) -> bool:
    """Whether a name can be a domain; `common` and its like, which name no tenant, cannot."""
    return _DOMAIN.fullmatch(name) is not None


def authority_of(authority_url: str, tenant: str) -> str:
    """The authority of a tenant, as MSAL is told it."""
    return f"{authority_url}/{quote(tenant, safe='')}"


def configuration_url(authority_url: str, tenant: str) -> str:
    """Where the OpenID configuration of a tenant is."""
    return f"{authority_of(authority_url, tenant)}/v2.0/.well-known/openid-configuration"


def tenant_in(configuration: Mapping[str, object]) -> TenantId | None:
    """The tenant ID that the document's URLs hold; None if they hold none, or not all the same."""
    found = {
        match[1].lower()
        for name in _TELLING
        if isinstance(url := configuration.get(name), str) and (match := _ID_IN_PATH.search(url)) and is_guid(match[1])
    }
    return TenantId(found.pop()) if len(found) == 1 else None
