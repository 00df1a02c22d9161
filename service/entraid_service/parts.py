"""What is built from the settings alone: the encryption keys, Entra, Microsoft Graph, the way of browsers to us."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from ipaddress import ip_address
from pathlib import Path

import structlog

from entraid_service.config import Settings
from entraid_service.connect.route import ConsentSite
from entraid_service.graph.client import MicrosoftGraph
from entraid_service.graph.limits import Limits
from entraid_service.model.connection import ClientSecret, Credential, FederatedIdentity
from entraid_service.oauth.certificates import read_certificate_file
from entraid_service.oauth.credentials import OwnApp, Workload
from entraid_service.oauth.keys import EncryptionKey, create_key_file, parse_keys, read_key_file
from entraid_service.oauth.tokens import MsalAuthority

_log = structlog.get_logger(__name__)


def key_file(settings: Settings) -> Path:
    """Where the keys are that the service made for itself."""
    return settings.database_path().with_suffix(".key")


def encryption_keys(settings: Settings) -> tuple[EncryptionKey, ...]:
    """The keys of the settings, else those of the key file, which is made if there is none.

    Raises:
        KeyUnusable: They cannot be used.
    """
    if settings.encryption_key:
        return parse_keys(settings.encryption_key)
    path = key_file(settings)
    if path.exists():
        return read_key_file(path)
    key = create_key_file(path)
    _log.warning(
        "encryption_key_made",
        file=str(path),
        advice="whoever can copy this folder can read the stored credentials: set ENTRAID_ENCRYPTION_KEY_FILE",
    )
    return (key,)


def upstream(
    settings: Settings, stack: AsyncExitStack, *, on_request: Callable[[int | None], None]
) -> tuple[MsalAuthority, MicrosoftGraph]:
    """The two sides of Microsoft, both with the same CA bundle and proxy; closed with the stack.

    `on_request` hears the HTTP status of each request to Graph, None where no answer came.

    Raises:
        CredentialsRejected: The certificate of the service's own app cannot be used.
    """
    cloud = settings.endpoints()
    ca_bundle = Path(settings.ca_bundle) if settings.ca_bundle else None
    proxy = settings.proxy or None
    authority = MsalAuthority(
        authority_url=cloud.authority_url,
        graph_scope=cloud.scope,
        ca_bundle=ca_bundle,
        proxy=proxy,
        workload=Workload(
            token_file=Path(settings.federated_token_file) if settings.federated_token_file else None,
            managed_identity=settings.managed_identity,
        ),
        own_app=_own_app(settings),
    )
    stack.callback(authority.close)
    graph = MicrosoftGraph(
        base_url=cloud.graph_url,
        ca_bundle=ca_bundle,
        proxy=proxy,
        limits=Limits(concurrency=settings.graph_concurrency),
        on_request=on_request,
    )
    stack.push_async_callback(graph.close)
    return authority, graph


def consent_site(settings: Settings, *, port: int) -> ConsentSite | None:
    """How browsers reach the HTTP port that was taken; None where nobody said, and only other machines could."""
    if settings.public_url:
        return ConsentSite(settings.public_url.rstrip("/"), settings.consent_redirect_uris)
    if _is_loopback(settings.http_address.rpartition(":")[0].strip("[]")):
        return ConsentSite(f"http://localhost:{port}", settings.consent_redirect_uris)
    return None


def _own_app(settings: Settings) -> OwnApp | None:
    if not settings.client_id:
        return None
    return OwnApp(settings.client_id.lower(), _own_credential(settings))


def _own_credential(settings: Settings) -> Credential:
    if settings.client_secret:
        return ClientSecret(settings.client_secret)
    if settings.client_certificate_file:
        path = Path(settings.client_certificate_file)
        return read_certificate_file(path, password=settings.client_certificate_password)
    return FederatedIdentity()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
