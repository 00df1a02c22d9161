"""The README's commands, run in order as a reader types them: two terminals that stay open, and one to work in."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from readme.blocks import Example, examples

VENV = Path(sys.executable).parents[1]
SECONDS = 50.0
MARK = "@@ end of block @@"
VOLATILE = frozenset(
    {
        "token",
        "next_page_token",
        "etag",
        "decision_id",
        "sync_time",
        "create_time",
        "next_sync_time",
        "update_time",
        "start_time",
        "end_time",
    }
)
"""Fields that are other ones every time."""


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Example, str]]:
    """What each example printed."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / ".venv").symlink_to(VENV)
    ports = {number: str(free_port()) for number in ("8443", "50051", "8080")}
    run = [example for example in examples() if not example.block.stays_open]
    servers = [text_of(example, ports) for example in examples() if example.block.stays_open]
    environment = environment_of(ports)
    with terminal(servers[0], folder, environment), terminal(servers[1], folder, environment):
        await_health(folder, environment)
        script = "set -e\n" + "".join(f"{text_of(example, ports)}\necho '{MARK}'\n" for example in run)
        done = subprocess.run(
            ("/bin/sh", "-c", script),
            cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-1500:]}\n{done.stderr}"
    return list(zip(run, done.stdout.split(f"{MARK}\n")[:-1], strict=True))


def test_every_command_of_the_readme_works(outputs: list[tuple[Example, str]]) -> None:
    """All of them ended with 0, and none of them was silent."""
    assert len(outputs) >= 7
    assert all(printed.strip() for _, printed in outputs)


def test_the_answers_in_the_readme_are_the_real_ones(outputs: list[tuple[Example, str]]) -> None:
    """Each JSON answer is what came, but for times, tokens and generated names."""
    checked = 0
    for example, printed in outputs:
        if example.answer is not None and example.answer.language == "json":
            assert stable(last_document(printed)) == stable(json.loads(example.answer.text)), printed
            checked += 1
    assert checked >= 5


def test_the_python_example_prints_what_the_readme_says(outputs: list[tuple[Example, str]]) -> None:
    """The client's ten lines run as they stand."""
    texts = [
        (example.answer.text, printed)
        for example, printed in outputs
        if example.answer is not None and example.answer.language == "text"
    ]
    assert len(texts) == 1
    assert texts[0][0] == texts[0][1]


def text_of(example: Example, ports: Mapping[str, str]) -> str:
    """What is run for a block: the block, with free ports in place of the usual ones."""
    text = example.block.text
    for usual, free in ports.items():
        text = text.replace(usual, free)
    return text if example.block.language == "sh" else f"python - <<'END'\n{text}END\n"


def environment_of(ports: Mapping[str, str]) -> dict[str, str]:
    """Our environment without anything that is meant for entraid, but for the ports that are not in the text."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ENTRAID")}
    return {
        **clean,
        "ENTRAID_GRPC_ADDRESS": f"127.0.0.1:{ports['50051']}",
        "ENTRAID_HTTP_ADDRESS": f"127.0.0.1:{ports['8080']}",
        "ENTRAID_TARGET": f"127.0.0.1:{ports['50051']}",
    }


@contextmanager
def terminal(text: str, folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Types a block into a terminal of its own, and closes that one in the end."""
    with (folder / "terminals.log").open("ab") as log:
        process = subprocess.Popen(
            ("/bin/sh", "-c", text), cwd=folder, env=dict(environment), stdout=log, stderr=log, start_new_session=True
        )
    try:
        await_file(folder / "ca.pem", process)
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # the session that was made for it
        process.wait(SECONDS)


def await_file(path: Path, process: subprocess.Popen[bytes]) -> None:
    """Waits for what the first terminal makes and the second one needs."""
    deadline = time.monotonic() + SECONDS
    while not path.exists():
        assert process.poll() is None, path.with_name("terminals.log").read_text(encoding="utf-8")
        assert time.monotonic() < deadline
        time.sleep(0.05)


def await_health(folder: Path, environment: Mapping[str, str]) -> None:
    """Waits as a reader would who looks whether the service is up."""
    deadline = time.monotonic() + SECONDS
    line = (str(VENV / "bin" / "entraid"), "health")
    while subprocess.run(line, cwd=folder, env=dict(environment), capture_output=True, check=False).returncode:
        assert time.monotonic() < deadline, (folder / "terminals.log").read_text(encoding="utf-8")


def last_document(printed: str) -> object:
    """The last of the JSON documents that grpcurl printed."""
    decoder = json.JSONDecoder()
    rest = printed.strip()
    document: object = None
    while rest:
        document, end = decoder.raw_decode(rest)
        rest = rest[end:].lstrip()
    return document


def stable(value: object) -> object:
    """A JSON value without what differs from time to time."""
    if isinstance(value, dict):
        return {key: "*" if is_volatile(key, inner) else stable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [stable(inner) for inner in value]
    return value


def is_volatile(key: str, value: object) -> bool:
    """Whether a field's value is another one every time."""
    return key in VOLATILE or (key == "name" and "/syncRuns/" in str(value))


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
