"""Tokens for Graph are Graph's to read: an app whose tokens tell nothing is found out about by what it may read."""

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from entraid_service.connect.proof import Proof, Prover
from entraid_service.errors import PermissionMissing
from entraid_service.graph import MicrosoftGraph
from entraid_service.model.connection import ClientSecret, Connection, ConnectionState
from entraid_service.model.ids import ConnectionId, TenantId
from entraid_service.model.permissions import Grant, permission_statuses
from entraid_service.model.secret import Secret
from graph.cloud import CLIENT, TENANT, FastTimer, ScriptedCloud, graph_error, page

USUAL = ("displayName",)
NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
async def cloud(tls: tuple[ssl.SSLContext, Path]) -> AsyncIterator[ScriptedCloud]:
    """A cloud whose tokens are opaque."""
    async with ScriptedCloud(*tls) as running:
        running.on(r"/users\?", page({"id": "u-1", "accountEnabled": True}))
        running.on(r"/members", page())
        yield running


async def proved(cloud: ScriptedCloud) -> Proof:
    """What a proof of an app there finds."""
    graph = MicrosoftGraph(base_url=f"{cloud.url}/v1.0", ca_bundle=cloud.ca_file, timer=FastTimer())
    prover = Prover(authority=cloud.authority(), graph=graph, attributes=USUAL)
    try:
        return await prover.prove(TenantId(TENANT), client_id=CLIENT, credential=ClientSecret(Secret("x")))
    finally:
        await graph.close()


async def test_an_opaque_token_connects_by_what_it_reads(cloud: ScriptedCloud) -> None:
    """What was read is granted, what was not tried is not known, and nothing is said to be missing."""
    cloud.on(r"/groups\?", page({"id": "g-1", "displayName": "G"}))
    proof = await proved(cloud)
    assert proof == Proof((), (), None)
    active = Connection(
        id=ConnectionId("main"),
        uid="uid",
        display_name="",
        tenant_id=TenantId(TENANT),
        client_id=CLIENT,
        state=ConnectionState.ACTIVE,
        create_time=NOW,
        update_time=NOW,
        granted_permissions=proof.granted_permissions,
        missing_permissions=proof.missing_permissions,
    )
    grants = {one.permission.name: one.grant for one in permission_statuses(active, USUAL)}
    assert grants == {
        "User.Read.All": Grant.GRANTED,
        "GroupMember.Read.All": Grant.GRANTED,
        "Member.Read.Hidden": Grant.UNKNOWN,
    }


async def test_an_opaque_token_that_may_not_read_is_refused_by_name(cloud: ScriptedCloud) -> None:
    """With what the permission is for."""
    cloud.on(r"/groups\?", graph_error(403, "Authorization_RequestDenied"))
    with pytest.raises(PermissionMissing, match="reads groups and who is in them") as caught:
        await proved(cloud)
    assert caught.value.missing == ("GroupMember.Read.All",)
