"""Runs `entraidctl` as a process of its own, as a person or a script would."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PROGRAM = Path(sys.executable).parent / "entraidctl"
TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        """Everything it printed."""
        return self.out + self.err


async def entraidctl(*arguments: str, stdin: str = "", env: Mapping[str, str] | None = None) -> Ended:
    """Runs the command without a terminal, with nothing of our environment that it reads."""
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**clean_environment(), **(env or {})},
    )
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            out, err = await process.communicate(stdin.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Ended(process.returncode or 0, out.decode(), err.decode())


def clean_environment() -> dict[str, str]:
    """The environment without what `entraidctl` or rich would read."""
    ours = ("ENTRAID", "COLUMNS", "NO_COLOR", "FORCE_COLOR", "TERM", "TTY_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}
