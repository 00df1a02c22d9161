"""The users and groups of a generated tenant, each made from its index; ids read back into indexes. No memberships."""

from entraid_emulator.objects import GraphObject, Json, ObjectId

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
_64 = (1 << 64) - 1
_62 = (1 << 62) - 1


class _Ids:
    """Object ids that can be read back into the index they were made from, with no table of them.

    The last 62 bits are the index, scrambled by a multiplication that has an inverse; the first 64 only look random.
    """

    __slots__ = ("_factor", "_inverse", "_offset", "_salt")

    def __init__(self, salt: int) -> None:
        self._salt = salt
        self._offset = mixed(salt, 0)
        self._factor = (mixed(salt, 7) | 1) & _62
        self._inverse = pow(self._factor, -1, 1 << 62)

    def id_of(self, index: int) -> ObjectId:
        scrambled = (index * self._factor + self._offset) & _62
        digits = f"{guid_number(mixed(self._salt, index), scrambled):032x}"
        return ObjectId(f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}")

    def index_of(self, wanted: ObjectId, size: int) -> int | None:
        try:
            number = int(wanted.replace("-", ""), 16)
        except ValueError:
            return None
        index = (((number & _62) - self._offset) * self._inverse) & _62
        return index if index < size and self.id_of(index) == wanted else None


class GeneratedUsers:
    """The users, by index."""

    def __init__(self, size: int, seed: int) -> None:
        self._size = size
        self._seed = seed
        self._ids = _Ids(mixed(seed, 11))
        self._domain = f"s{seed}.{DOMAIN}"

    def __len__(self) -> int:
        return self._size

    def at(self, index: int) -> GraphObject:
        """One user."""
        dice = mixed(self._seed, index)
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
        self._ids = _Ids(mixed(seed, 13))

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


def is_microsoft_365(index: int) -> bool:
    """Whether the group at an index is a Microsoft 365 group."""
    return index > 0 and index % 7 == 0


def mixed(seed: int, index: int) -> int:
    """64 well-mixed bits of two numbers (splitmix64)."""
    bits = (seed * 0x9E3779B97F4A7C15 + index * 0xD1B54A32D192ED03 + 0x632BE59BD9B4E019) & _64
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & _64
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & _64
    return bits ^ (bits >> 31)


def guid_number(high: int, low: int) -> int:
    """128 bits of a version 4 GUID: 64 from `high`, the last 62 from `low`."""
    low &= _62
    versioned = (high & ~0xF000) | 0x4000
    return versioned << 64 | 0b10 << 62 | low
