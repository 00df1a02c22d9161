"""What `entraidctl` tells a script by its exit code."""

from __future__ import annotations

from enum import IntEnum

from entraid_client import errors


class ExitCode(IntEnum):
    """Exit codes, part of the interface: scripts rely on them."""

    OK = 0
    """Done; of `evaluate`: allowed."""

    ERROR = 1
    """Failed for a reason that has no code of its own; of `sync`: the run failed or was cancelled."""

    USAGE = 2
    """The command line or the request is wrong."""

    DENIED = 3
    """`evaluate`: denied."""

    UNAVAILABLE = 4
    """Service, Microsoft Graph or network are unavailable; the same command may succeed later."""

    REAUTHORIZE = 5
    """An administrator has to act in Microsoft Entra."""

    NO_DATA = 6
    """The data for an answer is not there or too old, or a sync is under way already."""

    HELD = 7
    """`sync`, `cancel`: the run waits for approval, as it would remove more than the service allows."""

    INTERRUPTED = 130
    """Stopped by Ctrl-C."""


def exit_code(error: errors.EntraidError) -> ExitCode:
    """The code for a failed call."""
    match error:
        case errors.RetryLater():
            return ExitCode.UNAVAILABLE
        case errors.Reauthorize():
            return ExitCode.REAUTHORIZE
        case errors.FixRequest():
            return ExitCode.USAGE
        case errors.Resync():
            return ExitCode.NO_DATA
        case _:
            return ExitCode.ERROR
