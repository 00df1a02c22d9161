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
from entraid_service.store.sqlite import SqliteStore

CONNECTION = "bench"
USERS = 300_000
GROUPS = 50_000
GROUPS_PER_USER = 10
_DEPARTMENTS = ("Sales", "Finance", "Engineering", "Legal", "Support", "Marketing", "Research", "Facilities")
_COUNTRIES = ("DE", "FR", "US", "IN", "BR", "JP")
_CHUNK = 10_000
_FLOWS = 40
_NESTED_EVERY = 10


def user_id(number: int) -> str:
    """The object id of a user: in no order, as Entra's are."""
    return str(uuid.UUID(int=(number * 0x9E3779B97F4A7C15F39CC0605CEDC835 + 0x1234) % 2**128))


def group_id(number: int) -> str:
    """The same of a group."""
    return str(uuid.UUID(int=(number * 0x9E3779B97F4A7C15F39CC0605CEDC835 + 0x4321_0000) % 2**128))


def subjects(count: int, *, seed: int) -> list[str]:
    """Object ids of users, drawn by Zipf's law with exponent 1."""
    draw = random.Random(seed)  # noqa: S311 - a load, no secret
    ranks = list(accumulate(1 / rank for rank in range(1, USERS + 1)))
    return [user_id(bisect(ranks, draw.random() * ranks[-1])) for _ in range(count)]


def conditions() -> list[pb.Condition]:
    """Access flows of three leaves each, some of which hold for somebody."""
    return [_condition(number) for number in range(_FLOWS)]


def requests(count: int, *, seed: int) -> list[pb.EvaluateAccessRequest]:
    """Questions as callers ask them."""
    draw = random.Random(seed)  # noqa: S311 - a load, no secret
    flows = conditions()
    return [
        pb.EvaluateAccessRequest(user=f"connections/{CONNECTION}/users/{subject}", condition=draw.choice(flows))
        for subject in subjects(count, seed=seed)
    ]


def cold_requests(count: int, *, seed: int) -> list[pb.EvaluateAccessRequest]:
    """Questions about users whom Zipf's law hardly ever draws, each of them once."""
    draw = random.Random(seed)  # noqa: S311 - a load, no secret
    flows = conditions()
    return [
        pb.EvaluateAccessRequest(user=f"connections/{CONNECTION}/users/{user_id(number)}", condition=draw.choice(flows))
        for number in draw.sample(range(USERS // 2, USERS), count)
    ]


def _condition(number: int) -> pb.Condition:
    department, country = _DEPARTMENTS[number % len(_DEPARTMENTS)], _COUNTRIES[number % len(_COUNTRIES)]
    groups = [f"Group {number * 7 + step}" for step in range(3)]
    leaves = [
        pb.Condition(group=pb.GroupCondition(operator=pb.MATCH_OPERATOR_IS, values=groups)),
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
            await staging.put_users([_user(number) for number in users])
        for groups in _chunks(range(GROUPS)):
            await staging.put_groups([Group(GroupId(group_id(number)), f"Group {number}") for number in groups])
            await staging.put_memberships(list(_nesting(groups)))
        for users in _chunks(range(USERS)):
            await staging.put_memberships(list(_edges(users)))
            await store.runs.save(run)
        ended = replace(run, state=RunState.SUCCEEDED, start_time=now, end_time=datetime.now(UTC))
        attributes = frozenset({*CORE_ATTRIBUTES, "department", "jobTitle", "country"})
        await staging.commit(ended, sync_time=now, scope=Scope(attributes=attributes, is_whole_directory=True))
        await store.directory.clean_up()


def _user(number: int) -> User:
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


def _edges(users: Sequence[int]) -> Iterator[Membership]:
    for number in users:
        draw = random.Random(number)  # noqa: S311 - a made-up tenant
        for group in draw.sample(range(GROUPS), GROUPS_PER_USER):
            yield Membership(GroupId(group_id(group)), user_id(number), MemberKind.USER)


def _nesting(groups: Sequence[int]) -> Iterator[Membership]:
    for number in groups:
        if number and number % _NESTED_EVERY == 0:
            parent = GroupId(group_id(number // _NESTED_EVERY))
            yield Membership(parent, group_id(number), MemberKind.GROUP)


def _chunks(numbers: range) -> Iterator[range]:
    for start in range(0, len(numbers), _CHUNK):
        yield numbers[start : start + _CHUNK]


if __name__ == "__main__":
    asyncio.run(build(Path(sys.argv[1])))
