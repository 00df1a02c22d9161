"""Where the links of a list may lead. Pure.

The token goes to the configured Graph and nowhere else, so that a link has to lead there: same scheme, host and port.
Three spellings of that place are taken for it, and asked at the configured address with path and query as they came: a
link without a host, another name of this machine, and Microsoft's own address, which a gateway in front of Microsoft's
Graph passes on (https://learn.microsoft.com/graph/deployments).
"""

import hashlib
import re

from yarl import URL

from entraid_service.graph.refusals import unusable

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_MICROSOFT = frozenset(
    {"graph.microsoft.com", "graph.microsoft.us", "dod-graph.microsoft.us", "microsoftgraph.chinacloudapi.cn"}
)
_VERSION = "/v1.0/"
_DEFAULT_PORT = 443
_AFTER_AUTHORITY = re.compile(r"(?:[a-zA-Z]+://[^/?#]*)?(.*)", re.DOTALL)


class Links:
    """The links of one list: where they may lead, and which were followed.

    Args:
        base: The configured Graph, API version included.
        most: How many may be followed.
    """

    def __init__(self, base: URL, *, most: int) -> None:
        self._base = base
        self._most = most
        self._followed: set[bytes] = set()

    def follow(self, link: str) -> URL:
        """The URL of a link; path and query are exactly as Graph wrote them.

        Raises:
            GraphUnavailable: It leads elsewhere, was followed before, or there are too many.
        """
        url = self.checked(link)
        mark = hashlib.blake2b(link.encode(), digest_size=16).digest()
        if mark in self._followed:
            raise unusable("a next link came twice, the list has no end")
        if len(self._followed) >= self._most:
            raise unusable(f"a list has more than {self._most} pages")
        self._followed.add(mark)
        return url

    def checked(self, link: str) -> URL:
        """The URL of a link that leads to Graph.

        Raises:
            GraphUnavailable: It leads elsewhere.
        """
        url = _parsed(link)
        if url is None or url.user or url.password:
            raise _elsewhere(url)
        if (url.scheme, url.host, url.port) == (self._base.scheme, self._base.host, self._base.port):
            return url
        is_path = link.startswith("/") and not link.startswith("//")
        if is_path or self._is_this_machine(url):
            return self._at_origin(link)
        if self._is_microsoft(url) and (path := _after_authority(link)).startswith(_VERSION):
            return URL(str(self._base).rstrip("/") + "/" + path.removeprefix(_VERSION), encoded=True)
        # The token would go there.
        raise _elsewhere(url)

    def _at_origin(self, link: str) -> URL:
        return URL(f"{self._base.scheme}://{self._base.authority}{_after_authority(link)}", encoded=True)

    def _is_this_machine(self, url: URL) -> bool:
        is_same = (url.scheme, url.port) == (self._base.scheme, self._base.port)
        return is_same and url.host in _LOOPBACK and self._base.host in _LOOPBACK

    def _is_microsoft(self, url: URL) -> bool:
        is_plain = url.scheme == "https" and url.port == _DEFAULT_PORT and url.host in _MICROSOFT
        return is_plain and self._base.host not in _MICROSOFT


def _after_authority(link: str) -> str:
    found = _AFTER_AUTHORITY.fullmatch(link)
    return found[1] if found else ""


def _parsed(link: str) -> URL | None:
    try:
        url = URL(link, encoded=True)
        _ = url.port  # a port that is no number shows only here
    except ValueError:
        return None
    return url


def _elsewhere(url: URL | None) -> Exception:
    place = f"{url.scheme}://{url.host}:{url.port}" if url is not None and url.host else "no host"
    return unusable(f"a link leads to `{place}` in place of Graph")
