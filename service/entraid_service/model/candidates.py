"""Who may satisfy a condition: a bound that is never too narrow, so that only these have to be looked at."""

from dataclasses import dataclass, field

from entraid_service.model.ids import GroupId


@dataclass(frozen=True, slots=True)
class Candidates:
    """Everybody who satisfies the condition is among these, and others may be.

    A candidate is directly in one of `groups`, or one of `names` is his object id, or (in the form of
    `model.ids.fold_name`) his user principal name or one of his mail addresses.
    """

    groups: frozenset[GroupId] = field(default_factory=frozenset)
    names: frozenset[str] = field(default_factory=frozenset)

    def __or__(self, other: "Candidates") -> "Candidates":
        return Candidates(self.groups | other.groups, self.names | other.names)

    @property
    def weight(self) -> tuple[int, int]:
        """Sorts by the work that it takes to go through them, as far as that is known: groups may be large."""
        return len(self.groups), len(self.names)
