"""What is wrong with the settings of the service's own app and of the browsers' way to it."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from entraid_service.config.settings import Settings
from entraid_service.model.ids import is_guid

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SYSTEM_ASSIGNED = "system"


def app_problems(settings: Settings) -> Iterator[str]:
    """One sentence each."""
    yield from _credential_problems(settings)
    if settings.public_url and (problem := _origin_problem(settings.public_url)):
        yield f"`ENTRAID_PUBLIC_URL` {problem}"
    for uri in settings.consent_redirect_uris:
        if problem := _page_problem(uri):
            yield f"`ENTRAID_CONSENT_REDIRECT_URIS` holds `{uri}`, which {problem}"
    identity = settings.managed_identity
    if identity and identity != _SYSTEM_ASSIGNED and not is_guid(identity):
        yield f"`ENTRAID_MANAGED_IDENTITY` is `{identity}`, neither `{_SYSTEM_ASSIGNED}` nor a client ID (a GUID)"
    if identity and settings.federated_token_file:
        yield "`ENTRAID_MANAGED_IDENTITY` and `ENTRAID_FEDERATED_TOKEN_FILE` exclude each other: set one"


def _credential_problems(settings: Settings) -> Iterator[str]:
    own = [bool(settings.client_secret), bool(settings.client_certificate_file)]
    any_workload = bool(settings.federated_token_file or settings.managed_identity)
    if all(own):
        yield "`ENTRAID_CLIENT_SECRET` and `ENTRAID_CLIENT_CERTIFICATE_FILE` exclude each other: set one"
    if not settings.client_id:
        if any(own):
            yield "`ENTRAID_CLIENT_ID` is missing: it says whose secret or certificate is given"
        return
    if not is_guid(settings.client_id):
        yield f"`ENTRAID_CLIENT_ID` is `{settings.client_id}`, not an application (client) ID (a GUID)"
    if not any(own) and not any_workload:
        yield (
            "`ENTRAID_CLIENT_ID` is set, and nothing that proves that app: set one of `ENTRAID_CLIENT_SECRET`, "
            "`ENTRAID_CLIENT_CERTIFICATE_FILE`, `ENTRAID_FEDERATED_TOKEN_FILE`, `ENTRAID_MANAGED_IDENTITY`"
        )


def _origin_problem(url: str) -> str:
    parts = urlsplit(url)
    if parts.path.rstrip("/") or parts.query or parts.fragment or parts.username:
        return f"is `{url}`, not a scheme with a host and nothing behind: the connect page is at its root"
    return _scheme_problem(url)


def _page_problem(url: str) -> str:
    if urlsplit(url).fragment or "*" in url:
        return "holds a fragment or a wildcard, which Entra permits neither"
    return _scheme_problem(url)


def _scheme_problem(url: str) -> str:
    """Entra sends browsers to https only, but for this machine.

    https://learn.microsoft.com/entra/identity-platform/reply-url#supported-schemes
    """
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return ""
    if parts.scheme == "http" and parts.hostname in _LOOPBACK:
        return ""
    return f"is `{url}`, not an `https://` URL; `http://` is for localhost only"
