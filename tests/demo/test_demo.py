import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

DEMO = (str(Path(sys.executable).with_name("entraid")), "demo")
END_SECONDS = 30.0
STEPS = 7
MISLEADING = {
    "ENTRAID_CLOUD": "china",
    "ENTRAID_TARGET": "192.0.2.1:1",
    "ENTRAID_TLS": "1",
    "ENTRAID_DATABASE_URL": "sqlite:////nowhere/entraid.db",
    "ENTRAIDCTL_CLIENT_SECRET": "of somebody else",
}
"""What a person may have set for a real service; the demo must not be led by it."""


class Demo:
    """A running demo: its lines as they come, both streams in one."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self.process = process
        self.folder = folder
        self.seen: list[str] = []
        self._coming: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def read_to(self, word: str) -> None:
        """Reads on until a line holds the word."""
        while word not in (self.seen[-1] if self.seen else ""):
            line = self._coming.get(timeout=END_SECONDS)
            assert line is not None, f"it ended before `{word}`: {self.text}"
            self.seen.append(line)

    def end(self) -> int:
        """Waits for the end and tells the exit code."""
        while (line := self._coming.get(timeout=END_SECONDS)) is not None:
            self.seen.append(line)
        return self.process.wait(END_SECONDS)

    @property
    def text(self) -> str:
        """Everything it printed."""
        return "".join(self.seen)

    def left_behind(self) -> list[str]:
        """Files in the folder for temporary files, and processes that it started."""
        marker = str(self.folder).encode()
        running = [path for path in Path("/proc").glob("[0-9]*/cmdline") if marker in content(path)]
        return [str(path) for path in (*self.folder.iterdir(), *running)]

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._coming.put(line)
        self._coming.put(None)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    """Starts a demo whose temporary files are in the test's folder."""
    started: list[subprocess.Popen[str]] = []

    def run(*options: str) -> Demo:
        environment = {**os.environ, **MISLEADING, "TMPDIR": str(tmp_path)}
        process = subprocess.Popen(
            (*DEMO, *options), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )
        started.append(process)
        return Demo(process, tmp_path)

    yield run
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.wait(END_SECONDS)
        if process.stdout is not None:
            process.stdout.close()


def test_the_demo_shows_the_whole_way_in_order_and_in_time(start: Callable[..., Demo]) -> None:
    """Connect, sync with progress, users, groups, an ALLOW with its path, two DENYs with reasons; nothing is left."""
    demo = start()
    assert demo.end() == 0, demo.text

    expected = [
        r"\$ entraidctl connect contoso",
        r"state +active",
        r"\$ entraidctl sync contoso",
        r"running|reading",
        r"full sync succeeded",
        r"\$ entraidctl users contoso",
        r"Ada Çelik",
        r"\$ entraidctl groups contoso",
        r"Engineering +security +13",
        r"\$ entraidctl evaluate contoso nadia",
        r"ALLOW",
        r"user > On-Call Primary > On-Call > Platform > Engineering",
        r"\$ entraidctl evaluate contoso uma",
        r"DENY",
        r"NOT_GROUP_MEMBER",
        r"\$ entraidctl evaluate contoso carmen",
        r"DENY",
        r"GROUP_NOT_SYNCED",
    ]
    position = 0
    for pattern in expected:
        found = re.compile(pattern).search(demo.text, position)
        assert found, f"`{pattern}` does not follow in:\n{demo.text}"
        position = found.end()
    assert len(re.findall(r"^# ", demo.text, re.MULTILINE)) == STEPS
    assert demo.left_behind() == []


def test_the_grpcurl_lines_work_as_they_are_printed(start: Callable[..., Demo]) -> None:
    """Each line of `--keep`, pasted into a shell, succeeds; Ctrl-C then ends everything with 0."""
    demo = start("--keep")
    demo.read_to("Stop with Ctrl-C")
    lines = [line.strip() for line in demo.seen if "grpcurl" in line.split(" ")[0]]
    assert len(lines) == 7
    answers = [pasted(line) for line in lines]
    assert "entraid.v1.AccessService" in answers[0]
    assert "EvaluateAccess" in answers[1]
    for answer, word in zip(answers[2:], ("STATE_ACTIVE", "syncRuns", "Ada", "All Employees", "ALLOW"), strict=True):
        assert word in answer

    demo.process.send_signal(signal.SIGINT)
    assert demo.end() == 0
    assert demo.left_behind() == []


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        (signal.SIGTERM, "emulator of Entra"),
        (signal.SIGINT, "entraidctl connect"),
        (signal.SIGTERM, "entraidctl sync"),
    ],
)
def test_interrupted_at_any_moment_it_leaves_nothing_behind(
    start: Callable[..., Demo], name: signal.Signals, moment: str
) -> None:
    """Ctrl-C and SIGTERM, while processes start or a command runs: no process, no file, no further step."""
    demo = start()
    demo.read_to(moment)
    demo.process.send_signal(name)
    assert demo.end() == 130
    assert "entraidctl users" not in demo.text
    assert "Traceback" not in demo.text
    assert demo.left_behind() == []


def pasted(line: str) -> str:
    """What a shell prints for a line."""
    done = subprocess.run(("/bin/sh", "-c", line), capture_output=True, text=True, timeout=END_SECONDS, check=False)
    assert done.returncode == 0, f"{line}\n{done.stderr}"
    return done.stdout


def content(path: Path) -> bytes:
    """A file's content; nothing if it has gone meanwhile."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
