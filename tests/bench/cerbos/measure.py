"""`make bench-cerbos`: our decisions beside those of Cerbos, a policy server that is asked the same.

Cerbos keeps no directory: its caller sends the user's groups and attributes along. We are asked by the user's id alone.
Ours runs with two workers and everything on, the audit log too, and once more with a processor for each; Cerbos at its
default, which logs every call, and once more without that log; the do-nothing handler in two processes tells what gRPC
in Python can do here at all. Kinds of load take turns, round after round; the median round counts. The tables are
printed and, with `--write`, kept in `docs/benchmarks.md`, the figures in `build/bench/cerbos.json`.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median

from bench import bodies, page, tenant
from bench.cerbos import messages
from bench.cerbos.check import decide_alike
from bench.cerbos.messages import Question
from bench.cerbos.server import cerbos
from bench.page import Figure, at_least
from bench.servers import BUILD, Server, nothing, ours
from bench.turns import Round, in_turns, load
from entraid.v1 import access_service_pb2 as pb

_BATCH = 50  # as many resources as Cerbos takes in a call by default
_UNARY_BODIES, _BATCH_BODIES = 20_000, 2_000
_OURS, _OWN = "entraid, two workers", "entraid, two workers, a processor each"
_THEIRS, _QUIET = "Cerbos", "Cerbos, calls not logged"
_NOTHING = "do-nothing handler, two processes"
# The kernel spreads connections over our processes by chance: of sixteen, one hardly ever gets nearly all.
_UNARY: dict[str, object] = {"connections": 16, "streams": 2, "batch": 1}
_BATCHES: dict[str, object] = {"connections": 16, "streams": 1, "batch": _BATCH}


@dataclass(frozen=True, slots=True)
class Rate:
    """What a server did under one kind of load: the medians of all rounds, latencies in milliseconds, of calls."""

    server: str
    batch: int
    calls_per_second: float
    decisions_per_second: float
    p50: float
    p99: float
    cpu_microseconds: float


@dataclass(frozen=True, slots=True)
class Prepared:
    """The same questions in files, as each side takes them: one to a call, and a batch to a call."""

    ours: Path
    theirs: Path
    our_batches: Path
    their_batches: Path


def main() -> int:
    """Checks, measures, prints, writes. The exit code tells of wrong answers, not of bounds: machines differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--write", action="store_true", help="also write docs/benchmarks.md")
    options = parser.parse_args()
    kept = tenant.kept(BUILD)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tenant.db"
        shutil.copy(kept, copy)
        compared, rates = _measure(copy, Path(folder), options.rounds, options.seconds)
    figures = _figures(rates)
    text = f"{compared}.\n\n{_table(rates)}\n\n{page.table(figures)}"
    print(text)  # noqa: T201 - what the command is for
    facts = {"machine": page.machine(), "rates": [asdict(rate) for rate in rates], "figures": [*map(asdict, figures)]}
    (BUILD / "cerbos.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    if options.write:
        page.write("cerbos", f"{page.machine()}. {text}")
    return 0


def _measure(database: Path, folder: Path, rounds: int, seconds: float) -> tuple[str, list[Rate]]:
    sent = _prepared(folder)
    with (
        ours(database, folder, workers=2) as us,
        ours(database, folder, workers=2, processors="own") as bound,
        cerbos(folder) as them,
        cerbos(folder, level="warn") as quiet,
        nothing(folder, processes=2) as idle,
    ):
        compared = decide_alike(us, them)
        loads = {
            (_OURS, 1): _load(us, "EvaluateAccess", sent.ours, **_UNARY),
            (_OWN, 1): _load(bound, "EvaluateAccess", sent.ours, **_UNARY),
            (_THEIRS, 1): _load(them.server, messages.METHOD, sent.theirs, **_UNARY),
            (_QUIET, 1): _load(quiet.server, messages.METHOD, sent.theirs, **_UNARY),
            (_NOTHING, 1): _load(idle, "EvaluateAccess", sent.ours, **_UNARY),
            (_OURS, _BATCH): _load(us, "BatchEvaluateAccess", sent.our_batches, **_BATCHES),
            (_OWN, _BATCH): _load(bound, "BatchEvaluateAccess", sent.our_batches, **_BATCHES),
            (_THEIRS, _BATCH): _load(them.server, messages.METHOD, sent.their_batches, **_BATCHES),
            (_QUIET, _BATCH): _load(quiet.server, messages.METHOD, sent.their_batches, **_BATCHES),
        }
        for warm_up in loads.values():
            warm_up(seconds=2 * seconds)
        found = in_turns(rounds, {key: partial(one, seconds=seconds) for key, one in loads.items()})
    return compared, [_rate(server, batch, rounds) for (server, batch), rounds in found.items()]


def _prepared(folder: Path) -> Prepared:
    flows = tenant.conditions()
    asked = tenant.questions(_UNARY_BODIES, seed=1)
    # There are fewer flows than a batch has questions: some come twice.
    batches = [
        (user, [(flow + step) % len(flows) for step in range(_BATCH)])
        for user, flow in tenant.questions(_BATCH_BODIES, seed=2)
    ]
    our_batches = (
        pb.BatchEvaluateAccessRequest(requests=[tenant.request(user, flows[flow]) for flow in chosen])
        for user, chosen in batches
    )
    return Prepared(
        bodies.keep(folder / "ours", (tenant.request(user, flows[flow]).SerializeToString() for user, flow in asked)),
        bodies.keep(folder / "theirs", (Question(user, [flow]).as_message() for user, flow in asked)),
        bodies.keep(folder / "our-batches", (batch.SerializeToString() for batch in our_batches)),
        bodies.keep(folder / "their-batches", (Question(user, chosen).as_message() for user, chosen in batches)),
    )


def _load(server: Server, method: str, prepared: Path, **order: object) -> Callable[..., Round]:
    return partial(load, server, method=method, prepared=str(prepared), **order)


def _rate(server: str, batch: int, rounds: Sequence[Round]) -> Rate:
    results = [one.result for one in rounds]
    return Rate(
        server=server,
        batch=batch,
        calls_per_second=median(result.answers / result.seconds for result in results),
        decisions_per_second=median(result.per_second for result in results),
        p50=median(result.p50 for result in results),
        p99=median(result.p99 for result in results),
        cpu_microseconds=median(one.cpu_microseconds for one in rounds),
    )


def _figures(rates: Sequence[Rate]) -> list[Figure]:
    per_second = {(rate.server, rate.batch): rate.decisions_per_second for rate in rates}

    def against(peer: str, batch: int, *, server: str = _OURS) -> float:
        return per_second[server, batch] / per_second[peer, batch]

    return [
        at_least("unary against Cerbos, requests/s", against(_THEIRS, 1), 0.8),
        at_least(f"batches of {_BATCH} against Cerbos, decisions/s", against(_THEIRS, _BATCH), 2),
        Figure("unary, a processor each, against Cerbos", against(_THEIRS, 1, server=_OWN), "×"),
        Figure("unary against Cerbos with calls not logged", against(_QUIET, 1), "×"),
        Figure(f"batches of {_BATCH} against Cerbos with calls not logged", against(_QUIET, _BATCH), "×"),
        Figure("do-nothing handler, two processes, against Cerbos", against(_THEIRS, 1, server=_NOTHING), "×"),
        Figure("unary against do-nothing handler, two processes", against(_NOTHING, 1), "×"),
    ]


def _table(rates: Sequence[Rate]) -> str:
    lines = [
        "| load | server | calls/s | decisions/s | p50, ms | p99, ms | processor time a decision, µs |",
        "|---|---|---|---|---|---|---|",
    ]
    for rate in rates:
        name = "unary" if rate.batch == 1 else f"batches of {rate.batch}"
        lines.append(
            f"| {name} | {rate.server} | {rate.calls_per_second:,.0f} | {rate.decisions_per_second:,.0f} "
            f"| {rate.p50:.1f} | {rate.p99:.1f} | {rate.cpu_microseconds:,.1f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
