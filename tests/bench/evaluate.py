"""`make bench-evaluate`: what a decision costs beside the RPC, each figure as a ratio to something measured here.

Kinds of load take turns, round after round, so that what else the machine does falls on all of them alike; the median
round counts. Our server has everything on, the audit log too; the peer is the same gRPC server with a handler that does
nothing. The tenant is built once and kept in `build/bench`. The table is printed and kept in `docs/benchmarks.md` with
the plot of latency over load, the figures in `build/bench/evaluate.json`.
"""

import argparse
import asyncio
import json
import os
import platform
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import plot, tenant
from bench.load import Result
from bench.servers import TESTS, Server, nothing, ours

ROOT = TESTS.parent
BUILD = ROOT / "build" / "bench"
PAGE = ROOT / "docs" / "benchmarks.md"
_MARK = "<!-- evaluate: written by `make bench-evaluate` -->"
_END_MARK = "<!-- end of evaluate -->"
_LOADS = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True, slots=True)
class Round:
    """One load on one server, and the processor time that the server took for each answer."""

    result: Result
    cpu_microseconds: float


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of the table."""

    name: str
    value: float
    unit: str
    bound: str
    is_met: bool


def main() -> int:
    """Measures, prints, writes. The exit code tells of failed answers, not of bounds: machines differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--write", action="store_true", help="also write docs/benchmarks.md and the plot")
    options = parser.parse_args()
    database = _database()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tenant.db"
        shutil.copy(database, copy)
        figures, curves = _measure(copy, Path(folder), options.rounds, options.seconds)
    table = _table(figures)
    print(table)  # noqa: T201 - what the command is for
    facts = {"machine": _machine(), "figures": [asdict(figure) for figure in figures], "curves": curves}
    (BUILD / "evaluate.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    if options.write:
        (PAGE.parent / "benchmarks-evaluate.svg").write_text(
            plot.curves(curves, x="calls under way", y="median latency, ms"), encoding="utf-8"
        )
        _write_page(table)
    return 0


def _database() -> Path:
    BUILD.mkdir(parents=True, exist_ok=True)
    path = BUILD / "tenant.db"
    if not path.exists():
        print("building the tenant, once", file=sys.stderr)  # noqa: T201 - it takes a while
        draft = BUILD / "new.db"
        for left in BUILD.glob("new.db*"):
            left.unlink()
        asyncio.run(tenant.build(draft))
        draft.rename(path)
    return path


def _measure(
    database: Path, folder: Path, rounds: int, seconds: float
) -> tuple[list[Figure], dict[str, list[tuple[float, float]]]]:
    with nothing(folder) as peer, ours(database, folder, workers=1) as one:
        _load(one, seconds=2 * seconds)  # whoever is asked about often is known from here on
        found = _in_turns(
            rounds,
            {
                "unary": lambda: _load(one, seconds=seconds),
                "nothing": lambda: _load(peer, seconds=seconds),
                "batch": lambda: _load(one, seconds=seconds, method="BatchEvaluateAccess", connections=2, streams=1),
                "stream": lambda: _load(one, seconds=seconds, method="StreamEvaluateAccess"),
                "single": lambda: _load(one, seconds=seconds / 2, connections=1, streams=1),
                "single nothing": lambda: _load(peer, seconds=seconds / 2, connections=1, streams=1),
                "single cold": lambda: _load(  # a seed of its own each time: nobody is to be known
                    one, seconds=seconds / 2, connections=1, streams=1, cold=True, seed=secrets.randbelow(10_000)
                ),
            },
        )
        curves = {
            "entraid": [_point(one, streams) for streams in _LOADS],
            "do-nothing handler": [_point(peer, streams) for streams in _LOADS],
        }
        memory = max(one.resident_mib())
        with ours(database, folder, workers=2) as two:
            _load(two, seconds=2 * seconds)
            scaled = _in_turns(
                rounds,
                {"one": lambda: _load(one, seconds=seconds), "two": lambda: _load(two, seconds=seconds)},
            )
            memory = max(memory, *two.resident_mib())
    found |= scaled
    return _figures(found, memory=memory, first=one.first_answer_seconds), curves


def _in_turns(rounds: int, loads: dict[str, Callable[[], Round]]) -> dict[str, list[Round]]:
    found: dict[str, list[Round]] = {name: [] for name in loads}
    for _ in range(rounds):
        for name, load in loads.items():
            found[name].append(load())
    return found


def _load(server: Server, **order: object) -> Round:
    before = server.cpu_seconds()
    line = [sys.executable, "-m", "bench.load", json.dumps({"port": server.port, **order})]
    printed = subprocess.run(line, cwd=TESTS, check=True, capture_output=True, text=True).stdout
    result = Result(**json.loads(printed))
    if result.failures:
        raise RuntimeError(f"{result.failures} of {result.answers} answers failed: the figures would mean nothing")
    return Round(result, (server.cpu_seconds() - before) / result.answers * 1e6)


def _point(server: Server, streams: int) -> tuple[float, float]:
    return streams, _load(server, seconds=1.0, connections=min(streams, 8), streams=max(1, streams // 8)).result.p50


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
        Figure("unary, decisions/s", rate("unary"), "/s", "", is_met=True),
        Figure("do-nothing handler, answers/s", rate("nothing"), "/s", "", is_met=True),
        _at_least("unary against do-nothing, answers/s", rate("unary") / rate("nothing"), 0.90),
        _at_most("unary against do-nothing, median latency", median("single") / median("single nothing"), 1.15),
        Figure("unary, processor time a decision", cost("unary"), "µs", "", is_met=True),
        Figure("do-nothing handler, processor time an answer", cost("nothing"), "µs", "", is_met=True),
        _at_least("two workers against one, decisions/s", rate("two") / rate("one"), 1.5),
        _at_least("batches of 500 against unary, decisions/s", rate("batch") / rate("unary"), 10),
        _at_least("stream against unary, decisions/s", rate("stream") / rate("unary"), 1.5),
        _at_most("memory of a worker", memory, 256, unit="MiB"),
        _at_most("first answer after the start", first, 2, unit="s"),
        _at_most("a user who was not asked about before, 99th percentile", worst("single cold") / worst("single"), 3),
    ]  # fmt: skip


def _at_least(name: str, value: float, bound: float) -> Figure:
    return Figure(name, value, "×", f"≥ {bound:g}", is_met=value >= bound)


def _at_most(name: str, value: float, bound: float, *, unit: str = "×") -> Figure:
    return Figure(name, value, unit, f"≤ {bound:g}", is_met=value <= bound)


def _table(figures: Sequence[Figure]) -> str:
    lines = ["| what | measured | bound | met |", "|---|---|---|---|"]
    for figure in figures:
        met = ("yes" if figure.is_met else "no") if figure.bound else ""
        digits = 0 if figure.value >= 100 else 2
        lines.append(f"| {figure.name} | {figure.value:.{digits}f} {figure.unit} | {figure.bound} | {met} |")
    return "\n".join(lines)


def _machine() -> str:
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    for line in info.splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    load = os.getloadavg()[0]
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} processors ({model}), Python {platform.python_version()}, "
        f"{platform.system()}; load average at the end {load:.1f}"
    )


def _write_page(table: str) -> None:
    picture = "![Median latency over calls under way](benchmarks-evaluate.svg)"
    body = f"{_MARK}\n\n{_machine()}\n\n{table}\n\n{picture}\n\n{_END_MARK}"
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else f"# Benchmarks\n\n{_MARK}\n{_END_MARK}\n"
    if _MARK not in page:
        page += f"\n{_MARK}\n{_END_MARK}\n"
    before, _, rest = page.partition(_MARK)
    PAGE.write_text(before + body + rest.partition(_END_MARK)[2], encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
