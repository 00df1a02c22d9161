"""One proxy and one CA bundle for both sides of Microsoft: neither is reached in another way."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.harness import connect, connect_request, pointed_at, serving, sync
from e2e.proxy import Proxy, proxy_to
from entraid_emulator import Emulator, contoso, in_background

USER, PASSWORD = "someone", "canary~proxy:Pass.7"
LOGIN, GRAPH = "localhost:1", "127.0.0.1:2"
"""Where nobody listens: only through the proxy do they lead anywhere."""


@pytest.fixture(scope="module")
def cloud() -> Iterator[Emulator]:
    """An emulator."""
    with in_background(Emulator([contoso()])) as running:
        yield running


@pytest.fixture
def proxy(cloud: Emulator) -> Iterator[Proxy]:
    """A proxy that asks for a password, and whose tunnels end at the emulator."""
    with proxy_to(int(cloud.url.rpartition(":")[2]), user=USER, password=PASSWORD) as running:
        yield running


def settings(cloud: Emulator, proxy: Proxy, *, password: str = PASSWORD) -> dict[str, str]:
    """Of a service that can reach nothing but the proxy."""
    return {
        **pointed_at(cloud),
        "ENTRAID_AUTHORITY_URL": f"https://{LOGIN}",
        "ENTRAID_GRAPH_URL": f"https://{GRAPH}/v1.0",
        "ENTRAID_PROXY": f"http://{USER}:{password.replace(':', '%3A')}@127.0.0.1:{proxy.port}",
    }


def test_entra_and_graph_are_reached_through_the_one_proxy(cloud: Emulator, proxy: Proxy, tmp_path: Path) -> None:
    """Its password is sent to it, from the same setting for both, and is in no log."""
    with serving(tmp_path, settings(cloud, proxy)) as service:
        connect(service, connect_request(cloud, "main"))
        sync(service, "connections/main")
    assert {LOGIN, GRAPH} == set(proxy.asked)
    assert PASSWORD not in service.log()


def test_a_proxy_that_lets_nobody_in_is_named(cloud: Emulator, proxy: Proxy, tmp_path: Path) -> None:
    """As the cause, without the password that it refused."""
    with serving(tmp_path, settings(cloud, proxy, password="canary-wrong")) as service:
        refusal = service.refused("ConnectionService/Connect", connect_request(cloud, "main"))
    assert proxy.refused
    assert "check the proxy's address and credentials" in refusal.text
    assert "canary" not in refusal.text + service.log()
