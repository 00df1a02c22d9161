"""Made-up connections, people and groups, and the one way in which the tests read a tenant whole."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import NamedTuple
from uuid import UUID

from entraid_service.errors import EntraidError
from entraid_service.model.changes import FeedLinks
from entraid_service.model.connection import Connection, ConnectionState
from entraid_service.model.directory import Group, MemberKind, Membership, User
from entraid_service.model.ids import ConnectionId, GroupId, SyncRunId, TenantId, UserId
from entraid_service.model.keys import decode_id, keys_in
from entraid_service.model.scope import GroupResolution, ResolutionState, Scope
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.model.syncrun import RunState, SyncMode, SyncRun
from entraid_service.ports.decisions import UserRecord
from entraid_service.ports.store import DirectoryStore, Staging
from store.contract import Store

NOW = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
SCOPE = Scope(
    attributes=frozenset({"displayName", "mail"}),
    is_whole_directory=False,
    resolutions=(GroupResolution("Sales", ResolutionState.RESOLVED, (GroupId("g-1"),)),),
)


def guid(number: int) -> str:
    """A GUID whose order is that of the number."""
    return str(UUID(int=number))


def connection(name: str = "contoso", **changes: str) -> Connection:
    """A connection as `connect` would make it."""
    return Connection(
        id=ConnectionId(name),
        uid=changes.get("uid", f"uid-{name}"),
        display_name=changes.get("display_name", name.title()),
        tenant_id=TenantId(changes.get("tenant_id", guid(1))),
        client_id=guid(2),
        state=ConnectionState.ACTIVE,
        create_time=NOW,
        update_time=NOW,
    )


def run(connection_id: str, name: str = "r-1", *, minutes: int = 0, request_id: str = "") -> SyncRun:
    """A run that was just started."""
    return SyncRun(
        id=SyncRunId(name),
        connection_id=ConnectionId(connection_id),
        mode=SyncMode.FULL,
        state=RunState.RUNNING,
        create_time=NOW + timedelta(minutes=minutes),
        request_id=request_id,
    )


def person(number: int, name: str = "", **attributes: str | bool | list[str | bool | int | float]) -> User:
    """A user with the id of a number."""
    upn = f"{name or f'user{number}'}@contoso.com"
    return User(UserId(guid(number)), {"userPrincipalName": upn, "accountEnabled": True, **attributes})


def people(*numbers: int) -> list[User]:
    """Users with the ids of these numbers."""
    return [person(number) for number in numbers]


def group(number: int, name: str = "") -> Group:
    """A group with the id of a number."""
    return Group(GroupId(guid(number)), name or f"Group {number}")


def edge(group_number: int, member: int, kind: MemberKind = MemberKind.USER) -> Membership:
    """A direct membership."""
    return Membership(GroupId(guid(group_number)), guid(member), kind)


@asynccontextmanager
async def running(store: Store, connection_id: str) -> AsyncIterator[SyncRun]:
    """A run that holds its lease; failed, if the block is left by an error while it still runs."""
    begun = await store.runs.start(run(connection_id, f"run-{token_hex(8)}"))
    try:
        yield begun
    except BaseException:
        with suppress(EntraidError):
            await store.runs.save(replace(begun, state=RunState.FAILED))
        raise


async def commit(
    store: Store, staging: Staging, connection_id: str = "contoso", *, links: FeedLinks | None = None
) -> SnapshotVersion:
    """Serves what was staged, by a run of its own."""
    async with running(store, connection_id) as begun:
        return await staging.commit(ended(begun), sync_time=NOW, scope=SCOPE, links=links)


def ended(begun: SyncRun) -> SyncRun:
    """The run, as it is once it succeeded."""
    return replace(begun, state=RunState.SUCCEEDED)


@dataclass(frozen=True, slots=True)
class Tenant:
    """What a complete read finds."""

    users: Sequence[User] = ()
    groups: Sequence[Group] = ()
    edges: Sequence[Membership] = field(default_factory=tuple)

    async def stage(self, directory: DirectoryStore, owner: Connection) -> Staging:
        """Reads all of it, without a commit."""
        staging = await directory.begin(owner)
        await staging.put_users(self.users)
        await staging.put_groups(self.groups)
        await staging.put_memberships(self.edges)
        return staging

    async def sync(self, store: Store, owner: Connection) -> SnapshotVersion:
        """Reads and serves all of it."""
        version = await commit(store, await self.stage(store.directory, owner), owner.id)
        await store.directory.clean_up()
        return version


class Known(NamedTuple):
    """What decisions are told of a user."""

    user: User
    direct_groups: frozenset[GroupId]


def known(record: UserRecord | None) -> Known | None:
    """A record, unpacked."""
    if record is None:
        return None
    return Known(record.user, frozenset(GroupId(decode_id(key)) for key in keys_in(record.direct_groups)))
