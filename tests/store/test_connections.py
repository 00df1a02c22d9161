from dataclasses import replace
from datetime import timedelta

import pytest

from entraid_service.errors import ConnectionExists, DirectoryNotSynced, EtagMismatch, ResourceNotFound
from entraid_service.model.connection import ConnectionState
from entraid_service.model.ids import ConnectionId, SyncRunId
from entraid_service.model.report import ErrorReason, ErrorReport
from entraid_service.ports.store import SealedCredential
from store.contract import Store
from store.tenants import NOW, Tenant, connection, ended, group, people, run

SEALED = SealedCredential("client_secret", b"\x00sealed\xff")


async def test_a_connection_comes_back_as_it_was_made(store: Store) -> None:
    """Every field survives the way to disk, times to the microsecond."""
    made = replace(
        connection(),
        groups_to_sync=("Sales, EMEA", "İstanbul"),
        granted_permissions=("User.Read.All",),
        missing_permissions=("GroupMember.Read.All",),
        credential_expire_time=NOW + timedelta(days=3, microseconds=1),
        last_error=ErrorReport("UNAVAILABLE", "no answer", ErrorReason.GRAPH_UNAVAILABLE, {"request_id": "7"}),
    )
    await store.connections.create(made, SEALED)
    assert await store.connections.get(made.id) == made
    assert await store.connections.credential(made.id) == SEALED


async def test_a_taken_id_is_refused_and_changes_nothing(store: Store) -> None:
    """A second connection of one name leaves settings and credential of the first."""
    await store.connections.create(connection(), SEALED)
    with pytest.raises(ConnectionExists):
        await store.connections.create(connection(uid="other"), SealedCredential("federated"))
    assert await store.connections.get(ConnectionId("contoso")) == connection()
    assert await store.connections.credential(ConnectionId("contoso")) == SEALED


async def test_replacing_asks_for_the_version_and_the_same_connection(store: Store) -> None:
    """A stale version, and a connection that took the name of a deleted one, are not overwritten."""
    await store.connections.create(connection(), SEALED)
    changed = replace(connection(), display_name="New", version=2)
    await store.connections.replace(changed, None, expected_version=1)
    assert await store.connections.get(changed.id) == changed
    assert await store.connections.credential(changed.id) == SEALED
    with pytest.raises(EtagMismatch):
        await store.connections.replace(changed, None, expected_version=1)
    with pytest.raises(ResourceNotFound):
        await store.connections.replace(replace(changed, uid="other"), None, expected_version=2)
    with pytest.raises(ResourceNotFound):
        await store.connections.replace(connection("fabrikam"), None, expected_version=1)


async def test_a_new_credential_replaces_the_former_one(store: Store) -> None:
    """Re-authorizing keeps one credential only."""
    await store.connections.create(connection(), SEALED)
    await store.connections.replace(
        replace(connection(), version=2), SealedCredential("certificate", b"pem"), expected_version=1
    )
    assert await store.connections.credential(ConnectionId("contoso")) == SealedCredential("certificate", b"pem")


async def test_health_moves_neither_version_nor_settings(store: Store) -> None:
    """What a sync notes does not make a caller's etag stale, and what it leaves out stays."""
    made = replace(connection(), granted_permissions=("User.Read.All",))
    await store.connections.create(made, None)
    error = ErrorReport("FAILED_PRECONDITION", "rejected", ErrorReason.CREDENTIALS_REJECTED)
    await store.connections.set_health(
        made.id, state=ConnectionState.DEGRADED, last_error=error, missing_permissions=("Group.Read.All",)
    )
    assert await store.connections.get(made.id) == replace(
        made, state=ConnectionState.DEGRADED, last_error=error, missing_permissions=("Group.Read.All",)
    )
    await store.connections.set_health(ConnectionId("gone"), state=ConnectionState.ACTIVE, last_error=None)
    assert [found.id for found in await store.connections.page(after=None, limit=9)] == [made.id]


async def test_connections_are_paged_by_id(store: Store) -> None:
    """Pages join to all of them in order, and an id differs by its case."""
    for name in ("b", "a", "C", "c"):
        await store.connections.create(connection(name), None)
    first = await store.connections.page(after=None, limit=3)
    rest = await store.connections.page(after=first[-1].id, limit=3)
    assert [found.id for found in (*first, *rest)] == ["C", "a", "b", "c"]


async def test_what_is_not_there_is_not_found(store: Store) -> None:
    """Each read of an unknown connection says so."""
    gone = ConnectionId("gone")
    for call in (store.connections.get(gone), store.connections.credential(gone), store.connections.delete(gone)):
        with pytest.raises(ResourceNotFound, match="`connections/gone`"):
            await call


async def test_deleting_takes_everything_of_this_connection_and_nothing_of_another(store: Store) -> None:
    """Directory, runs and credential go; a connection of the same name starts from nothing, with a higher revision."""
    tenant = Tenant(people(1, 2), [group(8)])
    for owner in (connection(), connection("fabrikam")):
        await store.connections.create(owner, SEALED)
        await store.runs.start(ended(run(owner.id)))
        await tenant.sync(store, owner)
    former = await store.lists.version(ConnectionId("contoso"))
    with pytest.raises(EtagMismatch):
        await store.connections.delete(ConnectionId("contoso"), expected_version=7)
    await store.connections.delete(ConnectionId("contoso"), expected_version=1)
    await store.connections.create(connection(uid="new"), None)

    with pytest.raises(DirectoryNotSynced):
        await store.lists.version(ConnectionId("contoso"))
    with pytest.raises(ResourceNotFound):
        await store.runs.get(ConnectionId("contoso"), SyncRunId("r-1"))
    assert await store.connections.credential(ConnectionId("contoso")) is None
    assert len((await store.lists.users(ConnectionId("fabrikam"), after=None, limit=9)).items) == 2
    again = await tenant.sync(store, connection(uid="new"))
    assert again.revision > former.revision
    assert again.generation > former.generation
