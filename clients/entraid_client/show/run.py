"""Shows a sync run: a live bar on a terminal, a line per phase elsewhere, and what came of it in the end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Protocol, Self

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from entraid.v1.sync_service_pb2 import GroupResolution, SyncRun
from entraid_client.show.rate import Rate, took
from entraid_client.show.screen import clean, plain
from entraid_client.show.words import count, last_segment, resolution_state, run_phase, run_state, sync_mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from rich.console import Console

_PHASES: Final = 4
_LINE_SECONDS: Final = 15.0


class RunView(Protocol):
    """Something that shows a run while it moves."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def update(self, run: SyncRun) -> None:
        """Shows the run as it is now."""


class Bar:
    """A bar over the phases with counters that move; for a terminal."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[counts]}", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("pending", total=_PHASES + 1, counts="")
        self._rate = Rate()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def update(self, run: SyncRun) -> None:
        """Moves the bar to the run's phase and its counters to the run's."""
        counts = counters(run, rate=self._rate.of(run))
        self._progress.update(self._task, description=phase_line(run), completed=run.progress.phase, counts=counts)


class Lines:
    """A line whenever phase or state change, and every 15 seconds; for logs. Without a console it is silent."""

    def __init__(self, console: Console | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._rate = Rate(clock)
        self._last = ("", 0.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def update(self, run: SyncRun) -> None:
        """Prints the run if it has moved on."""
        line, now, rate = phase_line(run), self._clock(), self._rate.of(run)
        former, told = self._last
        if self._console is not None and (line != former or now - told >= _LINE_SECONDS):
            self._last = line, now
            self._console.print(plain(f"{line}: {counters(run, rate=rate)}"), soft_wrap=True)


def phase_line(run: SyncRun) -> str:
    """What the run is doing, in words."""
    if run.state == SyncRun.STATE_RUNNING and run.progress.phase:
        doing = "writing" if run.progress.phase == SyncRun.PHASE_COMMIT else f"reading {run_phase(run.progress.phase)}"
        return f"{sync_mode(run.mode)} sync, {doing}"
    return f"{sync_mode(run.mode)} sync, {run_state(run.state)}"


def counters(run: SyncRun, *, rate: str = "") -> str:
    """How much was read so far, in words, and how fast, if that is known and the run moves."""
    progress = run.progress
    parts = [
        count(progress.users, "user"),
        count(progress.groups, "group"),
        count(progress.memberships, "membership"),
        count(progress.graph_requests, "request"),
    ]
    if rate and run.state == SyncRun.STATE_RUNNING:
        parts.append(rate)
    if progress.throttled_requests:
        parts.append(f"{progress.throttled_requests:,} throttled")
    if progress.skipped_objects:
        parts.append(f"{progress.skipped_objects:,} skipped")
    return ", ".join(parts)


def summary(run: SyncRun) -> Text:
    """What came of a run: what it read, what it changed, what it left out, why it stopped."""
    style = "green" if run.state == SyncRun.STATE_SUCCEEDED else "yellow"
    if run.state == SyncRun.STATE_FAILED:
        style = "red"
    text = Text.assemble(
        (f"{sync_mode(run.mode)} sync {run_state(run.state)}", f"bold {style}"), f"  {clean(run.name)}"
    )
    for title, line in _summary_lines(run):
        text.append(f"\n  {title + ':':<11}", style="bold")
        text.append(clean(line))
    return text


def _summary_lines(run: SyncRun) -> Iterator[tuple[str, str]]:
    if run.state in {SyncRun.STATE_PENDING, SyncRun.STATE_RUNNING}:
        yield "next", f"follow it with `entraidctl sync --follow {run.name}`"
        return
    yield "read", counters(run)
    if how_long := took(run):
        yield "took", how_long
    if run.HasField("changes"):
        yield from _changes(run.changes)
    yield from _left_out(run)
    for problem in unresolved(run):
        yield "group", problem
    if run.HasField("error"):
        yield "why", run.error.message
    if run.state == SyncRun.STATE_HELD:
        yield "next", f"look into the tenant, then `entraidctl approve {run.name}`, or sync again"
        yield "meanwhile", "what was served before stays in use"
    if run.state in {SyncRun.STATE_FAILED, SyncRun.STATE_CANCELLED}:
        yield "next", "nothing was changed: see the cause, then sync again"


def unresolved(run: SyncRun) -> Iterator[str]:
    """What each entry of Groups to Sync that brings in no group meant, and what would do."""
    for resolution in run.group_resolutions:
        groups = ", ".join(resolution.groups)
        told = f"`{resolution.entry}` {resolution_state(resolution.state)}"
        if resolution.state == GroupResolution.STATE_AMBIGUOUS:
            yield f"{told}: give the object ID of the one that is meant ({groups})"
        elif resolution.state != GroupResolution.STATE_RESOLVED:
            is_pinned = groups and last_segment(groups) != resolution.entry.lower()
            yield f"{told}: it stands for {groups}, which is gone" if is_pinned else told


def _left_out(run: SyncRun) -> Iterator[tuple[str, str]]:
    """What was not copied, and why."""
    if run.progress.other_members:
        members = count(run.progress.other_members, "member")
        yield "left out", f"{members} of other kinds, such as devices and service principals: they are not copied"
    if run.progress.skipped_objects:
        yield "skipped", f"{count(run.progress.skipped_objects, 'unreadable object')}; the service's log names each"
    for skipped in run.skipped_objects:
        yield "skipped", f"`{skipped.object_id or 'without an ID'}`: {skipped.problem}"


def _changes(changes: SyncRun.Changes) -> Iterator[tuple[str, str]]:
    yield "users", f"{changes.users_upserted:,} added or changed, {changes.users_deleted:,} removed"
    yield "groups", f"{changes.groups_upserted:,} added or changed, {changes.groups_deleted:,} removed"
    yield "members", f"{changes.memberships_added:,} added, {changes.memberships_removed:,} removed"
