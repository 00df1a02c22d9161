"""The public keys that Entra signs ID tokens with. Blocking: threads only.

Read from the discovery documents, kept for a day, read again when a token names a key that is not among them.

https://learn.microsoft.com/entra/identity-platform/signing-key-rollover
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import jwt

from entraid_service.oauth.idtoken import PublishedKey
from entraid_service.oauth.wire import BrokenAnswer, LoginHttp

_GOOD_FOR = timedelta(days=1)
"""What the document's own Cache-Control says."""


@dataclass(frozen=True, slots=True)
class _Published:
    issuer: str
    keys: Mapping[str, PublishedKey]
    read_at: float


class PublishedKeys:
    """The keys of one authority; used by any thread.

    Args:
        configuration_url: The OpenID configuration that serves every organization, whose issuer is a template.
        http: Makes an HTTP client.
    """

    def __init__(self, configuration_url: str, *, http: Callable[[], LoginHttp]) -> None:
        self._url = configuration_url
        self._http = http
        self._lock = threading.Lock()
        self._published: _Published | None = None

    def find(self, key_id: str) -> tuple[str, PublishedKey | None]:
        """The issuer (a template), and the key of this id if there is one.

        Raises:
            requests.RequestException: as `LoginHttp`; the documents could not be read.
        """
        with self._lock:
            published = self._published
            is_old = published is None or time.monotonic() - published.read_at > _GOOD_FOR.total_seconds()
            if published is None or is_old or key_id not in published.keys:
                published = self._published = self._read()
            return published.issuer, published.keys.get(key_id)

    def _read(self) -> _Published:
        http = self._http()
        try:
            configuration = http.get(self._url).json() or {}
            issuer, keys_url = configuration.get("issuer"), configuration.get("jwks_uri")
            if not isinstance(issuer, str) or not isinstance(keys_url, str):
                raise BrokenAnswer("the OpenID configuration names no issuer or no keys")
            if _origin(keys_url) != _origin(self._url):
                raise BrokenAnswer("the OpenID configuration names keys of another host")
            document = http.get(keys_url).json() or {}
        finally:
            http.close()
        return _Published(issuer, dict(_keys(document)), time.monotonic())


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
