"""What of a tenant is synced: which attributes, and the whole directory or some groups."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from entraid_service.model.directory import PARTS, SIMPLE_ATTRIBUTES
from entraid_service.model.ids import GroupId


class ResolutionState(enum.Enum):
    """How an entry of Groups to Sync came out."""

    RESOLVED = 1
    NOT_FOUND = 2
    AMBIGUOUS = 3


@dataclass(frozen=True, slots=True)
class GroupResolution:
    """What an entry of Groups to Sync named: one group, none, or several candidates of which none is synced for it."""

    entry: str
    state: ResolutionState
    groups: tuple[GroupId, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """What a snapshot knows about.

    `attributes` are Microsoft Graph names; an attribute outside of it is unknown, one inside and missing from a user
    is empty. With `is_whole_directory` false only the groups in the snapshot, and the users in them, are known.
    """

    attributes: frozenset[str]
    is_whole_directory: bool = True
    resolutions: tuple[GroupResolution, ...] = ()

    def knows_attribute(self, name: str) -> bool:
        """Whether a missing value of this attribute means that it is empty.

        A complex attribute is selected as a whole, so that its parts are known with it; what is none of its parts is
        unknown, or a slip in a name would look empty for everybody.
        """
        if "." not in name:
            return name in self.attributes
        whole, _, part = name.partition(".")
        if whole in SIMPLE_ATTRIBUTES or part not in PARTS.get(whole, (part,)):
            return False
        return name in self.attributes or whole in self.attributes


def split_entries(entries: Iterable[str]) -> tuple[str, ...]:
    """Entries of Groups to Sync, one group each, in their order and without repetition.

    Each entry may be a comma-delimited list. A name that holds a comma itself is written in double quotes.
    """
    found: dict[str, None] = {}
    for entry in entries:
        for part in _split(entry):
            found.setdefault(part)
    return tuple(found)


def _split(entry: str) -> list[str]:
    parts: list[str] = [""]
    is_quoted = False
    for char in entry:
        if char == '"':
            is_quoted = not is_quoted
        elif char == "," and not is_quoted:
            parts.append("")
        else:
            parts[-1] += char
    return [part for part in map(str.strip, parts) if part]
