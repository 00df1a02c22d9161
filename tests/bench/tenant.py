"""The tenant that the benchmark asks about, written straight into a store and kept between runs.

300,000 users, 50,000 groups, 3 million memberships. Whom is asked about follows Zipf's law: few are asked about all the
time, most hardly ever. What is asked are access flows of three leaves.
"""

import asyncio
import random
import sys
import uuid
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path

from entraid.v1 import access_service_pb2 as pb
from entraid_service.model.connection import Connection, ConnectionState
from entraid_service.model.directory import CORE_ATTRIBUTES, Group, MemberKind, Membership, User
from entraid_service.model.ids import ConnectionId, GroupId, SyncRunId, TenantId, UserId
from entraid_service.model.scope import Scope
from entraid_service.model.syncrun import RunState, SyncMode, SyncRun
from entraid_service.ports.store import SealedCredential
from entraid_service.store.migrate import migrate
from entraid_service.store.sqlite import SqliteStore

CONNECTION = "bench"
USERS = 300_000
GROUPS = 50_000
GROUPS_PER_USER = 10
FLOWS = 40
_DEPARTMENTS = ("Sales", "Finance", "Engineering", "Legal", "Support", "Marketing", "Research", "Facilities")
_COUNTRIES = ("DE", "FR", "US", "IN", "BR", "JP")
_CHUNK = 10_000
_NESTED_EVERY = 10
_STRIDE, _FIRST_USER, _IDS = 0x9E3779B97F4A7C15F39CC0605CEDC835, 0x1234, 2**128


def user_id(number: int) -> str:
    """The object id of a user: in no order, as Entra's are."""
    return str(uuid.UUID(int=(number * _STRIDE + _FIRST_USER) % _IDS))


def user_number(object_id: str) -> int:
    """The number of the user with this object id."""
    return (uuid.UUID(object_id).int - _FIRST_USER) * pow(_STRIDE, -1, _IDS) % _IDS


def group_id(number: int) -> str:
    """The same of a group."""
    return str(uuid.UUID(int=(number * _STRIDE + 0x4321_0000) % _IDS))


def subjects(count: int, *, seed: int) -> list[int]:
    """Numbers of users, drawn by Zipf's law with exponent 1."""
    draw = random.Random(seed)  # noqa: S311 - a load, no secret
    ranks = list(accumulate(1 / rank for rank in range(1, USERS + 1)))
    return [bisect(ranks, draw.random() * ranks[-1]) for _ in range(count)]


def conditions() -> list[pb.Condition]:
    """Access flows of three leaves each, some of which hold for somebody."""
    return [_condition(number) for number in range(FLOWS)]


def questions(count: int, *, seed: int) -> list[tuple[int, int]]:
    """Who is asked about and for which of the flows, by their numbers."""
    draw = random.Random(seed)  # noqa: S311 - a load, no secret
    return [(subject, draw.choice(range(FLOWS))) for subject in subjects(count, seed=seed)]


def request(user: int, condition: pb.Condition) -> pb.EvaluateAccessRequest:
    """A question as callers ask it."""
    return pb.EvaluateAccessRequest(user=f"connections/{CONNECTION}/users/{user_id(user)}", condition=condition)


def requests(count: int, *, seed: int) -> list[pb.EvaluateAccessRequest]:
    """The same questions as callers ask them."""
    flows = conditions()
    return [request(user, flows[flow]) for user, flow in questions(count, seed=seed)]


def cold_requests(count: int, *, seed: int) -> list[pb.EvaluateAccessRequest]:
    """Questions about users whom Zipf's law hardly ever draws, each of them once."""
    draw = random.Random(seed)  # noqa: S311 - a load, no secret
    flows = conditions()
    return [request(number, draw.choice(flows)) for number in draw.sample(range(USERS // 2, USERS), count)]


def _condition(number: int) -> pb.Condition:
    department, country = _DEPARTMENTS[number % len(_DEPARTMENTS)], _COUNTRIES[number % len(_COUNTRIES)]
    names = [group_name(number * 7 + step) for step in range(3)]
    leaves = [
        pb.Condition(group=pb.GroupCondition(operator=pb.MATCH_OPERATOR_IS, values=names)),
        pb.Condition(
            attribute=pb.AttributeCondition(
                attribute="department", operator=pb.MATCH_OPERATOR_IS, values=[department, "Board"]
            )
        ),
        pb.Condition(
            attribute=pb.AttributeCondition(attribute="country", operator=pb.MATCH_OPERATOR_IS_NOT, values=[country])
        ),
    ]
    joined = pb.ConditionList(conditions=leaves)
    return pb.Condition(any_of=joined) if number % 2 else pb.Condition(all_of=joined)


def kept(folder: Path) -> Path:
    """The store with the tenant, built into this folder the first time, and brought up to date since."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tenant.db"
    if not path.exists():
        print("building the tenant, once", file=sys.stderr)  # noqa: T201 - it takes a while
        draft = folder / "new.db"
        for left in folder.glob("new.db*"):
            left.unlink()
        asyncio.run(build(draft))
        draft.rename(path)
    asyncio.run(migrate(path))
    return path


async def build(path: Path) -> None:
    """Writes the tenant; takes a minute or two."""
    now = datetime.now(UTC)
    connection = Connection(
        id=ConnectionId(CONNECTION),
        uid=str(uuid.uuid4()),
        display_name="Benchmark",
        tenant_id=TenantId(str(uuid.uuid4())),
        client_id=str(uuid.uuid4()),
        state=ConnectionState.ACTIVE,
        create_time=now,
        update_time=now,
    )
    run = SyncRun(
        id=SyncRunId("bench-1"),
        connection_id=connection.id,
        mode=SyncMode.FULL,
        state=RunState.RUNNING,
        create_time=now,
    )
    async with SqliteStore.open(path) as store:
        await store.connections.create(connection, SealedCredential("client_secret", b"never opened"))
        await store.runs.start(run)
        staging = await store.directory.begin(connection)
        for users in _chunks(range(USERS)):
            await staging.put_users([user(number) for number in users])
        for chunk in _chunks(range(GROUPS)):
            await staging.put_groups([Group(GroupId(group_id(number)), group_name(number)) for number in chunk])
            await staging.put_memberships(list(_nesting(chunk)))
        for users in _chunks(range(USERS)):
            await staging.put_memberships(list(_edges(users)))
            await store.runs.save(run)
        ended = replace(run, state=RunState.SUCCEEDED, start_time=now, end_time=datetime.now(UTC))
        attributes = frozenset({*CORE_ATTRIBUTES, "department", "jobTitle", "country"})
        await staging.commit(ended, sync_time=now, scope=Scope(attributes=attributes, is_whole_directory=True))
        await store.directory.clean_up()


def user(number: int) -> User:
    """One user as the store has him."""
    name = f"person{number}@bench.example"
    return User(
        UserId(user_id(number)),
        {
            "displayName": f"Person {number}",
            "userPrincipalName": name,
            "mail": name,
            "accountEnabled": number % 50 != 0,
            "userType": "Guest" if number % 20 == 0 else "Member",
            "department": _DEPARTMENTS[number // 3 % len(_DEPARTMENTS)],
            "jobTitle": f"Title {number % 400}",
            "country": _COUNTRIES[number // 5 % len(_COUNTRIES)],
        },
        UserId(user_id(number // 8)) if number else None,
    )


def groups(number: int) -> list[int]:
    """The numbers of all groups that a user is in, those that he is in through other groups last."""
    found = dict.fromkeys(_direct_groups(number))
    inner = list(found)
    while inner:
        inner = [group // _NESTED_EVERY for group in inner if _is_nested(group)]
        found |= dict.fromkeys(inner)
    return list(found)


def group_name(number: int) -> str:
    """The display name of a group, which no other one has."""
    return f"Group {number}"


def _direct_groups(number: int) -> list[int]:
    draw = random.Random(number)  # noqa: S311 - a made-up tenant
    return draw.sample(range(GROUPS), GROUPS_PER_USER)


def _is_nested(group: int) -> bool:
    return group > 0 and group % _NESTED_EVERY == 0


def _edges(users: Sequence[int]) -> Iterator[Membership]:
    for number in users:
        for group in _direct_groups(number):
            yield Membership(GroupId(group_id(group)), user_id(number), MemberKind.USER)


def _nesting(groups: Sequence[int]) -> Iterator[Membership]:
    for number in groups:
        if _is_nested(number):
            parent = GroupId(group_id(number // _NESTED_EVERY))
            yield Membership(parent, group_id(number), MemberKind.GROUP)


def _chunks(numbers: range) -> Iterator[range]:
    for start in range(0, len(numbers), _CHUNK):
        yield numbers[start : start + _CHUNK]


if __name__ == "__main__":
    asyncio.run(build(Path(sys.argv[1])))
