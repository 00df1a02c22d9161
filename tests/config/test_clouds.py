"""Where each cloud of Microsoft signs in and serves Graph."""

import pytest

from entraid_service.config.clouds import CLOUDS, custom_cloud

TABLE = [
    ("public", "login.microsoftonline.com", "graph.microsoft.com"),
    ("usgov", "login.microsoftonline.us", "graph.microsoft.us"),
    ("usgov-dod", "login.microsoftonline.us", "dod-graph.microsoft.us"),
    ("china", "login.partner.microsoftonline.cn", "microsoftgraph.chinacloudapi.cn"),
]


@pytest.mark.parametrize(("name", "login", "graph"), TABLE)
def test_each_cloud_has_its_own_login_graph_and_resource(name: str, login: str, graph: str) -> None:
    """https://learn.microsoft.com/graph/deployments, by hand."""
    cloud = CLOUDS[name]
    assert cloud.authority_url == f"https://{login}"
    assert cloud.graph_url == f"https://{graph}/v1.0"
    assert cloud.scope == f"https://{graph}/.default"


def test_there_are_no_other_clouds() -> None:
    """The table is whole; anything else is `custom`, with the public resource and a version added where none is."""
    assert set(CLOUDS) == {name for name, _, _ in TABLE}
    assert custom_cloud("https://login.example/", "https://graph.example").graph_url == "https://graph.example/v1.0"
    beta = custom_cloud("https://login.example/", "https://graph.example/beta/")
    assert (beta.authority_url, beta.graph_url) == ("https://login.example", "https://graph.example/beta")
    assert beta.scope == "https://graph.microsoft.com/.default"
