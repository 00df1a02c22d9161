"""How fast a run reads."""

from __future__ import annotations

from entraid.v1.sync_service_pb2 import SyncRun
from entraid_client.show.rate import Rate


def test_the_rate_is_that_of_the_last_ten_seconds() -> None:
    """Nothing before the counters moved; a phase that stands still shows, whatever was read before it."""
    seconds = 0.0
    rate = Rate(lambda: seconds)
    told = []
    for second, read in ((0, 0), (1, 500), (2, 1_000), (20, 1_000), (40, 1_000), (41, 1_030)):
        seconds = float(second)
        told.append(rate.of(SyncRun(progress=SyncRun.Progress(users=read // 2, memberships=read - read // 2))))
    assert told[:3] == ["", "500 objects/s", "500 objects/s"]
    assert told[3:5] == ["0 objects/s", "0 objects/s"]
    assert told[5] == "1.4 objects/s"
