"""What happens with every call, counted in plain numbers and told to Prometheus when it asks.

The library's own histogram takes locks and walks its buckets one by one: for a call that is answered in microseconds
that is a tenth of the whole. These are counted in the event loop alone.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

_BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Seconds."""


class _Durations:
    """Calls by duration: one count for each bound and one beyond them, and the sum of seconds."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(_BOUNDS) + 1)
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        """One call took so long."""
        self.counts[bisect_left(_BOUNDS, seconds)] += 1
        self.seconds += seconds

    def buckets(self) -> Iterator[tuple[str, float]]:
        """As Prometheus has them: how many took at most so long."""
        total = 0
        for bound, count in zip((*map(str, map(float, _BOUNDS)), "+Inf"), self.counts, strict=True):
            total += count
            yield bound, total


class Tallies(Collector):
    """Calls answered and decisions made."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, str], _Durations] = {}
        self._allowed = 0
        self._denied = 0

    def calls(self, method: str, code: str) -> Callable[[float], None]:
        """What takes the seconds of each call of a method that ended with a code.

        `method` is one that the server has, `code` the name of a gRPC status code.
        """
        return self._calls.setdefault((method, code), _Durations()).add

    def count_decision(self, is_allowed: bool) -> None:
        """A decision was made."""
        if is_allowed:
            self._allowed += 1
        else:
            self._denied += 1

    def count_decisions(self, are_allowed: Sequence[bool]) -> None:
        """Several were made."""
        allowed = are_allowed.count(True)
        self._allowed += allowed
        self._denied += len(are_allowed) - allowed

    def collect(self) -> Iterator[Metric]:
        """See https://prometheus.github.io/client_python/collector/custom/."""
        calls = HistogramMetricFamily(
            "entraid_rpc_duration_seconds", "Calls answered, by method and gRPC code.", labels=("method", "code")
        )
        for (method, code), durations in self._calls.items():
            calls.add_metric((method.lstrip("/"), code), list(durations.buckets()), durations.seconds)
        yield calls
        decisions = CounterMetricFamily("entraid_decisions", "Decisions made, by outcome.", labels=("outcome",))
        decisions.add_metric(("allow",), self._allowed)
        decisions.add_metric(("deny",), self._denied)
        yield decisions
