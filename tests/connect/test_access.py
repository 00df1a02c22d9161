"""Which token a connection's tenant is read with: its own, by the credential that it has now."""

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from entraid_service.connect.access import TenantAccess
from entraid_service.connect.credentials import seal
from entraid_service.graph import MicrosoftGraph
from entraid_service.model.connection import ClientSecret, Connection
from entraid_service.model.secret import Secret
from entraid_service.oauth.keys import EncryptionKey
from entraid_service.oauth.secretbox import AesGcmSecretBox
from entraid_service.store import SqliteStore
from graph.cloud import TENANT, FastTimer, ScriptedCloud, jwt, page
from store.tenants import connection

BOX = AesGcmSecretBox([EncryptionKey(bytes(32))])


@dataclass(frozen=True, slots=True)
class Desk:
    """The way from connections to a scripted cloud, with a real store."""

    cloud: ScriptedCloud
    store: SqliteStore
    access: TenantAccess

    async def read(self, owner: Connection) -> str:
        """The token that Graph was asked with for a connection."""
        directory = await self.access.directory(owner)
        async for _ in directory.groups():
            pass
        return self.cloud.bearers[-1]

    def secrets(self) -> list[str]:
        """The secret of each token request."""
        return [sent["client_secret"] for sent in self.cloud.token_requests]


@pytest.fixture
async def desk(tls: tuple[ssl.SSLContext, Path], tmp_path: Path) -> AsyncIterator[Desk]:
    """A cloud with opaque tokens, and no connection yet."""
    async with ScriptedCloud(*tls) as cloud, SqliteStore.open(tmp_path / "store.db") as store:
        cloud.on(r"/groups\?", page())
        graph = MicrosoftGraph(base_url=f"{cloud.url}/v1.0", ca_bundle=cloud.ca_file, timer=FastTimer())
        access = TenantAccess(connections=store.connections, authority=cloud.authority(), graph=graph, box=BOX)
        yield Desk(cloud, store, access)
        await graph.close()


async def connected(desk: Desk, name: str, secret: str) -> Connection:
    """A connection with a secret of its own; all are of the same app and tenant."""
    owner = connection(name, tenant_id=TENANT)
    await desk.store.connections.create(owner, seal(ClientSecret(Secret(secret)), uid=owner.uid, box=BOX))
    return owner


async def test_each_connection_is_read_with_tokens_of_its_own(desk: Desk) -> None:
    """Also where app and tenant are the same; what was got once is used again."""
    one, two = await connected(desk, "one", "secret-1"), await connected(desk, "two", "secret-2")
    assert [await desk.read(owner) for owner in (one, two, one, two)] == ["opaque-1", "opaque-2"] * 2
    assert desk.secrets() == ["secret-1", "secret-2"]


async def test_a_new_credential_ends_the_use_of_the_old_ones_tokens(desk: Desk) -> None:
    """Connected again, the tenant is read with what the new credential gets, though the old token is still good."""
    former = await connected(desk, "one", "secret-1")
    assert await desk.read(former) == "opaque-1"
    renewed = replace(former, version=2)
    sealed = seal(ClientSecret(Secret("secret-2")), uid=former.uid, box=BOX)
    await desk.store.connections.replace(renewed, sealed, expected_version=1)
    assert await desk.read(renewed) == "opaque-2"
    assert desk.secrets() == ["secret-1", "secret-2"]


@pytest.mark.parametrize(
    ("former", "roles", "granted", "missing"),
    [
        ((), ["User.Read.All"], ("User.Read.All",), ("GroupMember.Read.All",)),
        (("User.Read.All",), [], (), ("User.Read.All", "GroupMember.Read.All")),
        ((), [], (), ()),
    ],
    ids=["one is missing", "all were revoked", "never told"],
)
async def test_what_the_token_of_the_moment_grants_is_kept(
    desk: Desk, former: tuple[str, ...], roles: list[str], granted: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    """An administrator may have granted or revoked something; a token that never told anything tells nothing now."""
    owner = replace(await connected(desk, "one", "secret-1"), granted_permissions=former, version=2)
    await desk.store.connections.replace(owner, None, expected_version=1)
    desk.cloud.tokens.append(jwt(roles=roles))
    await desk.access.directory(owner)
    found = await desk.store.connections.get(owner.id)
    assert (found.granted_permissions, found.missing_permissions) == (granted, missing)


async def test_tokens_of_the_longest_unused_connections_are_given_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many connections there are, memory is bounded; the next read asks for a token again."""
    monkeypatch.setattr("entraid_service.connect.access._KEPT_TOKEN_SOURCES", 2)
    one, two, three = [await connected(desk, name, name) for name in ("one", "two", "three")]
    for owner in (one, two, one, three, one, two):
        await desk.read(owner)
    assert desk.secrets() == ["one", "two", "three", "two"]
