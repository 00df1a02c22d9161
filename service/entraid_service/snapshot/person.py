"""A user as conditions compare him: names, attribute texts and groups in their folded forms.

Made for one decision from what is kept of him. Nothing is compared here.
"""

import json
from collections.abc import Collection, Iterator
from typing import Final

from entraid_service.model.directory import AttributeValue, Scalar, User
from entraid_service.model.ids import GroupId, UserId, fold, fold_name
from entraid_service.model.keys import Key, decode_id
from entraid_service.ports import UserRecord
from entraid_service.snapshot.closure import GroupClosure


class Person:
    """One user at one revision."""

    __slots__ = ("_above", "_names", "group_keys", "id", "is_enabled", "user")

    def __init__(self, record: UserRecord) -> None:
        user = record.user()
        self.user: Final[User] = user
        self.id: Final[UserId] = user.id
        self.is_enabled: Final = user.is_enabled
        self.group_keys: Final[Collection[Key]] = record.group_keys()
        self._names: tuple[str, ...] | None = None
        self._above: tuple[GroupId, ...] | None = None

    @property
    def direct_groups(self) -> frozenset[GroupId]:
        """The groups that the user is in directly, by their ids."""
        return frozenset([GroupId(decode_id(key)) for key in self.group_keys])

    def names(self) -> tuple[str, ...]:
        """Object id, user principal name and mail addresses, in the form of `fold_name`."""
        if self._names is None:
            user = self.user
            names = (user.id, user.user_principal_name, *user.mail_addresses())
            self._names = tuple(dict.fromkeys(fold_name(name) for name in names if name))
        return self._names

    def texts(self, attribute: str) -> tuple[str, ...]:
        """The texts of an attribute's values, in the form of `fold`; none if it is empty."""
        value = self.user.id if attribute == "id" else self.user.attributes.get(attribute)
        if type(value) is str:  # nearly always
            return (fold(value),) if value else ()
        return () if value is None else tuple(folded_texts(value))

    def has_parts(self, attribute: str) -> bool:
        """Whether any part of this complex attribute is set."""
        beginning = f"{attribute}."
        return any(name.startswith(beginning) for name in self.user.attributes)

    def groups(self, closure: GroupClosure) -> tuple[GroupId, ...]:
        """Every synced group that the user is in, nearest first; `closure` has to be that of the same revision."""
        if self._above is None:
            self._above = closure.above(self.direct_groups)
        return self._above


def folded_texts(value: AttributeValue) -> Iterator[str]:
    """The texts under which a value compares: those of its elements, in the form of `fold`."""
    for item in value if isinstance(value, list) else (value,):
        if text := _text(item):
            yield fold(text)


def _text(value: Scalar) -> str:
    """A text as it is, a boolean or number as JSON writes it."""
    return value if isinstance(value, str) else json.dumps(value)
