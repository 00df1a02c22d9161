"""Snapshots over the real store: on disk, committed by a sync, seen after a refresh."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from entraid_service.errors import DirectoryNotSynced
from entraid_service.evaluate import compile_condition, decide
from entraid_service.model.changes import ChangeSet, FeedLinks
from entraid_service.model.conditions import GroupCondition, Operator
from entraid_service.model.connection import Connection, ConnectionState
from entraid_service.model.directory import CORE_ATTRIBUTES, Group, MemberKind, Membership, User
from entraid_service.model.ids import ConnectionId, GroupId, SyncRunId, TenantId, UserId
from entraid_service.model.scope import Scope
from entraid_service.model.syncrun import RunState, SyncMode, SyncRun
from entraid_service.snapshot.snapshot import Snapshot
from entraid_service.snapshot.snapshots import Snapshots
from entraid_service.store.sqlite import SqliteStore

CONTOSO = ConnectionId("contoso")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SCOPE = Scope(frozenset((*CORE_ATTRIBUTES, "otherMails", "proxyAddresses", "manager")))
ADA = UserId("aaaaaaaa-0000-4000-8000-000000000001")
OUTER, INNER = GroupId("bbbbbbbb-0000-4000-8000-000000000001"), GroupId("bbbbbbbb-0000-4000-8000-000000000002")
IN_OUTER = compile_condition(GroupCondition("condition.group", Operator.IS, ("Outer strasse",)))


def connection() -> Connection:
    """Contoso, connected."""
    return Connection(
        id=CONTOSO,
        uid="uid-1",
        display_name="Contoso",
        tenant_id=TenantId("cccccccc-0000-4000-8000-000000000001"),
        client_id="dddddddd-0000-4000-8000-000000000001",
        state=ConnectionState.ACTIVE,
        create_time=NOON,
        update_time=NOON,
    )


async def commit(store: SqliteStore, run_id: str, *, memberships: list[Membership], name: str) -> None:
    """A full sync that found Ada, two nested groups, and these memberships."""
    at = NOON + timedelta(minutes=int(run_id))
    run = await store.runs.start(SyncRun(SyncRunId(run_id), CONTOSO, SyncMode.FULL, RunState.RUNNING, at))
    staging = await store.directory.begin(connection())
    ada = User(
        ADA, {"userPrincipalName": "Ada@contoso.example", "mail": "ada.l@contoso.example", "accountEnabled": True}
    )
    await staging.put_users([ada])
    await staging.put_groups([Group(OUTER, name), Group(INNER, "Inner")])
    await staging.put_memberships(memberships)
    await staging.commit(replace(run, state=RunState.SUCCEEDED, end_time=at), sync_time=at, scope=SCOPE)


async def test_decisions_follow_the_commits_of_the_store(tmp_path: Path) -> None:
    """Ada is allowed through nested groups, until a sync commits that she is out."""
    nested = Membership(OUTER, INNER, MemberKind.GROUP)
    async with SqliteStore.open(tmp_path / "entraid.db") as store:
        await store.connections.create(connection(), None)
        snapshots = Snapshots(store.views)
        with pytest.raises(DirectoryNotSynced):
            await snapshots.get(CONTOSO)

        await commit(store, "1", memberships=[nested, Membership(INNER, ADA, MemberKind.USER)], name="Outer STRASSE")
        first = await snapshots.get(CONTOSO)
        for name in (ADA, ADA.upper(), "ada@CONTOSO.example", "Ada.L@contoso.example"):
            decision = decide(first, IN_OUTER, name, explain=True)
            assert decision.is_allowed
            assert decision.trace is not None
            assert decision.trace.group_path == (INNER, OUTER)

        await commit(store, "2", memberships=[nested], name="Outer STRASSE")
        assert decide(first, IN_OUTER, ADA).is_allowed, "the loaded snapshot stands still"
        await snapshots.refresh(CONTOSO)
        second = snapshots.peek(CONTOSO)
        assert second is not None
        assert second.version.revision > first.version.revision
        assert not decide(second, IN_OUTER, ADA).is_allowed

        await snapshots.refresh(CONTOSO)
        assert snapshots.peek(CONTOSO) is second, "the same revision stays"
        assert not decide(second, IN_OUTER, "ada.l@contoso.example").is_allowed

        await store.connections.delete(CONTOSO)
        await snapshots.refresh(CONTOSO)
        assert snapshots.peek(CONTOSO) is None
        await snapshots.close()


async def test_groups_are_built_again_only_when_they_changed(tmp_path: Path) -> None:
    """Rounds that change people leave them as they are; one that changes their nesting is seen at once."""
    async with SqliteStore.open(tmp_path / "entraid.db") as store:
        await store.connections.create(connection(), None)
        snapshots = Snapshots(store.views)
        await commit(store, "1", memberships=[Membership(OUTER, INNER, MemberKind.GROUP)], name="Outer STRASSE")
        first = await snapshots.get(CONTOSO)
        assert not decide(first, IN_OUTER, ADA).is_allowed

        second = await after_round(store, snapshots, ChangeSet(added=[Membership(INNER, ADA, MemberKind.USER)]))
        assert second.groups is first.groups
        assert decide(second, IN_OUTER, ADA).is_allowed

        third = await after_round(store, snapshots, ChangeSet(removed=[(OUTER, INNER)]))
        assert third.groups is not second.groups
        assert not decide(third, IN_OUTER, ADA).is_allowed
        await snapshots.close()


async def after_round(store: SqliteStore, snapshots: Snapshots, changes: ChangeSet) -> Snapshot:
    """What is served once an incremental sync has applied these changes."""
    base = await store.lists.version(CONTOSO)
    at = base.sync_time + timedelta(minutes=2)
    run = SyncRun(SyncRunId(f"round-{base.revision}"), CONTOSO, SyncMode.INCREMENTAL, RunState.RUNNING, at)
    await store.runs.start(run)
    ended = replace(run, state=RunState.SUCCEEDED, end_time=at)
    links = FeedLinks("binding", "users", {})
    await store.directory.apply(base, changes, run=ended, sync_time=at, scope=base.scope, links=links)
    await snapshots.refresh(CONTOSO)
    snapshot = snapshots.peek(CONTOSO)
    assert snapshot is not None
    assert snapshot.version.revision > base.revision
    return snapshot
