"""A tenant of any size, computed: an object is made from its index when asked for, so 300,000 users cost no memory.

Equal `users`, `groups` and `seed` give the equal tenant. Shape: group 0 holds every user; the other groups are dealt
out in up to nine rounds, each of which puts every user into exactly one group, so that everybody has about ten
memberships and group sizes run from none to twice the mean. Group 10 n is nested in group n, several levels deep.
Person n reports to person n // 8; person 0 is the administrator. What is changed later lies on top, in `shelf` and
`directory`.
"""

import math
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from entraid_emulator.directory import Directory
from entraid_emulator.memberships import BaseMembers, ListedMembers
from entraid_emulator.objects import ObjectId, TenantId
from entraid_emulator.tenant import Tenant
from entraid_emulator.tenants.generated_objects import (
    DOMAIN,
    MAX_OBJECTS,
    GeneratedGroups,
    GeneratedUsers,
    guid_number,
    is_microsoft_365,
    mixed,
)

_ROUNDS = 9
_LEAST_GROUPS_PER_ROUND = 5
_NESTING = 10
_SPAN = 8  # people per manager


def generated(*, users: int, groups: int, seed: int = 0) -> Tenant:
    """A tenant of `users` people and `groups` groups.

    Raises:
        ValueError: a figure is negative or above 5,000,000.
    """
    for name, figure in (("users", users), ("groups", groups)):
        if not 0 <= figure <= MAX_OBJECTS:
            raise ValueError(f"`{name}` must be between 0 and {MAX_OBJECTS}, got `{figure}`")
    base = GeneratedBase(users=users, groups=groups, seed=seed)
    tenant_id = uuid.UUID(int=guid_number(mixed(seed, 1), mixed(seed, 2)))
    return Tenant(
        tenant_id=TenantId(str(tenant_id)),
        display_name=f"Generated {users}/{groups}/{seed}",
        domains=(f"s{seed}.{DOMAIN}",),
        directory=Directory(base),
        administrators={base.users.id_at(0)} if users else set(),
    )


@dataclass(frozen=True, slots=True)
class Share(Sequence[ObjectId]):
    """The members of one group: a stretch of one round's permutation of the users, then a nested group.

    Attributes:
        users: for their ids.
        start: where the stretch begins.
        size: how many users it has.
        factor: of the permutation `i -> (i * factor + offset) mod users`.
        offset: of the same.
        nested: the nested group, if there is one.
    """

    users: GeneratedUsers
    start: int
    size: int
    factor: int
    offset: int
    nested: ObjectId | None

    def __len__(self) -> int:
        return self.size + (self.nested is not None)

    @overload
    def __getitem__(self, index: int) -> ObjectId: ...
    @overload
    def __getitem__(self, index: slice) -> list[ObjectId]: ...
    def __getitem__(self, index: int | slice) -> ObjectId | list[ObjectId]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        if index < 0 or index >= len(self):
            raise IndexError(index)
        if index == self.size and self.nested is not None:
            return self.nested
        return self.users.id_at(((self.start + index) * self.factor + self.offset) % len(self.users))

    def place_of(self, member: ObjectId) -> int | None:
        """Where a member stands: the permutation backwards."""
        if member == self.nested:
            return self.size
        user = self.users.index_of(member)
        if user is None:
            return None
        place = _permuted_back(user, factor=self.factor, offset=self.offset, size=len(self.users)) - self.start
        return place if 0 <= place < self.size else None


class GeneratedBase:
    """Users, groups, memberships and managers of a generated tenant."""

    def __init__(self, *, users: int, groups: int, seed: int) -> None:
        self.users = GeneratedUsers(users, seed)
        self.groups = GeneratedGroups(groups, seed)
        self._rounds = max(1, min(_ROUNDS, (groups - 1) // _LEAST_GROUPS_PER_ROUND))
        self._factors = [_coprime(mixed(seed, 100 + turn), users) for turn in range(self._rounds + 1)]
        self._offsets = [mixed(seed, 200 + turn) % max(1, users) for turn in range(self._rounds + 1)]

    def members_of(self, group: ObjectId) -> BaseMembers:
        """The members of a group."""
        index = self.groups.index_of(group)
        if index is None:
            return ListedMembers()
        turn, start, end = self._stretch(index)
        return Share(self.users, start, end - start, self._factors[turn], self._offsets[turn], self._nested(index))

    def groups_of(self, member: ObjectId) -> Iterator[ObjectId]:
        """The groups of a user, one of every round, or of a nested group."""
        user, group = self.users.index_of(member), self.groups.index_of(member)
        if user is not None:
            yield from (self.groups.id_at(index) for index in self._groups_with(user))
        if group is not None and group % _NESTING == 0 and self._nested(group // _NESTING) == member:
            yield self.groups.id_at(group // _NESTING)

    def manager_of(self, user: ObjectId) -> ObjectId | None:
        """The manager of a user; person 0 has none."""
        index = self.users.index_of(user)
        return self.users.id_at(index // _SPAN) if index else None

    def reports_of(self, manager: ObjectId) -> Iterator[ObjectId]:
        """The users who report to a user."""
        index = self.users.index_of(manager)
        if index is not None:
            reports = range(max(1, index * _SPAN), min(len(self.users), (index + 1) * _SPAN))
            yield from (self.users.id_at(report) for report in reports)

    def _groups_with(self, user: int) -> Iterator[int]:
        """The indexes of a user's groups: everybody's, then for every round the stretch that holds the user."""
        total = len(self.users)
        if len(self.groups):
            yield 0
        for turn in range(self._rounds):
            places = self._places(turn)
            at = _permuted_back(user, factor=self._factors[turn + 1], offset=self._offsets[turn + 1], size=total)
            # `place` begins at total * place² // places²; the square root is at most one off
            guess = math.isqrt(at * places**2 // total)
            for place in (guess - 1, guess, guess + 1):
                if 0 <= place < places and total * place**2 // places**2 <= at < total * (place + 1) ** 2 // places**2:
                    yield 1 + place * self._rounds + turn

    def _places(self, turn: int) -> int:
        """How many groups a round has."""
        return (len(self.groups) - 1 - turn + self._rounds - 1) // self._rounds

    def _stretch(self, index: int) -> tuple[int, int, int]:
        """Round, start and end. Boundaries grow with the square, so that later groups of a round are larger."""
        total = len(self.users)
        if index == 0:
            return 0, 0, total
        turn, place = (index - 1) % self._rounds, (index - 1) // self._rounds
        places = self._places(turn)
        return turn + 1, total * place**2 // places**2, total * (place + 1) ** 2 // places**2

    def _nested(self, index: int) -> ObjectId | None:
        """Group 10 n in group n, unless they are Microsoft 365 groups, which cannot be nested."""
        child = _NESTING * index
        if index == 0 or child >= len(self.groups) or is_microsoft_365(index):
            return None
        return self.groups.id_at(child)


def _coprime(start: int, size: int) -> int:
    """A factor that makes a permutation of `size` places."""
    factor = start % max(1, size) | 1
    while math.gcd(factor, size) != 1 and size > 1:
        factor += 2
    return factor


def _permuted_back(value: int, *, factor: int, offset: int, size: int) -> int:
    """The `i` of which `(i * factor + offset) mod size` is `value`."""
    return (value - offset) * pow(factor, -1, size) % size
