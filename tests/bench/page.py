"""The parts of `docs/benchmarks.md` that benchmarks write: a table between two marks, with the machine and the day."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of a table; without a bound it is told and not judged."""

    name: str
    value: float
    unit: str
    bound: str = ""
    is_met: bool = True


def at_least(name: str, value: float, bound: float, *, unit: str = "×") -> Figure:
    """A figure that should not be less."""
    return Figure(name, value, unit, f"≥ {bound:g}", value >= bound)


def at_most(name: str, value: float, bound: float, *, unit: str = "×") -> Figure:
    """A figure that should not be more."""
    return Figure(name, value, unit, f"≤ {bound:g}", value <= bound)


def table(figures: Sequence[Figure]) -> str:
    """The figures as a table in Markdown."""
    lines = ["| what | measured | bound | met |", "|---|---|---|---|"]
    for figure in figures:
        met = ("yes" if figure.is_met else "no") if figure.bound else ""
        digits = 0 if figure.value >= 100 else 2
        lines.append(f"| {figure.name} | {figure.value:,.{digits}f} {figure.unit} | {figure.bound} | {met} |")
    return "\n".join(lines)


def machine() -> str:
    """The day, what it was measured on, and how busy that was."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} processors ({model}), Python {platform.python_version()}, "
        f"{platform.system()}; load average at the end {os.getloadavg()[0]:.1f}"
    )


def write(benchmark: str, body: str) -> None:
    """Puts a benchmark's part, `sync` for example, in the place of the former one."""
    begin, end = f"<!-- {benchmark}: written by `make bench-{benchmark}` -->", f"<!-- end of {benchmark} -->"
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    PAGE.write_text(f"{before}{begin}\n\n{body}\n\n{end}{rest.partition(end)[2]}", encoding="utf-8")
