"""A process that forks workers, each to be killed at some moment; `python -m store.crashing MODE FILE`.

Importing takes longer than most kills leave a worker to live, so it is done once. For each line with a number on
standard input one worker is forked; its process id goes to standard output, and its exit status once it was killed.
"""

import asyncio
import itertools
import os
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from entraid_service.model.changes import ChangeSet, FeedLinks
from entraid_service.model.ids import ConnectionId, GroupId
from entraid_service.model.report import ErrorReport
from entraid_service.model.scope import Scope
from entraid_service.model.syncrun import RunState
from entraid_service.store import SqliteStore, migrate
from store.tenants import NOW, Tenant, connection, edge, ended, group, guid, person, run

CONTOSO = ConnectionId("contoso")
LOST = ErrorReport("ABORTED", "killed")
PEOPLE = 120
STEP = 7


@dataclass(frozen=True, slots=True)
class State:
    """What the directory is at one number: every row tells it, so that a mixture shows."""

    number: int

    @classmethod
    def of(cls, scope: Scope) -> Self:
        """The state that a scope belongs to."""
        (attribute,) = scope.attributes
        return cls(int(attribute.removeprefix("attribute")))

    @property
    def tenant(self) -> Tenant:
        """Users of the number, of whom some are missing; one group; whoever is there is in it."""
        there = [user for user in range(PEOPLE) if (user + self.number) % STEP]
        name = f"state{self.number}"
        return Tenant(
            [person(user, f"{name}.{user}", state=name) for user in there],
            [group(1000, name)],
            [edge(1000, user) for user in there],
        )

    @property
    def links(self) -> FeedLinks:
        """Links that belong to this state and to no other."""
        return FeedLinks("binding", f"users-{self.number}", {"": f"groups-{self.number}"})

    @property
    def scope(self) -> Scope:
        """The same for the scope."""
        return Scope(frozenset({f"attribute{self.number}"}))

    def changes_from(self, former: "State") -> ChangeSet:
        """What leads here."""
        gone = {user.id for user in former.tenant.users} - {user.id for user in self.tenant.users}
        return ChangeSet(
            users=self.tenant.users,
            removed_users=sorted(gone),
            groups=self.tenant.groups,
            added=self.tenant.edges,
            removed=[(GroupId(guid(1000)), user) for user in sorted(gone)],
        )


async def work(path: Path, first: int) -> None:
    """Syncs in every way, one after the other, until somebody kills it."""
    async with SqliteStore.open(path) as store:
        await store.runs.fail_interrupted(LOST, end_time=NOW)
        await store.directory.clean_up()
        state = State.of((await store.lists.version(CONTOSO)).scope)
        for number in itertools.count(first):
            former, state = state, State(number)
            begun = await store.runs.start(run(CONTOSO, f"r-{number}"))
            if number % 3 == 0:
                await increment(store, former, state)
                continue
            staging = await state.tenant.stage(store.directory, connection())
            if number % 3 == 1:
                await staging.commit(ended(begun), sync_time=NOW, scope=state.scope, links=state.links)
            else:
                held = replace(begun, state=RunState.HELD)
                await store.directory.hold(staging, held, sync_time=NOW, scope=state.scope, links=state.links)
                await store.directory.release(ended(begun))
            await store.directory.clean_up()


async def increment(store: SqliteStore, former: State, state: State) -> None:
    """Changes what is served in place."""
    base = await store.lists.version(CONTOSO)
    await store.directory.apply(
        base,
        state.changes_from(former),
        run=ended(run(CONTOSO, f"r-{state.number}")),
        sync_time=NOW,
        scope=state.scope,
        links=state.links,
    )


def main() -> None:
    """Forks one worker after the other."""
    mode, path = sys.argv[1], Path(sys.argv[2])
    for line in sys.stdin:
        worker = os.fork()
        if worker == 0:
            try:
                asyncio.run(migrate(path) if mode == "migrate" else work(path, int(line)))
                time.sleep(60)  # until it is killed: who forks it must not find it gone
            finally:
                os._exit(1)
        sys.stdout.write(f"{worker}\n")
        sys.stdout.flush()
        _, status = os.waitpid(worker, 0)
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
