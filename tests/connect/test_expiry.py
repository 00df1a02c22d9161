from datetime import UTC, datetime, timedelta

import pytest

from entraid_service.connect.expiry import threshold

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("left", "warned"),
    [
        (timedelta(days=31), None),
        (timedelta(days=30), 30),
        (timedelta(days=15), 30),
        (timedelta(days=14), 14),
        (timedelta(days=8), 14),
        (timedelta(days=7), 7),
        (timedelta(days=1, seconds=1), 7),
        (timedelta(days=1), 1),
        (timedelta(seconds=1), 1),
        (timedelta(), 0),
        (timedelta(days=-400), 0),
    ],
)
def test_the_nearest_threshold_decides(left: timedelta, warned: int | None) -> None:
    """30, 14, 7 and 1 days before, and when it is over."""
    found = threshold(NOW + left, NOW)
    assert (None if found is None else found.days) == warned
