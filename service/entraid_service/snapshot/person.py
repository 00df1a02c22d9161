"""A user as conditions compare him: names, attribute texts and groups in their folded forms.

Each form is worked out when it is first asked for and kept with the person. Nothing is compared here.
"""

import json
from collections.abc import Iterator
from typing import Final

from entraid_service.model.directory import AttributeValue, Scalar, User
from entraid_service.model.ids import GroupId, fold, fold_name
from entraid_service.ports import UserRecord
from entraid_service.snapshot.closure import GroupClosure

_MOST_GROUPS_KEPT: Final = 256
"""Groups above a user that are kept; the few who have more pay for the walk each time."""


class Person:
    """One user at one revision."""

    __slots__ = ("_above", "_complex", "_names", "_texts", "direct_groups", "is_enabled", "user")

    def __init__(self, record: UserRecord) -> None:
        self.user: Final[User] = record.user
        self.direct_groups: Final = record.direct_groups
        self.is_enabled: Final = record.user.is_enabled
        self._names: tuple[str, ...] | None = None
        self._texts: dict[str, tuple[str, ...]] = {}
        self._above: tuple[GroupId, ...] | None = None
        self._complex: frozenset[str] | None = None

    @property
    def weight(self) -> int:
        """How much room this takes, roughly in strings."""
        values = self.user.attributes.values()
        lists = sum(len(value) for value in values if isinstance(value, list))
        return 8 + len(self.direct_groups) + 2 * (len(values) + lists)

    def names(self) -> tuple[str, ...]:
        """Object id, user principal name and mail addresses, in the form of `fold_name`."""
        if self._names is None:
            user = self.user
            names = (user.id, user.user_principal_name, *user.mail_addresses())
            self._names = tuple(dict.fromkeys(fold_name(name) for name in names if name))
        return self._names

    def texts(self, attribute: str) -> tuple[str, ...]:
        """The texts of an attribute's values, in the form of `fold`; none if it is empty."""
        known = self._texts.get(attribute)
        if known is None:
            value = self.user.id if attribute == "id" else self.user.attributes.get(attribute)
            known = () if value is None else tuple(folded_texts(value))
            if value is not None:  # so that asking for what nobody has costs no memory
                self._texts[attribute] = known
        return known

    def has_parts(self, attribute: str) -> bool:
        """Whether any part of this complex attribute is set."""
        if self._complex is None:
            self._complex = frozenset(name.partition(".")[0] for name in self.user.attributes if "." in name)
        return attribute in self._complex

    def groups(self, closure: GroupClosure) -> tuple[GroupId, ...]:
        """Every synced group that the user is in, nearest first; `closure` has to be that of the same revision."""
        if self._above is not None:
            return self._above
        above = closure.above(self.direct_groups)
        if len(above) <= _MOST_GROUPS_KEPT:
            self._above = above
        return above


def folded_texts(value: AttributeValue) -> Iterator[str]:
    """The texts under which a value compares: those of its elements, in the form of `fold`."""
    for item in value if isinstance(value, list) else (value,):
        if text := _text(item):
            yield fold(text)


def _text(value: Scalar) -> str:
    """A text as it is, a boolean or number as JSON writes it."""
    return value if isinstance(value, str) else json.dumps(value)
