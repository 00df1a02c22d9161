"""Turns the contract's values into words: enums, times, counts. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

from entraid.v1 import access_service_pb2, connection_service_pb2, directory_service_pb2, sync_service_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.timestamp_pb2 import Timestamp

_Value = TypeVar("_Value", bound=int)

_MINUTE: Final = 60


def connection_state(state: connection_service_pb2.Connection.State.ValueType) -> str:
    """For example `pending consent`; a value of a newer service by its number."""
    return _word(connection_service_pb2.Connection.State.Name, state, prefix="STATE_")


def permission_state(state: connection_service_pb2.Connection.Permission.State.ValueType) -> str:
    """For example `not granted`."""
    return _word(connection_service_pb2.Connection.Permission.State.Name, state, prefix="STATE_")


def run_state(state: sync_service_pb2.SyncRun.State.ValueType) -> str:
    """For example `running`."""
    return _word(sync_service_pb2.SyncRun.State.Name, state, prefix="STATE_")


def run_phase(phase: sync_service_pb2.SyncRun.Phase.ValueType) -> str:
    """For example `memberships`."""
    return _word(sync_service_pb2.SyncRun.Phase.Name, phase, prefix="PHASE_")


def sync_mode(mode: sync_service_pb2.SyncMode.ValueType) -> str:
    """For example `full`."""
    return _word(sync_service_pb2.SyncMode.Name, mode, prefix="SYNC_MODE_")


def resolution_state(state: sync_service_pb2.GroupResolution.State.ValueType) -> str:
    """For example `not found`."""
    return _word(sync_service_pb2.GroupResolution.State.Name, state, prefix="STATE_")


def group_kind(kind: directory_service_pb2.Group.Kind.ValueType) -> str:
    """For example `mail enabled security`."""
    return _word(directory_service_pb2.Group.Kind.Name, kind, prefix="KIND_")


def outcome(value: access_service_pb2.ConditionTrace.Outcome.ValueType) -> str:
    """For example `not satisfied`."""
    if value == access_service_pb2.ConditionTrace.OUTCOME_UNSPECIFIED:
        return "not looked at"
    return _word(access_service_pb2.ConditionTrace.Outcome.Name, value, prefix="OUTCOME_")


def reason_code(code: access_service_pb2.ReasonCode.ValueType) -> str:
    """For example `GROUP_MEMBER`: what a program would look for, without its prefix."""
    return _name(access_service_pb2.ReasonCode.Name, code, prefix="REASON_CODE_")


def issue_code(code: access_service_pb2.ConditionIssue.Code.ValueType) -> str:
    """For example `GROUP_NOT_FOUND`."""
    return _name(access_service_pb2.ConditionIssue.Code.Name, code, prefix="CODE_")


def operator(value: access_service_pb2.MatchOperator.ValueType) -> str:
    """For example `does not contain`; `is` where none is given, as the contract reads it."""
    if value == access_service_pb2.MATCH_OPERATOR_UNSPECIFIED:
        return "is"
    return _word(access_service_pb2.MatchOperator.Name, value, prefix="MATCH_OPERATOR_")


def moment(time: Timestamp) -> str:
    """UTC to the second, for example `2026-11-23 20:24:05 UTC`; `-` where it is not set."""
    if not time.seconds:
        return "-"
    return f"{time.ToDatetime():%Y-%m-%d %H:%M:%S} UTC"


def age(time: Timestamp) -> str:
    """How long ago, in the largest fitting unit, for example `3 min ago`; empty where it is not set."""
    if not time.seconds:
        return ""
    seconds = max(0, int((datetime.now(UTC) - time.ToDatetime(UTC)).total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"


def day(time: Timestamp) -> str:
    """For example `2027-05-01`; `-` where it is not set."""
    return f"{time.ToDatetime():%Y-%m-%d}" if time.seconds else "-"


def duration(start: Timestamp, end: Timestamp) -> str:
    """How long something took, for example `2.1 s` or `14 min`; `-` where it has not begun or not ended."""
    if not (start.seconds and end.seconds):
        return "-"
    seconds = (end.ToDatetime() - start.ToDatetime()).total_seconds()
    return f"{seconds:.1f} s" if seconds < _MINUTE else f"{seconds / _MINUTE:.0f} min"


def until(time: Timestamp) -> str:
    """How long from now, in the largest fitting unit, for example `in 3 min`; `now` for what is due, `-` if not set."""
    if not time.seconds:
        return "-"
    seconds = int((time.ToDatetime(UTC) - datetime.now(UTC)).total_seconds())
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"in {seconds // length} {unit}"
    return f"in {seconds} s" if seconds > 0 else "now"


def count(number: int, noun: str) -> str:
    """For example `1,204 users` or `1 user`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def last_segment(name: str) -> str:
    """The ID at the end of a resource name."""
    return name.rpartition("/")[2]


def _word(name_of: Callable[[_Value], str], value: _Value, *, prefix: str) -> str:
    return _name(name_of, value, prefix=prefix).replace("_", " ").lower()


def _name(name_of: Callable[[_Value], str], value: _Value, *, prefix: str) -> str:
    """The value's name without its prefix; its number if this client does not know it yet."""
    try:
        return name_of(value).removeprefix(prefix)
    except ValueError:
        return str(value)
