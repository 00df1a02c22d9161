import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from entraid_service.connect.expiry import ExpiryWatch, threshold
from entraid_service.errors import StoreUnavailable
from entraid_service.model.connection import Connection
from entraid_service.model.ids import ConnectionId
from entraid_service.store import SqliteStore
from store.tenants import connection
from sync.lab import StandingClock

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


@dataclass(slots=True)
class Watch:
    """A watch over a real store, with a clock of its own, and the ends that it told to the metrics."""

    store: SqliteStore
    clock: StandingClock = field(default_factory=lambda: StandingClock(NOW))
    told: dict[ConnectionId, datetime] = field(default_factory=dict)

    expiry: ExpiryWatch = field(init=False)

    def __post_init__(self) -> None:
        self.expiry = ExpiryWatch(
            connections=self.store.connections,
            clock=self.clock,
            note=self.told.__setitem__,
            forget=self.told.__delitem__,
        )

    async def warned(self) -> list[tuple[str, str, int]]:
        """What one look warns of: event, connection, days."""
        with capture_logs() as log:
            await self.expiry.look()
        return [(line["event"], line["connection"], line["days"]) for line in log]


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Watch]:
    """A watch over a store without connections."""
    async with SqliteStore.open(tmp_path / "store.db") as store:
        yield Watch(store)


def ending(name: str, left: timedelta | None) -> Connection:
    """A connection whose credential ends so long from now; None if that is not known."""
    return replace(connection(name), credential_expire_time=None if left is None else NOW + left)


async def test_each_threshold_is_warned_of_once(watch: Watch) -> None:
    """However often it is looked: 30, 14, 7 and 1 days before, and once when it is over."""
    await watch.store.connections.create(ending("main", timedelta(days=40)), None)
    warned = []
    for hours in range(0, 42 * 24, 6):
        watch.clock.time = NOW + timedelta(hours=hours)
        warned += await watch.warned()
    assert warned == [
        *(("certificate_ends_soon", "main", days) for days in (30, 14, 7, 1)),
        ("certificate_ended", "main", 0),
    ]


async def test_each_connection_is_warned_of_on_its_own(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, on every page, those with the same end too; not those whose end is unknown or far off."""
    monkeypatch.setattr("entraid_service.connect.expiry._PAGE", 2)
    lefts = {
        "a": None,
        "b": timedelta(days=90),
        "c": timedelta(days=5),
        "d": timedelta(days=5),
        "e": -timedelta(days=1),
    }
    for name, left in lefts.items():
        await watch.store.connections.create(ending(name, left), None)
    assert await watch.warned() == [
        ("certificate_ends_soon", "c", 7),
        ("certificate_ends_soon", "d", 7),
        ("certificate_ended", "e", 0),
    ]
    assert watch.told == {name: NOW + left for name, left in lefts.items() if left is not None}


async def test_a_new_certificate_has_an_end_of_its_own(watch: Watch) -> None:
    """Renewed, it is warned of anew when its time comes; what has no end any more is no metric any more."""
    await watch.store.connections.create(ending("main", timedelta(days=6)), None)
    assert await watch.warned() == [("certificate_ends_soon", "main", 7)]
    renewed = replace(ending("main", timedelta(days=106)), version=2)
    await watch.store.connections.replace(renewed, None, expected_version=1)
    assert await watch.warned() == []
    watch.clock.time = NOW + timedelta(days=100)
    assert await watch.warned() == [("certificate_ends_soon", "main", 7)]
    await watch.store.connections.replace(replace(ending("main", None), version=3), None, expected_version=2)
    assert await watch.warned() == []
    assert watch.told == {}


async def test_a_database_that_cannot_be_read_ends_no_watch(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next look tells what the failed one did not."""
    await watch.store.connections.create(ending("main", timedelta(days=6)), None)
    look, looks, seen = watch.expiry.look, 0, asyncio.Event()

    async def unreadable_at_first() -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise StoreUnavailable("the disk is gone")
        await look()
        seen.set()

    monkeypatch.setattr("entraid_service.connect.expiry._LOOK_EVERY", timedelta())
    monkeypatch.setattr(watch.expiry, "look", unreadable_at_first)
    with capture_logs() as log:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(watch.expiry.run())
            await seen.wait()
            running.cancel()
    assert [line["event"] for line in log][:2] == ["credential_expiry_unknown", "certificate_ends_soon"]
