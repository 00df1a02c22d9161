"""The audit log: what is written, what never is, and what happens to it when the disk does not play along."""

import asyncio
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from entraid_service.model.decision import Decision, Reason, ReasonCode
from entraid_service.model.ids import ConnectionId, TenantId, UserId
from entraid_service.model.scope import Scope
from entraid_service.model.snapshot import SnapshotVersion
from entraid_service.observe.audit import AuditLog
from entraid_service.observe.audit_file import RotatedFile
from entraid_service.observe.audit_line import Asker, Record, Source, digest

NOW = datetime(2026, 5, 1, 12, 0, 30, tzinfo=UTC)
VERSION = SnapshotVersion(
    ConnectionId("main"), TenantId("t-1"), 3, 17, NOW - timedelta(seconds=12.5), Scope(frozenset({"department"}))
)


def record(number: int = 1, *, is_allowed: bool = True, user: str | None = "u-1") -> Record:
    """A decision about somebody."""
    code = ReasonCode.GROUP_MEMBER if is_allowed else ReasonCode.USER_NOT_FOUND
    reasons = (Reason(code, "condition.group", "the user is in the group `Payroll`"), Reason(code, "", "again"))
    decision = Decision(is_allowed, reasons, UserId(user) if user else None)
    asker = Asker("ipv4:127.0.0.1:1", "flows")
    return Record(f"d-{number}", NOW, asker, "Ada@Contoso.example", "sha256:00", decision, Source(VERSION, "token"))


def lines(*files: Path) -> list[dict[str, object]]:
    """Every line of files as JSON."""
    return [json.loads(line) for file in files for line in file.read_bytes().splitlines()]


def folder(path: Path) -> list[Path]:
    """What lies in a folder."""
    return sorted(path.iterdir())


@pytest.fixture
def file(tmp_path: Path) -> Iterator[RotatedFile]:
    """An audit file that moves aside at a kilobyte."""
    opened = RotatedFile(tmp_path / "audit.jsonl", largest=1024, kept=3)
    yield opened
    opened.close()


async def test_a_decision_is_one_line_with_all_that_matters(tmp_path: Path, file: RotatedFile) -> None:
    """Who asked, about whom, by which condition, how it came out, why, and from which data how old."""
    log = AuditLog(file)
    log.note(record())
    await log.flush()
    assert lines(tmp_path / "audit.jsonl") == [
        {
            "time": "2026-05-01T12:00:30Z",
            "decision_id": "d-1",
            "peer": "ipv4:127.0.0.1:1",
            "client": "flows",
            "connection": "main",
            "tenant": "t-1",
            "user": "u-1",
            "condition": "sha256:00",
            "outcome": "ALLOW",
            "reasons": ["GROUP_MEMBER"],
            "snapshot": "token",
            "revision": 17,
            "age_seconds": 12.5,
        }
    ]


async def test_who_was_not_found_is_not_named(tmp_path: Path, file: RotatedFile) -> None:
    """Only a digest, the same for each spelling that means the same; nor does a reason's text get in."""
    log = AuditLog(file)
    log.note(record(is_allowed=False, user=None))
    await log.flush()
    (line,) = lines(tmp_path / "audit.jsonl")
    assert "user" not in line
    assert line["user_digest"] == digest(b"ada@contoso.example")
    text = (tmp_path / "audit.jsonl").read_text()
    assert "ontoso" not in text
    assert "Payroll" not in text


async def test_allows_are_sampled_and_denials_are_not(tmp_path: Path, file: RotatedFile) -> None:
    """With a share of 0 no allow is written, and every denial."""
    log = AuditLog(file, sample_allows=0.0)
    for number in range(10):
        log.note(record(number, is_allowed=number == 0))
    await log.flush()
    assert [line["outcome"] for line in lines(*folder(tmp_path))] == ["DENY"] * 9


async def test_a_share_of_the_allows_is_that_share(tmp_path: Path) -> None:
    """Of 2,000 allows about a quarter."""
    log = AuditLog(RotatedFile(tmp_path / "audit.jsonl"), sample_allows=0.25)
    for number in range(2_000):
        log.note(record(number))
    await log.close()
    assert 380 < len(lines(tmp_path / "audit.jsonl")) < 620


async def test_records_noted_together_are_those_noted_one_by_one(tmp_path: Path) -> None:
    """All of them in their order, or the same share of the allows."""
    whole, sampled = (AuditLog(RotatedFile(tmp_path / f"{share}"), sample_allows=share) for share in (1.0, 0.25))
    for log in (whole, sampled):
        log.note(record(0, is_allowed=False))
        log.note_all([record(number, is_allowed=number % 2 == 0) for number in range(1, 4_001)])
        log.note_all([])
        log.note(record(4_001, is_allowed=False))
        await log.close()
    assert [line["decision_id"] for line in lines(tmp_path / "1.0")] == [f"d-{number}" for number in range(4_002)]
    outcomes = [line["outcome"] for line in lines(tmp_path / "0.25")]
    assert outcomes.count("DENY") == 2_002
    assert 380 < outcomes.count("ALLOW") < 620


async def test_a_large_file_moves_aside(tmp_path: Path, file: RotatedFile) -> None:
    """The newest former one is `.1`, the oldest goes, no line is torn, and nobody else may read any."""
    log = AuditLog(file)
    for number in range(40):
        log.note(record(number))
        await log.flush()
    files = [tmp_path / name for name in ("audit.jsonl.3", "audit.jsonl.2", "audit.jsonl.1", "audit.jsonl")]
    assert folder(tmp_path) == sorted(files)
    numbers = [int(str(line["decision_id"])[2:]) for line in lines(*files)]
    assert numbers == list(range(40))[-len(numbers) :]
    assert all(path.stat().st_size <= 1024 and path.stat().st_mode & 0o077 == 0 for path in files)


WRITE_MANY = """
import sys
from pathlib import Path
from entraid_service.observe.audit_file import RotatedFile

file = RotatedFile(Path(sys.argv[1]), largest=20_000, kept=100)
for number in range(200):
    file.write(f'{{"by": "{sys.argv[2]}", "number": {number}}}\\n'.encode() * 3)
"""


def test_several_processes_share_a_file(tmp_path: Path) -> None:
    """Whoever moves it aside, no line of any of them is lost, torn or written twice."""
    path = str(tmp_path / "audit.jsonl")
    processes = [subprocess.Popen((sys.executable, "-c", WRITE_MANY, path, f"p{n}")) for n in range(3)]
    for process in processes:
        assert process.wait(50) == 0
    found = lines(*folder(tmp_path))
    assert len(folder(tmp_path)) > 1
    assert len(found) == 3 * 200 * 3
    assert {(line["by"], line["number"]) for line in found} == {(f"p{n}", i) for n in range(3) for i in range(200)}


async def test_a_full_disk_delays_and_loses_nothing(tmp_path: Path) -> None:
    """Half a line is taken back; when there is room again everything is written, in order."""
    path = tmp_path / "audit.jsonl"
    log = AuditLog(RotatedFile(path))
    log.note(record(0))
    await log.flush()
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100, former[1]))
    try:
        for number in range(1, 30):
            log.note(record(number))
        await log.flush()
        assert len(lines(path)) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
    log.note(record(30))
    await log.close()
    assert [line["decision_id"] for line in lines(path)] == [f"d-{number}" for number in range(31)]


class _NoDisk:
    """A sink that is broken until it is mended."""

    def __init__(self) -> None:
        self.is_broken = True
        self.written: list[dict[str, object]] = []

    def write(self, data: bytes) -> None:
        """Fails, or keeps."""
        if self.is_broken:
            raise OSError(28, "No space left on device")
        self.written += [json.loads(line) for line in data.splitlines()]


async def test_what_does_not_fit_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded, and the log itself says how many records are missing."""
    monkeypatch.setattr("entraid_service.observe.audit._MOST_WAITING", 50)
    sink = _NoDisk()
    log = AuditLog(sink)
    for number in range(80):
        log.note(record(number))
    await log.flush()
    sink.is_broken = False
    await log.close()
    assert [line.get("decision_id") for line in sink.written if "lost_records" not in line] == [
        f"d-{number}" for number in range(50)
    ]
    assert [line["lost_records"] for line in sink.written if "lost_records" in line] == [30]


async def test_a_slow_disk_does_not_hold_up_decisions(tmp_path: Path) -> None:
    """`note` returns at once while a write hangs, and at the end each record is there once, also after a cancel."""

    class Slow(RotatedFile):
        """Takes its time."""

        def write(self, data: bytes) -> None:
            """Later."""
            time.sleep(0.2)
            super().write(data)

    log = AuditLog(Slow(tmp_path / "audit.jsonl"))
    log.note(record(0))
    running = asyncio.create_task(log.flush())
    await asyncio.sleep(0.05)
    started = time.perf_counter()
    for number in range(1, 300):
        log.note(record(number))
    assert time.perf_counter() - started < 0.15
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await log.close()
    assert [line["decision_id"] for line in lines(tmp_path / "audit.jsonl")] == [f"d-{n}" for n in range(300)]


async def test_much_is_written_at_once_and_little_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand records do not wait for the next turn; what comes while they are written does, in one piece."""
    monkeypatch.setattr("entraid_service.observe.audit._INTERVAL_SECONDS", 3600)
    monkeypatch.setattr("entraid_service.observe.audit._PORTION", 1_000)
    writes: list[int] = []
    begun, go_on = threading.Event(), threading.Event()

    class Held:
        """Holds the first write."""

        def write(self, data: bytes) -> None:
            """Counts lines."""
            begun.set()
            assert go_on.wait(20)
            writes.append(data.count(b"\n"))

    log = AuditLog(Held())
    running = asyncio.create_task(log.run())
    await asyncio.sleep(0)
    for number in range(1_024):
        log.note(record(number))
    assert await asyncio.to_thread(begun.wait, 20)
    for number in range(30):
        log.note(record(number))
    go_on.set()
    await log.flush()  # after the one that is under way
    assert writes == [1_000, 24, 30]
    running.cancel()


async def test_records_are_written_within_a_second(tmp_path: Path) -> None:
    """A crash loses a second at most: by then the lines are in the file."""
    log = AuditLog(RotatedFile(tmp_path / "audit.jsonl"))
    running = asyncio.create_task(log.run())
    log.note(record())
    deadline = time.monotonic() + 10
    while not os.stat(tmp_path / "audit.jsonl").st_size:  # noqa: PTH116 - one call, no path made
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
