"""Metrics for Prometheus, in a registry of their own.

One object for the whole service, given to whoever counts. Labels hold methods, codes, outcomes and connections, never
users, values or anything else of a tenant's directory.
"""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import product
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from entraid_service.observe.tallies import Tallies

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Of what `Metrics.exposition` returns."""

_RUN_SECONDS = (1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200)
_MODES = ("incremental", "full")
_FINAL_STATES = ("succeeded", "failed", "cancelled", "held")
_DRIFTING = ("users", "groups", "memberships")


class Metrics:
    """Counters, gauges and histograms, each with a method that says what happened."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        tallies = Tallies()
        self.registry.register(tallies)
        self.calls: Final = tallies.calls
        self.count_decision: Final = tallies.count_decision
        self.count_decisions: Final = tallies.count_decisions
        self._runs = Counter(
            "entraid_sync_runs",
            "Sync runs ended, by mode and final state, each once; one that was held stays counted so when approved.",
            ("mode", "state"),
            registry=self.registry,
        )
        self._run_seconds = Histogram(
            "entraid_sync_run_duration_seconds",
            "How long sync runs took, by mode.",
            ("mode",),
            registry=self.registry,
            buckets=_RUN_SECONDS,
        )
        self._drift = Counter(
            "entraid_sync_drift_changes",
            "Objects and edges that a full sync had to change though incremental ones had followed everything.",
            ("what",),
            registry=self.registry,
        )
        # A series that begins with its first event is no increase to Prometheus, and raises no alarm.
        for what in _DRIFTING:
            self._drift.labels(what)
        for mode, state in product(_MODES, _FINAL_STATES):
            self._runs.labels(mode, state)
        self._requests = Counter(
            "entraid_graph_requests",
            "Requests sent to Microsoft Graph, by HTTP status.",
            ("status",),
            registry=self.registry,
        )
        self._throttles = Counter(
            "entraid_graph_throttles", "Requests that Microsoft Graph answered with a throttle.", registry=self.registry
        )
        self._sync_times = Gauge(
            "entraid_snapshot_sync_time_seconds",
            "When the served data of a connection began to be read, as Unix time; its age is time() minus this.",
            ("connection",),
            registry=self.registry,
        )
        self._expiries = Gauge(
            "entraid_credential_expire_time_seconds",
            "When the certificate of a connection ends, as Unix time; time() to it is what is left.",
            ("connection",),
            registry=self.registry,
        )
        self._started = Gauge(
            "entraid_start_time_seconds", "When the service started, as Unix time.", registry=self.registry
        )
        self._started.set(time.time())

    def count_run(self, *, mode: str, state: str, duration: timedelta | None) -> None:
        """A sync run ended; `duration` is None if it never began to read."""
        self._runs.labels(mode.lower(), state.lower()).inc()
        if duration is not None:
            self._run_seconds.labels(mode.lower()).observe(duration.total_seconds())

    def count_drift(self, *, users: int, groups: int, memberships: int) -> None:
        """A full sync found so much to repair."""
        for what, count in (("users", users), ("groups", groups), ("memberships", memberships)):
            self._drift.labels(what).inc(count)

    def count_graph_request(self, status: int | None) -> None:
        """A request was sent to Microsoft Graph; `status` is None if no answer came."""
        self._requests.labels("none" if status is None else str(status)).inc()
        if status == _TOO_MANY_REQUESTS:
            self._throttles.inc()

    def note_snapshots(self, sync_times: Mapping[str, float]) -> None:
        """What is served: when the data of each connection began to be read, as Unix time. Others are gone."""
        self._sync_times.clear()
        for connection, sync_time in sync_times.items():
            self._sync_times.labels(connection).set(sync_time)

    def note_expiry(self, connection: str, expire_time: datetime) -> None:
        """A connection's certificate ends then."""
        self._expiries.labels(connection).set(expire_time.timestamp())

    def forget_expiry(self, connection: str) -> None:
        """A connection is gone, or has a credential that tells no end."""
        self._expiries.remove_by_labels({"connection": connection})

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)


_TOO_MANY_REQUESTS = 429
