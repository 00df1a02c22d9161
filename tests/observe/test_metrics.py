from datetime import timedelta

from prometheus_client.parser import text_string_to_metric_families

from entraid_service.observe.metrics import Metrics


def _samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_what_happened_is_counted_under_its_labels() -> None:
    """Every count shows up in the text that Prometheus reads."""
    metrics = Metrics()
    metrics.calls("/entraid.v1.SyncService/Sync", "OK")(0.002)
    metrics.calls("/entraid.v1.SyncService/Sync", "OK")(0.003)
    metrics.count_decision(is_allowed=True)
    metrics.count_decision(is_allowed=False)
    metrics.count_decisions([False, True, False])
    metrics.count_run(mode="FULL", state="SUCCEEDED", duration=timedelta(seconds=3))
    metrics.count_run(mode="FULL", state="CANCELLED", duration=None)
    metrics.count_graph_request(200)
    metrics.count_graph_request(429)
    metrics.count_graph_request(None)
    metrics.note_snapshots({"main": 1_700_000_000.0})
    found = _samples(metrics)
    call = (("code", "OK"), ("method", "entraid.v1.SyncService/Sync"))
    assert found["entraid_rpc_duration_seconds_count", call] == 2
    assert found["entraid_decisions_total", (("outcome", "allow"),)] == 2
    assert found["entraid_decisions_total", (("outcome", "deny"),)] == 3
    assert found["entraid_sync_runs_total", (("mode", "full"), ("state", "succeeded"))] == 1
    assert found["entraid_sync_run_duration_seconds_count", (("mode", "full"),)] == 1
    assert found["entraid_graph_requests_total", (("status", "429"),)] == 1
    assert found["entraid_graph_requests_total", (("status", "none"),)] == 1
    assert found["entraid_graph_throttles_total", ()] == 1
    assert found["entraid_snapshot_sync_time_seconds", (("connection", "main"),)] == 1_700_000_000.0


def test_what_alarms_are_made_of_is_there_from_the_start() -> None:
    """A series that begins with its first event is no increase to Prometheus, and raises no alarm."""
    found = _samples(Metrics())
    assert found["entraid_sync_drift_changes_total", (("what", "memberships"),)] == 0
    assert found["entraid_sync_runs_total", (("mode", "full"), ("state", "held"))] == 0
    assert found["entraid_sync_runs_total", (("mode", "incremental"), ("state", "failed"))] == 0


def test_a_connection_that_is_gone_is_not_reported_any_more() -> None:
    """Its age would otherwise grow for ever and alarm somebody."""
    metrics = Metrics()
    metrics.note_snapshots({"main": 1.0})
    metrics.note_snapshots({})
    assert not [name for name, _ in _samples(metrics) if name == "entraid_snapshot_sync_time_seconds"]


def test_two_services_in_one_process_do_not_share_counts() -> None:
    """Each has a registry of its own."""
    first, second = Metrics(), Metrics()
    first.count_decision(is_allowed=True)
    assert _samples(second)["entraid_decisions_total", (("outcome", "allow"),)] == 0


def test_durations_fall_into_their_buckets() -> None:
    """A call counts in each bucket whose bound it does not pass, the bound itself included."""
    metrics = Metrics()
    for seconds in (0.0001, 0.0005, 0.0006, 30.0):
        metrics.calls("/entraid.v1.AccessService/EvaluateAccess", "OK")(seconds)
    found = _samples(metrics)
    call = (("code", "OK"), ("method", "entraid.v1.AccessService/EvaluateAccess"))
    counts = [
        found["entraid_rpc_duration_seconds_bucket", tuple(sorted((*call, ("le", bound))))]
        for bound in ("0.0005", "0.001", "10.0", "+Inf")
    ]
    assert counts == [2, 3, 3, 4]
    assert found["entraid_rpc_duration_seconds_sum", call] == 30.0012
