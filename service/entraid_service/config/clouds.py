"""The clouds that Microsoft runs, and where each signs in and serves Graph.

Source: https://learn.microsoft.com/graph/deployments and
https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud. Tokens and apps of one cloud are
worthless in another.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

_GRAPH_VERSION = "/v1.0"


@dataclass(frozen=True, slots=True)
class Cloud:
    """Base URLs of a cloud. `graph_url` ends in the API version; `resource` is what tokens are asked for."""

    authority_url: str
    graph_url: str
    resource: str

    @property
    def scope(self) -> str:
        """The scope of an app token: every application permission that was consented to."""
        return f"{self.resource}/.default"


def _microsoft(login: str, graph: str) -> Cloud:
    return Cloud(f"https://{login}", f"https://{graph}{_GRAPH_VERSION}", f"https://{graph}")


CLOUDS = {
    "public": _microsoft("login.microsoftonline.com", "graph.microsoft.com"),
    "usgov": _microsoft("login.microsoftonline.us", "graph.microsoft.us"),
    "usgov-dod": _microsoft("login.microsoftonline.us", "dod-graph.microsoft.us"),
    "china": _microsoft("login.partner.microsoftonline.cn", "microsoftgraph.chinacloudapi.cn"),
}


def custom_cloud(authority_url: str, graph_url: str) -> Cloud:
    """A cloud by its URLs: an emulator, or a proxy in front of Microsoft's.

    The tokens are asked for under the public cloud's resource, which is an identifier there and no address. A Graph
    URL without a path gets the API version.
    """
    graph = graph_url.rstrip("/")
    if not urlsplit(graph).path:
        graph += _GRAPH_VERSION
    return Cloud(authority_url.rstrip("/"), graph, CLOUDS["public"].resource)
