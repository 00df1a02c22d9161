"""Looks a condition over: first against the rules of the contract, then against the directory, then by a search.

The search is made only of a condition that has no error, and tells that nobody is eligible only if it saw everybody.
"""

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from entraid.v1 import access_service_pb2 as pb
from entraid_service.evaluate import compile_condition
from entraid_service.evaluate.check import check_leaf, check_people
from entraid_service.evaluate.nearest import Names
from entraid_service.model.conditions import Leaf
from entraid_service.model.ids import ConnectionId
from entraid_service.model.issues import Issue, IssueCode, Severity
from entraid_service.model.scope import Scope
from entraid_service.rpc.conditions import inspect_condition, read_condition
from entraid_service.rpc.eligible import EligibleUsers, Search
from entraid_service.rpc.freshness import Served, ServedSnapshots
from entraid_service.snapshot.catalog import GroupCatalog

_MOST_ISSUES: Final = 100
_MOST_VALUES: Final = 1_000
"""Users who are looked up: some milliseconds."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What was noticed, and against which data."""

    issues: Sequence[Issue]
    served: Served


class ConditionChecks:
    """Looks conditions over against the directories that are served."""

    def __init__(self, eligible: EligibleUsers, *, served: ServedSnapshots) -> None:
        self._eligible = eligible
        self._served = served

    async def check(self, connection_id: ConnectionId, condition: pb.Condition) -> Checked:
        """Everything that is to be said about a condition, by the order of its parts.

        Raises:
            ResourceNotFound: There is no such connection.
            DirectoryNotSynced: Nothing was ever synced.
            StoreUnavailable: The database cannot be read.
        """
        served = await self._served.get(connection_id)
        inspected = inspect_condition(condition)
        issues = [
            Issue(problem.field, Severity.ERROR, IssueCode.INVALID, str(problem)) for problem in inspected.problems
        ]
        issues += _people_issues(inspected.leaves, served)
        # In a thread: the nearest of 50,000 names of groups takes a while to find.
        issues += await asyncio.to_thread(
            _leaf_issues, inspected.leaves, served.snapshot.groups, served.snapshot.version.scope
        )
        if all(issue.severity is not Severity.ERROR for issue in issues):
            issues += await self._search(connection_id, condition)
        issues.sort(key=lambda issue: _place(issue.field))
        return Checked(issues[:_MOST_ISSUES], served)

    async def _search(self, connection_id: ConnectionId, condition: pb.Condition) -> list[Issue]:
        compiled = compile_condition(read_condition(condition))
        search = Search(connection_id, compiled, consistency=None, explain=False)
        page = await self._eligible.page(search, after=None, size=1)
        if page.found or not page.is_last:
            return []
        return [
            Issue(
                "condition",
                Severity.WARNING,
                IssueCode.NOBODY_ELIGIBLE,
                "no user satisfies this condition at present: evaluate it with `explain` for somebody who should",
            )
        ]


def _people_issues(leaves: Sequence[Leaf], served: Served) -> Iterator[Issue]:
    looked_up = 0
    for leaf in leaves:
        looked_up += len(leaf.values)
        if looked_up > _MOST_VALUES:
            return
        yield from check_people(leaf, served.snapshot)


def _leaf_issues(leaves: Sequence[Leaf], groups: GroupCatalog, scope: Scope) -> list[Issue]:
    names = Names(groups.names.values())
    found = (issue for leaf in leaves for issue in check_leaf(leaf, groups=groups, names=names, scope=scope))
    return list(islice(found, _MOST_ISSUES))


def _place(field: str) -> list[str | int]:
    """Sorts field paths by where their parts stand, `[10]` behind `[9]`."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", field)]
