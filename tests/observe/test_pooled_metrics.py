"""What several processes count, in one text."""

from collections.abc import Iterable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from entraid_service.observe.metrics import Metrics
from entraid_service.observe.pooled import NOTHING, dump, pooled


def _values(text: bytes, name: str) -> dict[tuple[tuple[str, str], ...], float]:
    samples = (sample for family in text_string_to_metric_families(text.decode()) for sample in family.samples)
    return {tuple(sorted(sample.labels.items())): sample.value for sample in samples if sample.name == name}


def test_counts_stay_apart_by_worker() -> None:
    """So that one that is started anew, and counts from 0, is seen as that."""
    first, second = Metrics(), Metrics()
    for metrics, times in ((first, 1), (second, 2)):
        for _ in range(times):
            metrics.count_decision(is_allowed=True)
            metrics.calls("/a/B", "OK")(0.2)
    text = pooled(first.registry, {1: dump(second.registry)})
    assert _values(text, "entraid_decisions_total") == {
        (("outcome", "allow"), ("worker", "0")): 1,
        (("outcome", "allow"), ("worker", "1")): 2,
        (("outcome", "deny"), ("worker", "0")): 0,
        (("outcome", "deny"), ("worker", "1")): 0,
    }
    count = _values(text, "entraid_rpc_duration_seconds_count")
    assert sorted(count.values()) == [1, 2]
    assert text.count(b"# TYPE entraid_decisions_total counter") == 1


@pytest.mark.parametrize("times", [(5.0, 7.0), (7.0, 5.0)])
def test_of_moments_the_latest_is_told(times: Iterable[float]) -> None:
    """Both tell of the same connection; whoever renewed its certificate last is right."""
    first, second = Metrics(), Metrics()
    for metrics, moment in zip((first, second), times, strict=True):
        metrics.note_snapshots({"main": moment})
    found = _values(pooled(first.registry, {1: dump(second.registry)}), "entraid_snapshot_sync_time_seconds")
    assert found == {(("connection", "main"),): 7.0}


def test_a_worker_that_has_nothing_to_tell_yet_is_left_out() -> None:
    """It is just being started."""
    metrics = Metrics()
    metrics.count_decision(is_allowed=False)
    found = _values(pooled(metrics.registry, {1: NOTHING}), "entraid_decisions_total")
    assert set(found) == {(("outcome", "allow"), ("worker", "0")), (("outcome", "deny"), ("worker", "0"))}


def test_a_line_break_in_a_label_does_not_break_the_text() -> None:
    """Nothing of ours has one; what is passed on between processes is escaped all the same."""
    metrics = Metrics()
    metrics.note_snapshots({'a"\n\\b': 3.0})
    found = _values(pooled(Metrics().registry, {1: dump(metrics.registry)}), "entraid_snapshot_sync_time_seconds")
    assert found == {(("connection", 'a"\n\\b'),): 3.0}
