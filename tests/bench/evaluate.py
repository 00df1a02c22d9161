"""`make bench-evaluate`: what a decision costs beside the RPC, each figure as a ratio to something measured here.

Kinds of load take turns, round after round, so that what else the machine does falls on all of them alike; the median
round counts. Our server has everything on, the audit log too; the peer is the same gRPC server with a handler that does
nothing. The tenant is built once and kept in `build/bench`. The table is printed and kept in `docs/benchmarks.md` with
the plot of latency over load, the figures in `build/bench/evaluate.json`.
"""

import argparse
import itertools
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
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


def _measure(
    database: Path, folder: Path, rounds: int, seconds: float
) -> tuple[list[Figure], dict[str, list[tuple[float, float]]]]:
    seeds = itertools.count(1)  # new questions in each round: what was decided lately is kept

    def asked(server: Server, **order: object) -> Round:
        return load(server, **{"seconds": seconds, "seed": next(seeds), **order})

    def warm_up(server: Server) -> None:
        """Whoever is asked about often is known from here on."""
        for _ in range(_WARM_UPS):
            asked(server, method="BatchEvaluateAccess", connections=4, streams=1, bodies=60_000)
        asked(server)

    beside = folder / "together"
    beside.mkdir()
    with (
        nothing(folder) as peer,
        nothing(beside, is_together=True) as together,
        ours(database, folder, workers=1) as one,
    ):
        warm_up(one)
        alone = {"seconds": seconds / 2, "connections": 1, "streams": 1}
        found = in_turns(
            rounds,
            {
                "unary": lambda: asked(one),
                "nothing": lambda: asked(peer),
                "nothing together": lambda: asked(together),
                "batch": lambda: asked(one, method="BatchEvaluateAccess", connections=2, streams=1),
                "stream": lambda: asked(one, method="StreamEvaluateAccess"),
                "single": lambda: asked(one, **alone),
                "single nothing": lambda: asked(peer, **alone),
                "single cold": lambda: asked(one, **alone, cold=True),
            },
        )
        curves = {
            "entraid": [_point(one, streams) for streams in _LOADS],
            "do-nothing handler": [_point(peer, streams) for streams in _LOADS],
        }
        memory = max(one.resident_mib())
        with ours(database, folder, workers=2) as two, nothing(folder, processes=2) as peers:
            warm_up(two)
            servers = {"one": one, "two": two, "one nothing": peer, "two nothing": peers}
            found |= in_turns(rounds, _spread_over(servers, asked))
            memory = max(memory, *two.resident_mib())
    return _figures(found, memory=memory, first=one.first_answer_seconds), curves


def _spread_over(servers: dict[str, Server], asked: Callable[..., Round]) -> dict[str, Callable[[], Round]]:
    """Loads on one and two processes: all processors for all of them, and a processor each."""
    spread = {"connections": 16, "streams": 2}  # as evenly over two processes as the kernel does it

    def with_a_processor_each(server: Server) -> Round:
        with server.a_processor_each():
            return asked(server, **spread)

    loads: dict[str, Callable[[], Round]] = {}
    for name, server in servers.items():
        loads[name] = partial(asked, server, **spread)
        loads[f"{name}, a processor each"] = partial(with_a_processor_each, server)
    return loads


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
        Figure("do-nothing handler, answered together under load, answers/s", rate("nothing together"), "/s"),
        Figure("unary, processor time a decision", cost("unary"), "µs"),
        Figure("do-nothing handler, processor time an answer", cost("nothing"), "µs"),
        at_least(
            "two workers against one, a processor each, decisions/s",
            rate("two, a processor each") / rate("one, a processor each"),
            1.5,
        ),
        Figure(
            "two do-nothing processes against one, a processor each, answers/s",
            rate("two nothing, a processor each") / rate("one nothing, a processor each"),
            "×",
        ),
        at_least("two workers against one, all processors for both, decisions/s", rate("two") / rate("one"), 1.5),
        Figure(
            "two do-nothing processes against one, all processors for both, answers/s",
            rate("two nothing") / rate("one nothing"),
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
