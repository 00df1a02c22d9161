"""Users' attributes in little memory: values in columns, and those that many share once.

So more users are at hand, and less memory is touched for each question about one of them.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

from entraid_service.model.directory import AttributeValue

Columns: TypeAlias = dict[str, int]
"""The place of each attribute's value. It only grows."""
Row: TypeAlias = tuple[AttributeValue | None, ...]
"""A user's values; as long as there were columns when it was made, None where he has none."""

_MOST_SHARED: Final = 1_000
"""Values of one attribute that are shared. One with more, as names and addresses, is not worth the look-up."""
_TEXT_BYTES: Final = 64
"""What a text takes beside its characters."""
_ITEM_BYTES: Final = 120


class Packing:
    """How the users of one revision are packed. What packs together shares columns and values."""

    __slots__ = ("_shared", "columns")

    def __init__(self) -> None:
        self.columns: Final[Columns] = {}
        # By column; None once there were too many.
        self._shared: list[dict[str, str] | None] = []

    def packed(self, attributes: Mapping[str, AttributeValue]) -> tuple[Row, int]:
        """The attributes' values in a row, and the bytes of memory, roughly, that they take for themselves."""
        columns = self.columns
        if not attributes.keys() <= columns.keys():
            self._add_columns(attributes)
        values: list[AttributeValue | None] = [None] * len(columns)
        own = 8 * len(columns)
        former = ""
        for name, value in attributes.items():
            place = columns[name]
            if type(value) is str:
                shared = self._shared[place]
                if shared is not None:
                    value = self._share(place, shared, value)  # noqa: PLW2901 - the same text
                elif value == former:  # the name that somebody signs in with is his mail address, mostly
                    value = former  # noqa: PLW2901
                else:
                    former = value
                    own += _TEXT_BYTES + len(value)
            elif type(value) is list:
                own += _ITEM_BYTES * len(value)
            values[place] = value
        return tuple(values), own

    def _add_columns(self, attributes: Mapping[str, AttributeValue]) -> None:
        for name in attributes:
            if name not in self.columns:
                self.columns[name] = len(self.columns)
                self._shared.append({})

    def _share(self, place: int, shared: dict[str, str], value: str) -> str:
        known = shared.setdefault(value, value)
        if len(shared) > _MOST_SHARED:
            self._shared[place] = None
        return known
