"""How a condition came out: the values that pass between the leaves, what joins them, and the reasons."""

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from entraid_service.model.candidates import Candidates
from entraid_service.model.conditions import Combinator
from entraid_service.model.decision import Outcome, Reason
from entraid_service.model.ids import GroupId
from entraid_service.snapshot.catalog import GroupCatalog
from entraid_service.snapshot.person import Person
from entraid_service.snapshot.snapshot import Snapshot


@dataclass(slots=True, eq=False)
class Finding:
    """How a leaf came out and why. Most are made once, when the condition is compiled.

    Findings are the same only if they are one object, so that what follows from them can be kept under them: `told` is
    what an answer says that rests on this one, worked out when it is first given. `group` is the group that was found
    to hold the user, if one was.
    """

    outcome: Outcome
    reason: Reason
    group: GroupId | None = None
    told: tuple[Reason, ...] = ()


@dataclass(slots=True, eq=False)
class Combined:
    """How a combination came out, with the results of its conditions as far as they were looked at.

    For `told` see `Finding`.
    """

    node: "Joint"
    outcome: Outcome
    results: "tuple[Result, ...]"
    told: tuple[Reason, ...] = ()


Result: TypeAlias = Finding | Combined

Kept: TypeAlias = dict[tuple[Result, ...], Combined]
"""How a condition's combinations came out lately, by the results that they join."""


class Node(Protocol):
    """A compiled condition."""

    @property
    def field(self) -> str:
        """Its path in the request."""

    @property
    def children(self) -> "tuple[Node, ...]":
        """The conditions inside it; none for a leaf."""

    def test(self, snapshot: Snapshot, person: Person) -> Result:
        """How it comes out for one user.

        Raises:
            StoreUnavailable: The database cannot be read.
        """

    def candidates(self, groups: GroupCatalog) -> Candidates | None:
        """Among whom those are of whom it comes out SATISFIED; None if that may be anybody."""


class Joint(Node, Protocol):
    """A compiled combination."""

    @property
    def combinator(self) -> Combinator:
        """How its conditions are joined."""
