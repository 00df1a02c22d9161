"""A tenant of any size, computed: an object is made from its index when asked for, so 300,000 users cost no memory.

Equal `users`, `groups` and `seed` give the equal tenant. Shape: group 0 holds every user; the other groups are dealt
out in up to nine rounds, each of which puts every user into exactly one group, so that everybody has about ten
memberships and group sizes run from none to twice the mean. Group 10 n is nested in group n, several levels deep.
Person n reports to person n // 8. What is changed later lies on top, in `shelf` and `directory`.
"""

import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

from entraid_emulator.directory import Directory
from entraid_emulator.objects import GraphObject, Json, ObjectId, TenantId
from entraid_emulator.tenant import Tenant

DOMAIN = "generated.example"
MAX_OBJECTS = 5_000_000

_GIVEN = [
    "Alex",
    "Bea",
    "Can",
    "Dina",
    "Emil",
    "Fay",
    "Gül",
    "Hans",
    "Ines",
    "Jan",
    "Kim",
    "Leo",
    "Mia",
    "Noor",
    "Olga",
    "Paul",
    "Ravi",
    "Sara",
    "Tim",
    "Ula",
    "Vera",
    "Wim",
    "Yun",
    "Zoe",
]
_SURNAMES = [
    "Adams",
    "Bauer",
    "Cruz",
    "Demir",
    "Evans",
    "Fischer",
    "Garcia",
    "Haas",
    "Ito",
    "Jansen",
    "Kaya",
    "Lopez",
    "Meyer",
    "Nagy",
    "Ortiz",
    "Park",
    "Quinn",
    "Rossi",
    "Silva",
    "Tanaka",
    "Ueda",
    "Vogel",
    "Weber",
    "Young",
    "Zhou",
]
_DEPARTMENTS = ["Engineering", "Sales", "Finance", "People", "Support", "Marketing", "Legal", "Operations"]
_TITLES = ["Engineer", "Manager", "Analyst", "Director", "Specialist", "Administrator"]
_CITIES = (("London", "GB"), ("Berlin", "DE"), ("Istanbul", "TR"), ("Madrid", "ES"), ("Tokyo", "JP"), ("Austin", "US"))
_ROUNDS = 9
_LEAST_GROUPS_PER_ROUND = 5
_64 = (1 << 64) - 1
_62 = (1 << 62) - 1


def generated(*, users: int, groups: int, seed: int = 0) -> Tenant:
    """A tenant of `users` people and `groups` groups.

    Raises:
        ValueError: a figure is negative or above 5,000,000.
    """
    for name, figure in (("users", users), ("groups", groups)):
        if not 0 <= figure <= MAX_OBJECTS:
            raise ValueError(f"`{name}` must be between 0 and {MAX_OBJECTS}, got `{figure}`")
    base = GeneratedBase(users=users, groups=groups, seed=seed)
    tenant_id = uuid.UUID(int=_guid_number(_mixed(seed, 1), _mixed(seed, 2) & _62))
    return Tenant(
        tenant_id=TenantId(str(tenant_id)),
        display_name=f"Generated {users}/{groups}/{seed}",
        domains=(f"s{seed}.{DOMAIN}",),
        directory=Directory(base),
    )


@dataclass(frozen=True, slots=True)
class _Ids:
    """Object ids that can be read back into the index they were made from."""

    salt: int

    def id_of(self, index: int) -> ObjectId:
        digits = f"{_guid_number(_mixed(self.salt, index), self._scrambled(index)):032x}"
        return ObjectId(f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}")

    def index_of(self, wanted: ObjectId, size: int) -> int | None:
        try:
            number = uuid.UUID(wanted).int
        except ValueError:
            return None
        index = (((number & _62) - _mixed(self.salt, 0)) * self._inverse()) & _62
        return index if index < size and self.id_of(index) == wanted else None

    def _factor(self) -> int:
        return (_mixed(self.salt, 7) | 1) & _62

    def _inverse(self) -> int:
        return pow(self._factor(), -1, 1 << 62)

    def _scrambled(self, index: int) -> int:
        return (index * self._factor() + _mixed(self.salt, 0)) & _62


class GeneratedUsers:
    """The users, by index."""

    def __init__(self, size: int, seed: int) -> None:
        self._size = size
        self._seed = seed
        self._ids = _Ids(_mixed(seed, 11))
        self._domain = f"s{seed}.{DOMAIN}"

    def __len__(self) -> int:
        return self._size

    def at(self, index: int) -> GraphObject:
        """One user."""
        dice = _mixed(self._seed, index)
        given, surname = _GIVEN[dice % len(_GIVEN)], _SURNAMES[(dice >> 8) % len(_SURNAMES)]
        city, country = _CITIES[(dice >> 16) % len(_CITIES)]
        alias = f"{given}.{surname}.{index}".lower().replace("ü", "u")
        mail = f"{alias}@{self._domain}"
        user: dict[str, Json] = {
            "id": self._ids.id_of(index),
            "userPrincipalName": mail,
            "displayName": f"{given} {surname} {index}",
            "givenName": given,
            "surname": surname,
            "mail": mail,
            "mailNickname": alias,
            "jobTitle": _TITLES[(dice >> 24) % len(_TITLES)],
            "department": _DEPARTMENTS[(dice >> 32) % len(_DEPARTMENTS)],
            "officeLocation": city,
            "city": city,
            "usageLocation": country,
            "employeeId": f"{index:07d}",
            "accountEnabled": (dice >> 40) % 50 != 0,
            "userType": "Guest" if (dice >> 48) % 40 == 0 else "Member",
            "createdDateTime": "2022-01-01T00:00:00Z",
        }
        return user

    def id_at(self, index: int) -> ObjectId:
        """The id of the user at an index, without making the user."""
        return self._ids.id_of(index)

    def index_of(self, wanted: ObjectId) -> int | None:
        """Where a user stands."""
        return self._ids.index_of(wanted, self._size)

    def index_of_name(self, name: str) -> int | None:
        """Where the user with a principal name stands; its last part is the index."""
        digits = name.partition("@")[0].rpartition(".")[2]
        if not (digits.isascii() and digits.isdigit()) or len(digits) > len(str(MAX_OBJECTS)):
            return None
        return int(digits) if int(digits) < self._size else None


class GeneratedGroups:
    """The groups, by index."""

    def __init__(self, size: int, seed: int) -> None:
        self._size = size
        self._ids = _Ids(_mixed(seed, 13))

    def __len__(self) -> int:
        return self._size

    def at(self, index: int) -> GraphObject:
        """One group: every seventh a Microsoft 365 group, the others security groups."""
        is_unified = is_microsoft_365(index)
        name = "Everyone" if index == 0 else f"{_DEPARTMENTS[index % len(_DEPARTMENTS)]} Group {index}"
        return {
            "id": self._ids.id_of(index),
            "displayName": name,
            "description": f"Generated group {index}",
            "mailNickname": f"group-{index}",
            "mail": f"group-{index}@{DOMAIN}" if is_unified else None,
            "mailEnabled": is_unified,
            "securityEnabled": not is_unified,
            "groupTypes": ["Unified"] if is_unified else [],
            "visibility": "Private" if is_unified else None,
            "createdDateTime": "2022-01-01T00:00:00Z",
            "renewedDateTime": "2022-01-01T00:00:00Z",
        }

    def id_at(self, index: int) -> ObjectId:
        """The id of the group at an index, without making the group."""
        return self._ids.id_of(index)

    def index_of(self, wanted: ObjectId) -> int | None:
        """Where a group stands."""
        return self._ids.index_of(wanted, self._size)

    def index_of_name(self, name: str) -> int | None:  # noqa: ARG002 - groups have no principal names
        """Nothing is found."""
        return None


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


class GeneratedBase:
    """Users, groups, memberships and managers of a generated tenant."""

    def __init__(self, *, users: int, groups: int, seed: int) -> None:
        self.users = GeneratedUsers(users, seed)
        self.groups = GeneratedGroups(groups, seed)
        self._rounds = max(1, min(_ROUNDS, (groups - 1) // _LEAST_GROUPS_PER_ROUND))
        self._factors = [_coprime(_mixed(seed, 100 + turn), users) for turn in range(self._rounds + 1)]
        self._offsets = [_mixed(seed, 200 + turn) % max(1, users) for turn in range(self._rounds + 1)]

    def members_of(self, group: ObjectId) -> Sequence[ObjectId]:
        """The members of a group."""
        index = self.groups.index_of(group)
        if index is None:
            return ()
        turn, start, end = self._stretch(index)
        return Share(self.users, start, end - start, self._factors[turn], self._offsets[turn], self._nested(index))

    def manager_of(self, user: ObjectId) -> ObjectId | None:
        """The manager of a user; person 0 has none."""
        index = self.users.index_of(user)
        return self.users.id_at(index // 8) if index else None

    def _stretch(self, index: int) -> tuple[int, int, int]:
        """Round, start and end. Boundaries grow with the square, so that later groups of a round are larger."""
        total = len(self.users)
        if index == 0:
            return 0, 0, total
        turn, place = (index - 1) % self._rounds, (index - 1) // self._rounds
        places = (len(self.groups) - 1 - turn + self._rounds - 1) // self._rounds
        return turn + 1, total * place**2 // places**2, total * (place + 1) ** 2 // places**2

    def _nested(self, index: int) -> ObjectId | None:
        """Group 10 n in group n, unless they are Microsoft 365 groups, which cannot be nested."""
        child = 10 * index
        if index == 0 or child >= len(self.groups) or is_microsoft_365(index):
            return None
        return self.groups.id_at(child)


def is_microsoft_365(index: int) -> bool:
    """Whether the group at an index is a Microsoft 365 group."""
    return index > 0 and index % 7 == 0


def _coprime(start: int, size: int) -> int:
    """A factor that makes a permutation of `size` places."""
    factor = start % max(1, size) | 1
    while math.gcd(factor, size) != 1 and size > 1:
        factor += 2
    return factor


def _mixed(seed: int, index: int) -> int:
    """64 well-mixed bits of two numbers (splitmix64)."""
    mixed = (seed * 0x9E3779B97F4A7C15 + index * 0xD1B54A32D192ED03 + 0x632BE59BD9B4E019) & _64
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _64
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _64
    return mixed ^ (mixed >> 31)


def _guid_number(high: int, low: int) -> int:
    """128 bits of a version 4 GUID: 64 from `high`, the last 62 `low`."""
    versioned = (high & ~0xF000) | 0x4000
    return versioned << 64 | 0b10 << 62 | low
