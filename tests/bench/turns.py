"""Loads that take turns, so that what else the machine does falls on all of them alike."""

import json
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from bench.load import Result
from bench.servers import TESTS, Server

_Name = TypeVar("_Name")


@dataclass(frozen=True, slots=True)
class Round:
    """One load on one server, and the processor time that the server took for each decision."""

    result: Result
    cpu_microseconds: float


def in_turns(rounds: int, loads: Mapping[_Name, Callable[[], Round]]) -> dict[_Name, list[Round]]:
    """Each load once, then each once more, and so on; each round begins with the next one, so that none has a place."""
    found: dict[_Name, list[Round]] = {name: [] for name in loads}
    order = deque(loads.items())
    for _ in range(rounds):
        for name, one in order:
            found[name].append(one())
        order.rotate(-1)
    return found


def load(server: Server, **order: object) -> Round:
    """A load from a process of its own, see `bench.load.Order`.

    Raises:
        RuntimeError: Some answers failed.
    """
    before = server.cpu_seconds()
    line = [sys.executable, "-m", "bench.load", json.dumps({"port": server.port, **order})]
    printed = subprocess.run(line, cwd=TESTS, check=True, capture_output=True, text=True).stdout
    result = Result(**json.loads(printed))
    if result.failures:
        raise RuntimeError(f"{result.failures} of {result.answers} answers failed: the figures would mean nothing")
    return Round(result, (server.cpu_seconds() - before) / result.decisions * 1e6)
