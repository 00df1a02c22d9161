"""`make bench-evaluate`: what a decision costs beside the RPC, each figure as a ratio to something measured here.

Kinds of load take turns, round after round, so that what else the machine does falls on all of them alike; the median
round counts. Our server has everything on, the audit log too. The peer is a gRPC server with a handler that does
nothing: grpc.aio as it comes, and once more with what our server does to take calls. The tenant is built once and kept
in `build/bench`. The table is printed and kept in `docs/benchmarks.md` with the plot of latency over load, the figures
in `build/bench/evaluate.json`.
"""

import argparse
import itertools
import json
import shutil
import statistics
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path

from bench import page, plot, tenant
from bench.page import Figure, at_least, at_most
from bench.servers import BUILD, Server, nothing, ours
from bench.turns import Round, in_turns, load

_PICTURE = "![Median latency over calls under way](benchmarks-evaluate.svg)"
_LOADS = (1, 2, 4, 8, 16, 32, 64)
_WARM_UPS = 8
"""Loads of 60,000 questions in batches: together as many as are asked in two minutes by single calls."""


def main() -> int:
    """Measures, prints, writes. The exit code tells of failed answers, not of bounds: machines differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--write", action="store_true", help="also write docs/benchmarks.md and the plot")
    options = parser.parse_args()
    database = tenant.kept(BUILD)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tenant.db"
        shutil.copy(database, copy)
        figures, curves = _measure(copy, Path(folder), options.rounds, options.seconds)
    table = page.table(figures)
    print(table)  # noqa: T201 - what the command is for
    facts = {"machine": page.machine(), "figures": [asdict(figure) for figure in figures], "curves": curves}
    (BUILD / "evaluate.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    if options.write:
        (page.PAGE.parent / "benchmarks-evaluate.svg").write_text(
            plot.curves(curves, x="calls under way", y="median latency, ms"), encoding="utf-8"
        )
        page.write("evaluate", f"{page.machine()}\n\n{table}\n\n{_PICTURE}")
    return 0


class _Loads:
    """Loads of so many seconds, each with new questions: what was decided lately is kept."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._seeds = itertools.count(1)

    def ask(self, server: Server, **order: object) -> Round:
        """One load."""
        return load(server, **{"seconds": self._seconds, "seed": next(self._seeds), **order})

    def ask_one_by_one(self, server: Server, **order: object) -> Round:
        """A call after the other, for half the time."""
        return self.ask(server, seconds=self._seconds / 2, connections=1, streams=1, **order)

    def warm_up(self, server: Server) -> None:
        """Whoever is asked about often is known from here on."""
        for _ in range(_WARM_UPS):
            self.ask(server, method="BatchEvaluateAccess", connections=4, streams=1, bodies=60_000)
        self.ask(server)


def _measure(
    database: Path, folder: Path, rounds: int, seconds: float
) -> tuple[list[Figure], dict[str, list[tuple[float, float]]]]:
    loads = _Loads(seconds)
    beside = folder / "alike"
    beside.mkdir()
    with (
        nothing(folder) as peer,
        nothing(beside, is_like_ours=True) as alike,
        ours(database, folder, workers=1) as one,
    ):
        loads.warm_up(one)
        found = in_turns(
            rounds,
            {
                "unary": partial(loads.ask, one),
                "nothing": partial(loads.ask, peer),
                "alike": partial(loads.ask, alike),
                "batch": partial(loads.ask, one, method="BatchEvaluateAccess", connections=2, streams=1),
                "stream": partial(loads.ask, one, method="StreamEvaluateAccess"),
                "single": partial(loads.ask_one_by_one, one),
                "single nothing": partial(loads.ask_one_by_one, peer),
                "single alike": partial(loads.ask_one_by_one, alike),
                "single cold": partial(loads.ask_one_by_one, one, cold=True),
            },
        )
        curves = {
            "entraid": [_point(one, streams) for streams in _LOADS],
            "do-nothing handler": [_point(peer, streams) for streams in _LOADS],
            "do-nothing handler, server as ours": [_point(alike, streams) for streams in _LOADS],
        }
        memory = max(one.resident_mib())
    spread, memory_of_workers = _spread_over_workers(database, folder, rounds, loads)
    return _figures(found | spread, memory=max(memory, memory_of_workers), first=one.first_answer_seconds), curves


def _spread_over_workers(
    database: Path, folder: Path, rounds: int, loads: _Loads
) -> tuple[dict[str, list[Round]], float]:
    """Loads on one and two processes, with shared processors and with a processor each; and the most memory of one."""
    with ExitStack() as stack:
        servers = {}
        for count, processors in itertools.product((1, 2), ("shared", "own")):
            us = stack.enter_context(ours(database, folder, workers=count, processors=processors))
            loads.warm_up(us)
            servers[f"{count} {processors}"] = us
            peer = stack.enter_context(nothing(folder, processes=count, processors=processors, is_like_ours=True))
            servers[f"{count} {processors} nothing"] = peer
        # As evenly over two processes as the kernel does it.
        asked = {name: partial(loads.ask, server, connections=16, streams=2) for name, server in servers.items()}
        found = in_turns(rounds, asked)
        return found, max(memory for server in servers.values() for memory in server.resident_mib())


def _point(server: Server, streams: int) -> tuple[float, float]:
    return streams, load(server, seconds=1.0, connections=min(streams, 8), streams=max(1, streams // 8)).result.p50


def _figures(found: dict[str, list[Round]], *, memory: float, first: float) -> list[Figure]:
    def rate(name: str) -> float:
        return statistics.median(one.result.per_second for one in found[name])

    def median(name: str) -> float:
        return statistics.median(one.result.p50 for one in found[name])

    def worst(name: str) -> float:
        return statistics.median(one.result.p99 for one in found[name])

    def cost(name: str) -> float:
        return statistics.median(one.cpu_microseconds for one in found[name])

    return [
        Figure("unary, decisions/s", rate("unary"), "/s"),
        Figure("do-nothing handler, answers/s", rate("nothing"), "/s"),
        at_least("unary against do-nothing, answers/s", rate("unary") / rate("nothing"), 0.90),
        at_most("unary against do-nothing, median latency", median("single") / median("single nothing"), 1.15),
        Figure("do-nothing handler, its server as ours, answers/s", rate("alike"), "/s"),
        at_least("unary against do-nothing, its server as ours, answers/s", rate("unary") / rate("alike"), 0.90),
        at_most(
            "unary against do-nothing, its server as ours, median latency",
            median("single") / median("single alike"),
            1.15,
        ),
        Figure("unary, processor time a decision", cost("unary"), "µs"),
        Figure("do-nothing handler, processor time an answer", cost("nothing"), "µs"),
        Figure("two workers, processors shared, decisions/s", rate("2 shared"), "/s"),
        at_least("two workers against one, processors shared, decisions/s", rate("2 shared") / rate("1 shared"), 1.5),
        Figure(
            "two do-nothing processes as ours against one, processors shared, answers/s",
            rate("2 shared nothing") / rate("1 shared nothing"),
            "×",
        ),
        Figure("two workers, a processor each, decisions/s", rate("2 own"), "/s"),
        at_least(
            "two workers against one, a processor each, decisions/s", rate("2 own") / rate("1 own"), 1.5
        ),
        Figure(
            "two do-nothing processes as ours against one, a processor each, answers/s",
            rate("2 own nothing") / rate("1 own nothing"),
            "×",
        ),
        at_least("batches of 500 against unary, decisions/s", rate("batch") / rate("unary"), 10),
        at_least("stream against unary, decisions/s", rate("stream") / rate("unary"), 1.5),
        at_most("memory of a worker", memory, 256, unit="MiB"),
        at_most("first answer after the start", first, 2, unit="s"),
        at_most("a user who was not asked about before, 99th percentile", worst("single cold") / worst("single"), 3),
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
