"""What the connect page says: values of the core in, words out. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from entraid_service.errors import (
    ConsentDeclined,
    ConsentLapsed,
    CredentialsRejected,
    EntraidError,
    PermissionMissing,
    RetryLater,
)
from entraid_service.model.connection import Connection
from entraid_service.model.consent import Consent
from entraid_service.model.permissions import Grant, PermissionStatus, permission_statuses, permissions_for
from entraid_service.model.syncrun import Phase, RunState, SyncRun

_READING = {
    None: "Starting",
    Phase.USERS: "Reading users",
    Phase.GROUPS: "Reading groups",
    Phase.MEMBERSHIPS: "Reading memberships",
    Phase.COMMIT: "Saving",
}
_STEPS = len(Phase)
_TRACE_TAIL = re.compile(r"; trace ID `[^`]*`$")
_SEE_TAIL = re.compile(r"; see (https://\S+)$")
"""Ends of a diagnosis that stand apart on a page."""
_DIRECTION_MARKS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""With these a name reads as another one (https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing)."""

_TITLES: tuple[tuple[type[EntraidError], str], ...] = (
    (ConsentDeclined, "Consent was not given"),
    (ConsentLapsed, "This page cannot go on"),
    (PermissionMissing, "Permissions are missing"),
    (CredentialsRejected, "Nothing was connected"),
    (RetryLater, "Not available right now"),
)


@dataclass(frozen=True, slots=True)
class TroubleView:
    """What went wrong, where to read on (a link, or empty), and what support will ask for."""

    title: str
    message: str
    reference: str
    facts: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class OutcomeView:
    """A connection's first sync as the page shows it; `step` counts to 4."""

    title: str
    mark: str
    sign: str
    phase: str
    step: int
    is_final: bool
    users: str
    groups: str
    memberships: str
    note: str


def shown_name(connection: Connection) -> str:
    """What the connection is called; marks that turn the direction of a text are shown as such, not obeyed."""
    return _DIRECTION_MARKS.sub("\N{REPLACEMENT CHARACTER}", connection.display_name or connection.id)


def purpose(consent: Consent) -> str:
    """What a link is for, behind the connection's name."""
    if consent.named_tenant:
        return f"asks to read the directory of tenant {consent.named_tenant}."
    return "asks to read the directory of the organization whose administrator you are."


def asked_permissions(attributes: Sequence[str]) -> list[tuple[str, str]]:
    """What an administrator is asked for: names, each with what it is for."""
    return [
        (one.name, one.feature if one.is_required else f"optional, if the app asks for it: {one.feature}")
        for one in permissions_for(attributes)
    ]


def held_permissions(connection: Connection, attributes: Sequence[str]) -> list[tuple[str, str]]:
    """How each permission stands: names, each with the state, what it is for, and what to do where it is missing."""
    return [(status.permission.name, _held(status)) for status in permission_statuses(connection, attributes)]


def _held(status: PermissionStatus) -> str:
    feature, name = status.permission.feature, status.permission.name
    if status.grant is Grant.GRANTED:
        wider = f" by `{status.granted_by}`" if status.granted_by not in {"", name} else ""
        return f"granted{wider}: {feature}"
    word = "not known" if status.grant is Grant.UNKNOWN else "not granted"
    if not status.permission.is_required:
        return f"{word}, and optional: {feature}"
    return f"{word}: {feature}; {status.remedy}"


def trouble(error: EntraidError) -> TroubleView:
    """How an error is headed."""
    title = next((title for kind, title in _TITLES if isinstance(error, kind)), "Something went wrong")
    facts: list[tuple[str, str]] = []
    if isinstance(error, ConsentDeclined):
        facts.append(("Microsoft's word", error.error))
    if isinstance(error, ConsentDeclined | CredentialsRejected):
        facts += [(term, value) for term, value in (("Code", error.aadsts), ("Trace ID", error.trace_id)) if value]
    if isinstance(error, PermissionMissing):
        facts.append(("Missing", ", ".join(error.missing)))
    message = _TRACE_TAIL.sub("", str(error))
    found = _SEE_TAIL.search(message)
    return TroubleView(title, _SEE_TAIL.sub("", message), found[1] if found else "", facts)


def outcome(run: SyncRun | None) -> OutcomeView:
    """How far the first sync is; None before it began."""
    state = RunState.PENDING if run is None else run.state
    title, mark, sign = _head(state)
    progress = run.progress if run is not None else None
    is_done = state is RunState.SUCCEEDED
    return OutcomeView(
        title=title,
        mark=mark,
        sign=sign,
        phase=phase(run),
        step=_STEPS if is_done else _step(run),
        is_final=state.is_final,
        users=f"{progress.users if progress else 0:,}",
        groups=f"{progress.groups if progress else 0:,}",
        memberships=f"{progress.memberships if progress else 0:,}",
        note=_note(run, state),
    )


def phase(run: SyncRun | None) -> str:
    """What the sync is doing."""
    if run is None or not run.state.is_final:
        return _READING[None if run is None else run.progress.phase]
    return "Done" if run.state is RunState.SUCCEEDED else "Stopped"


def _head(state: RunState) -> tuple[str, str, str]:
    if not state.is_final:
        return "Connected, reading your directory", "busy", "…"
    if state is RunState.SUCCEEDED:
        return "Connected", "good", "✓"
    return "Connected, but the first sync stopped", "bad", "!"


def _step(run: SyncRun | None) -> int:
    return 0 if run is None or run.progress.phase is None else run.progress.phase.value - 1


def _note(run: SyncRun | None, state: RunState) -> str:
    if not state.is_final:
        return "you can close this page, the sync goes on without it"
    if state is RunState.SUCCEEDED:
        return "your directory is in sync, and you can close this page"
    why = run.error.message if run is not None and run.error is not None else "it ended before everything was read"
    return f"{why}; the connection stays, and the service tries again by itself"
