"""Metrics of several processes in one text.

What is counted keeps the process that counted it, as the label `worker`: a process that was started anew begins at 0,
and only in a series of its own does Prometheus take that for what it is. Gauges are moments in time, which all
processes tell of the same things: of each the latest is shown, without a label.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

import msgspec
from prometheus_client import CollectorRegistry, Metric, generate_latest

WORKER: Final = "worker"
NOTHING: Final = b"[]"
"""The dump of a process that has nothing to tell yet."""


class _Sample(NamedTuple):
    name: str
    labels: dict[str, str]
    value: float


class _Family(NamedTuple):
    name: str
    documentation: str
    kind: str
    samples: list[_Sample]


def dump(registry: CollectorRegistry) -> bytes:
    """Everything in a registry, for another process of the same release."""
    return msgspec.json.encode(list(_families(registry)))


def pooled(registry: CollectorRegistry, others: Mapping[int, bytes]) -> bytes:
    """What worker 0 has in its registry and what the others `dump`ed, by their numbers, in Prometheus' text format."""
    told: list[tuple[int, Iterable[_Family]]] = [(0, _families(registry))]
    told += [(number, msgspec.json.decode(data, type=list[_Family])) for number, data in sorted(others.items())]
    pool = _Pool()
    for number, families in told:
        for family in families:
            pool.add(family, worker=number)
    return generate_latest(pool)


def _families(registry: CollectorRegistry) -> Iterator[_Family]:
    for metric in registry.collect():
        samples = [_Sample(sample.name, sample.labels, sample.value) for sample in metric.samples]
        yield _Family(metric.name, metric.documentation, metric.type, samples)


class _Pool(CollectorRegistry):
    """A registry of what others have counted."""

    def __init__(self) -> None:
        super().__init__()
        self._metrics: dict[str, Metric] = {}

    def add(self, family: _Family, *, worker: int) -> None:
        """Takes in what one worker tells of one family."""
        metric = self._metrics.get(family.name)
        if metric is None:
            metric = self._metrics[family.name] = Metric(family.name, family.documentation, family.kind)
        if family.kind == "gauge":
            self._add_moments(metric, family.samples)
            return
        for sample in family.samples:
            metric.add_sample(sample.name, {**sample.labels, WORKER: str(worker)}, sample.value)

    def collect(self) -> Iterator[Metric]:
        """See `CollectorRegistry`."""
        return iter(self._metrics.values())

    def _add_moments(self, metric: Metric, samples: Iterable[_Sample]) -> None:
        latest = {frozenset(sample.labels.items()): sample.value for sample in metric.samples}
        for sample in samples:
            key = frozenset(sample.labels.items())
            latest[key] = max(sample.value, latest.get(key, sample.value))
        metric.samples = []
        for labels, value in latest.items():
            metric.add_sample(metric.name, dict(labels), value)
