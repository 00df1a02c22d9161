import asyncio
import os
import random
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass

import pytest

from consent.conftest import admin_of, consent_settings
from consent.visitor import Visitor
from e2e.harness import serving
from entraid.v1.access_service_pb2 import DECISION_ALLOW, REASON_CODE_USER_NOT_FOUND
from entraid_client import EntraidClient, conditions
from entraid_client.authorization import ClientSecret, ConsentByAdministrator, Secret
from entraid_client.errors import SyncInProgress
from entraid_emulator import Emulator, default_app, generated, in_background, multi_tenant_app

CALLS = int(os.environ.get("ISOLATION_CALLS", "600"))
"""The long run is ISOLATION_CALLS=10000."""

CONNECTIONS = 50
SEEDS = (11, 12, 13)
USERS = 25


@dataclass(frozen=True, slots=True)
class Cloud:
    """An emulator of three tenants, and a service of its own."""

    emulator: Emulator
    target: str


@dataclass(frozen=True, slots=True)
class Linked:
    """A connection, with what only its tenant has."""

    client: EntraidClient
    name: str
    domain: str
    tenant_id: str


@pytest.fixture(scope="module")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Cloud]]:
    """Two clouds that know nothing of each other."""
    with ExitStack() as stack:
        made = []
        for cloud in (0, 1):
            folder = tmp_path_factory.mktemp(f"cloud{cloud}")
            tenants = [generated(users=USERS, groups=5, seed=seed + 100 * cloud) for seed in SEEDS]
            own, theirs = multi_tenant_app("http://localhost/connect/callback"), default_app()
            for tenant in tenants:
                theirs.grant(tenant.tenant_id)
            emulator = stack.enter_context(
                in_background(Emulator(tenants, apps=[own, theirs], ca_file=folder / "ca.pem"))
            )
            settings = {**consent_settings(emulator), "ENTRAID_CLIENT_SECRET": own.client_secret.reveal()}
            service = stack.enter_context(serving(folder, settings))
            made.append(Cloud(emulator, service.target))
        yield made


async def test_nothing_crosses_between_connections(clouds: list[Cloud]) -> None:
    """50 connections to six tenants of two clouds, by consent and credentials, while they sync and decide at once."""
    rng = random.Random(5)  # noqa: S311 - a script, no secret
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(EntraidClient(cloud.target)) for cloud in clouds]
        linked = await asyncio.gather(
            *(link(clouds[n % 2], clients[n % 2], number=n, rng=rng) for n in range(CONNECTIONS))
        )
        await asyncio.gather(*(read_all(one) for one in linked))
        limit = asyncio.Semaphore(16)

        async def limited() -> None:
            mine, other = rng.sample(linked, 2)
            async with limit:
                await call(mine, other, kind=rng.randrange(20))

        await asyncio.gather(*(limited() for _ in range(CALLS)))


async def link(cloud: Cloud, client: EntraidClient, *, number: int, rng: random.Random) -> Linked:
    """A connection to some tenant; each fifth one by consent."""
    tenant = rng.choice(cloud.emulator.tenants)
    name = f"c{number}"
    if number % 10 < 2:
        answer = await client.connect(ConsentByAdministrator(), connection_id=name)
        visitor = Visitor(str(cloud.emulator.ca_file))
        admin = admin_of(tenant)
        last = await asyncio.to_thread(visitor.to_last_answer, answer.pending_consent.consent_uri, admin)
        shown = await asyncio.to_thread(visitor.open, last)
        assert shown.status == 303, shown.text
    else:
        app = cloud.emulator.apps[1]
        secret = ClientSecret(app.client_id, Secret(app.client_secret.reveal()))
        await client.connect(secret, tenant=tenant.tenant_id, connection_id=name)
    return Linked(client, name, tenant.domains[0], tenant.tenant_id)


async def read_all(one: Linked) -> None:
    """A first sync, whoever starts it."""
    with suppress(SyncInProgress):
        await one.client.sync(one.name)
    async for run in one.client.list_sync_runs(one.name):
        async for _ in one.client.watch_sync_run(run.name):
            pass
        return


async def call(mine: Linked, other: Linked, *, kind: int) -> None:
    """One call; what it shows has to be of its own tenant."""
    if kind == 0:
        with suppress(SyncInProgress):
            await mine.client.sync(mine.name)
    elif kind < 4:
        names = [user.user_principal_name async for user in mine.client.list_users(mine.name)]
        assert len(names) == USERS
        assert all(name.endswith(f"@{mine.domain}") for name in names), (mine.domain, names)
    elif kind < 6:
        assert (await mine.client.get_connection(mine.name)).tenant_id == mine.tenant_id
    else:
        await decide(mine, other)


async def decide(mine: Linked, other: Linked) -> None:
    """A person of this tenant is found, one of another tenant is not."""
    people = [user async for user in mine.client.list_users(mine.name) if user.account_enabled]
    person = people[0]
    allowed = await mine.client.evaluate_access(
        person.object_id, conditions.user(person.object_id), connection=mine.name
    )
    assert allowed.decision == DECISION_ALLOW
    if other.domain != mine.domain:
        theirs = await anext(other.client.list_users(other.name))
        for name in (theirs.object_id, theirs.user_principal_name):
            denied = await mine.client.evaluate_access(name, conditions.user(name), connection=mine.name)
            assert [reason.code for reason in denied.reasons] == [REASON_CODE_USER_NOT_FOUND]
