"""Discovery documents: OpenID configuration, signing keys, instance discovery. Pure: a request in, a document out."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from entraid_emulator.cloud import Cloud
from entraid_emulator.login.errors import refused
from entraid_emulator.login.request import LoginRequest
from entraid_emulator.objects import Json

ANY_TENANT = frozenset({"common", "organizations"})
_TENANT_SHAPE = re.compile(r"(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z0-9-]+(\.[a-z0-9-]+)+")


def openid_configuration(cloud: Cloud, request: LoginRequest) -> Mapping[str, Json]:
    """`/{tenant}/v2.0/.well-known/openid-configuration`; under `common` the issuer is a template."""
    template, segment = _issuer_and_path(cloud, request)
    base = f"{request.origin}/{segment}"
    return {
        "token_endpoint": f"{base}/oauth2/v2.0/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": f"{base}/discovery/v2.0/keys",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": f"{request.origin}/{template}/v2.0",
        "request_uri_parameter_supported": False,
        "userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo",
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
        "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
        "http_logout_supported": True,
        "frontchannel_logout_supported": True,
        "end_session_endpoint": f"{base}/oauth2/v2.0/logout",
        "claims_supported": [
            "sub",
            "iss",
            "cloud_instance_name",
            "cloud_instance_host_name",
            "cloud_graph_host_name",
            "msgraph_host",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "acr",
            "nonce",
            "preferred_username",
            "name",
            "tid",
            "ver",
            "at_hash",
            "c_hash",
            "email",
        ],
        "kerberos_endpoint": f"{base}/kerberos",
        "tenant_region_scope": None if segment in ANY_TENANT else "WW",
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
        "rbac_url": "https://pas.windows.net",
    }


def keys(cloud: Cloud, request: LoginRequest) -> Mapping[str, Json]:
    """`/{tenant}/discovery/v2.0/keys`; each key names the issuer it signs for."""
    template, _ = _issuer_and_path(cloud, request)
    return cloud.signing_keys.document(issuer=f"{request.origin}/{template}/v2.0")


def instance(cloud: Cloud, request: LoginRequest) -> Mapping[str, Json]:
    """`/common/discovery/instance`: which hosts are one cloud; the emulator knows its own only."""
    endpoint = request.query.get("authorization_endpoint")
    if not endpoint:
        raise refused(900144, field="authorization_endpoint")
    asked = urlsplit(endpoint)
    own = urlsplit(request.origin)
    if asked.scheme != "https" or asked.hostname != own.hostname:
        raise refused(50049)
    tenant = asked.path.strip("/").partition("/")[0] or "common"
    if tenant not in ANY_TENANT and cloud.tenant_named(tenant) is None:
        raise refused(90002, error="invalid_tenant", tenant=tenant)
    host = own.hostname or ""
    return {
        "tenant_discovery_endpoint": f"{request.origin}/{tenant}/v2.0/.well-known/openid-configuration",
        "api-version": request.query.get("api-version", "1.1"),
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
    }


def check_shape(name: str, *, error: str = "invalid_request") -> None:
    """Refuse a tenant segment that can name no tenant."""
    if not _TENANT_SHAPE.fullmatch(name):
        raise refused(900023, error=error, tenant=name)


def _issuer_and_path(cloud: Cloud, request: LoginRequest) -> tuple[str, str]:
    """The tenant as issuers and as URLs of the document print it."""
    name = request.tenant.lower()
    if name in ANY_TENANT:
        return "{tenantid}", name
    check_shape(name, error="invalid_tenant")
    tenant = cloud.tenant_named(name)
    if tenant is None:
        raise refused(90002, error="invalid_tenant", tenant=request.tenant)
    return tenant.tenant_id, tenant.tenant_id
