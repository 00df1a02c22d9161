"""The public keys that Entra signs a tenant's ID tokens with. Blocking: threads only.

Read from the tenant's own discovery documents, anew for each sign-in: there are few, and keys roll over.

https://learn.microsoft.com/entra/identity-platform/signing-key-rollover
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import jwt

from entraid_service.oauth.idtoken import PublishedKey
from entraid_service.oauth.wire import BrokenAnswer, LoginHttp


@dataclass(frozen=True, slots=True)
class PublishedKeys:
    """What a tenant's documents say of its ID tokens: who issues them (may be a template), the keys by their ids."""

    issuer: str
    keys: Mapping[str, PublishedKey]

    def find(self, key_id: str) -> PublishedKey | None:
        """The key of this id; for a token that names none, the key if there is only one."""
        if not key_id and len(self.keys) == 1:
            return next(iter(self.keys.values()))
        return self.keys.get(key_id)


def published_keys(configuration_url: str, *, http: LoginHttp) -> PublishedKeys:
    """Reads the documents.

    Args:
        configuration_url: The OpenID configuration of the tenant.
        http: The client.

    Raises:
        RefusedDocument: There is no such tenant, or its documents are not given.
        requests.RequestException: As `LoginHttp`; the documents could not be read.
    """
    configuration = http.get(configuration_url).json() or {}
    issuer, keys_url = configuration.get("issuer"), configuration.get("jwks_uri")
    if not isinstance(issuer, str) or not isinstance(keys_url, str):
        raise BrokenAnswer("the OpenID configuration names no issuer or no keys")
    if _origin(keys_url) != _origin(configuration_url):
        raise BrokenAnswer("the OpenID configuration names keys of another host")
    return PublishedKeys(issuer, dict(_keys(http.get(keys_url).json() or {})))


def _keys(document: Mapping[str, object]) -> Iterator[tuple[str, PublishedKey]]:
    found = document.get("keys")
    for entry in found if isinstance(found, list) else []:
        if not isinstance(entry, dict) or entry.get("kty") != "RSA" or entry.get("use", "sig") != "sig":
            continue
        issuer = entry.get("issuer", "")
        try:
            key = jwt.PyJWK(entry, algorithm="RS256")
        except jwt.PyJWTError:
            continue  # one odd key does not spoil the others; a token that names it is refused
        yield str(entry.get("kid", "")), PublishedKey(key, issuer if isinstance(issuer, str) else "")


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()
