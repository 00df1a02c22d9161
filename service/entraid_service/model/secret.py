"""Texts that nobody may see by accident."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Secret:
    """A password, key or token. Printing, formatting and comparing reports show `***`."""

    _value: str

    def reveal(self) -> str:
        """The text itself, for the one place that sends or seals it."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self._value)
