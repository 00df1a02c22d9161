"""The two processes of the demo: started, awaited until they are ready, stopped.

Each tells where it listens in a file.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

_READY_SECONDS = 30.0
_STOP_SECONDS = 15.0
_POLL_SECONDS = 0.02


class ProcessFailedError(Exception):
    """A process of the demo did not start; the text says which, and what it printed last."""


@contextmanager
def running(
    name: str, arguments: list[str], *, folder: Path, environment: Mapping[str, str]
) -> Iterator[dict[str, str]]:
    """Runs `entraid <arguments>` for as long as the context lasts, and gives the facts of its ready file.

    Args:
        name: For messages and for the log file `<name>.log` in the folder.
        arguments: Of the command; `--ready-file` is added.
        folder: Where its files go.
        environment: The whole environment of the process.

    Raises:
        ProcessFailedError: It ended, or was not ready in time.
    """
    ready = folder / f"{name}.ready.json"
    log = folder / f"{name}.log"
    command = [sys.executable, "-m", "entraid_service", *arguments, "--ready-file", str(ready)]
    with ExitStack() as stack:
        with log.open("wb") as output, _uninterrupted():
            process = subprocess.Popen(  # noqa: S603 - our own command
                command, stdout=output, stderr=output, cwd=folder, env=dict(environment)
            )
            stack.callback(_stop, process)
        yield _await_ready(name, process, ready=ready, log=log)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Holds back Ctrl-C and SIGTERM: between its start and the note to stop it, a process must not be forgotten."""
    held: list[int] = []
    former = {one: signal.signal(one, lambda number, _: held.append(number)) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in former.items():
            signal.signal(one, handler)
    if held:
        raise KeyboardInterrupt


def _await_ready(name: str, process: subprocess.Popen[bytes], *, ready: Path, log: Path) -> dict[str, str]:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if ready.exists():
            facts: dict[str, str] = json.loads(ready.read_text(encoding="utf-8"))
            return facts
        if process.poll() is not None:
            break
        time.sleep(_POLL_SECONDS)
    tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise ProcessFailedError(f"the {name} did not start; the end of `{log}`:\n{tail}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    with _uninterrupted():
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
