"""A user as conditions compare him: names, attribute texts and groups in their folded forms.

Nothing is compared here.
"""

import json
from collections.abc import Iterator

import msgspec

from entraid_service.model.directory import AttributeValue, Scalar, User
from entraid_service.model.ids import GroupId, UserId, fold, fold_name
from entraid_service.model.keys import KeyRow, KeySet, decode_id, keys_in
from entraid_service.ports import UserRecord
from entraid_service.snapshot.closure import GroupClosure
from entraid_service.snapshot.packing import Columns, Packing, Row

_MOST_GROUPS_KEPT = 256
"""Groups above a user that are kept; the few who have more pay for the walk each time."""
_BASE_BYTES = 460
"""What a person takes beside the values of attributes and the groups."""
_KEY_BYTES = 100
_NOWHERE = 1 << 30


class Person(msgspec.Struct, gc=False, eq=False):
    """One user at one revision.

    Tens of thousands are kept, and garbage collection, which would go through them again and again, is spared them:
    nothing in them leads back. `columns` and `values` hold the attributes (see `packing`); `weight` is how many bytes
    of memory one takes, roughly; `is_in_use` is the mark of `people`.
    """

    id: UserId
    columns: Columns
    values: Row
    manager_id: UserId | None
    is_enabled: bool
    weight: int
    _groups: KeyRow
    _names: tuple[str, ...] | None = None
    _above: tuple[GroupId, ...] | None = None
    is_in_use: bool = False

    @classmethod
    def of(cls, record: UserRecord, packing: Packing) -> "Person":
        """The person of a record, packed with others of the same revision."""
        user, groups = record
        values, own = packing.packed(user.attributes)
        weight = _BASE_BYTES + own + len(groups) * (1 if isinstance(groups, bytes) else _KEY_BYTES)
        return cls(user.id, packing.columns, values, user.manager_id, user.is_enabled, weight, groups)

    @property
    def user(self) -> User:
        """As the directory has him."""
        return User(self.id, self._attributes(), self.manager_id)

    def value(self, attribute: str) -> AttributeValue | None:
        """What an attribute is, None if it is empty."""
        place = self.columns.get(attribute, _NOWHERE)
        return self.values[place] if place < len(self.values) else None

    def is_in_none_of(self, groups: KeySet) -> bool:
        """Whether the user is directly in none of these groups, given by key."""
        return groups.is_disjoint(self._groups)

    def direct_groups(self) -> frozenset[GroupId]:
        """The groups that the user is in directly."""
        return frozenset([GroupId(decode_id(key)) for key in keys_in(self._groups)])

    def names(self) -> tuple[str, ...]:
        """Object id, user principal name and mail addresses, in the form of `fold_name`."""
        if self._names is None:
            user = self.user
            names = (user.id, user.user_principal_name, *user.mail_addresses())
            self._names = tuple(dict.fromkeys(fold_name(name) for name in names if name))
        return self._names

    def texts(self, attribute: str) -> tuple[str, ...]:
        """The texts of an attribute's values, in the form of `fold`; none if it is empty."""
        value = self.id if attribute == "id" else self.value(attribute)
        if type(value) is str:  # nearly always
            return (fold(value),) if value else ()
        return () if value is None else tuple(folded_texts(value))

    def has_parts(self, attribute: str) -> bool:
        """Whether any part of this complex attribute is set."""
        beginning = f"{attribute}."
        return any(name.startswith(beginning) for name in self._attributes())

    def groups(self, closure: GroupClosure) -> tuple[GroupId, ...]:
        """Every synced group that the user is in, nearest first; `closure` has to be that of the same revision."""
        if self._above is not None:
            return self._above
        above = closure.above(self.direct_groups())
        if len(above) <= _MOST_GROUPS_KEPT:
            self._above = above
        return above

    def _attributes(self) -> dict[str, AttributeValue]:
        # There may be more columns by now than there were for this row.
        named = zip(self.columns, self.values, strict=False)
        return {name: value for name, value in named if value is not None}


def folded_texts(value: AttributeValue) -> Iterator[str]:
    """The texts under which a value compares: those of its elements, in the form of `fold`."""
    for item in value if isinstance(value, list) else (value,):
        if text := _text(item):
            yield fold(text)


def _text(value: Scalar) -> str:
    """A text as it is, a boolean or number as JSON writes it."""
    return value if isinstance(value, str) else json.dumps(value)
