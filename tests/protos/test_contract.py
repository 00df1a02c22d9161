"""The contract: lint, breaking changes, and that the committed stubs are those of the committed protos."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NO_NETWORK = {
    "HTTPS_PROXY": "http://127.0.0.1:1",
    "HTTP_PROXY": "http://127.0.0.1:1",
    "ALL_PROXY": "http://127.0.0.1:1",
}


@dataclass(frozen=True, slots=True)
class Repository:
    """A copy of the contract and its tools, in a git repository of its own."""

    folder: Path

    def run(self, tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs one of the tools where every way to the network leads nowhere."""
        return self._run(sys.executable, str(self.folder / "clients" / tool), *arguments)

    def commit(self) -> None:
        """Commits everything."""
        identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
        self._run("git", "init", "--quiet", "--initial-branch=main").check_returncode()
        self._run("git", "add", "--all").check_returncode()
        self._run("git", *identity, "commit", "--quiet", "--message=all", "--allow-empty").check_returncode()

    def edit(self, old: str, new: str) -> None:
        """Changes the error reasons, the smallest file of the contract."""
        file = self.folder / "protos" / "entraid" / "v1" / "errors.proto"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        # A hook that runs the tests sets GIT_*, which would lead git to the repository around this one.
        env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | NO_NETWORK
        return subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, timeout=50, check=False, env=env
        )


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A copy that the test may change."""
    shutil.copytree(ROOT / "protos", tmp_path / "protos")
    shutil.copytree(ROOT / "clients" / "entraid", tmp_path / "clients" / "entraid")
    shutil.copy(ROOT / "buf.yaml", tmp_path)
    for tool in ("generate_stubs.py", "lint_protos.py"):
        shutil.copy(ROOT / "clients" / tool, tmp_path / "clients")
    return Repository(tmp_path)


def test_the_contract_has_no_lint(repository: Repository) -> None:
    """STANDARD and COMMENTS hold without exception, and buf needs no network to say so."""
    ended = repository.run("lint_protos.py")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_a_value_without_a_comment_is_lint(repository: Repository) -> None:
    """The rules are on."""
    repository.edit("  // Never sent.\n", "")
    ended = repository.run("lint_protos.py")
    assert ended.returncode == 100
    assert "should have a non-empty comment" in ended.stdout


def test_the_stubs_are_those_of_the_protos(repository: Repository) -> None:
    """Generating anew changes nothing."""
    ended = repository.run("generate_stubs.py", "--check")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_stubs_that_are_out_of_date_are_found_and_mended(repository: Repository) -> None:
    """Changed, missing and left over, each by name, with what to do; then the generator mends all three."""
    repository.edit("GRAPH_UNAVAILABLE", "GRAPH_AWAY")
    stubs = repository.folder / "clients" / "entraid" / "v1"
    (stubs / "snapshot_pb2.pyi").unlink()
    (stubs / "old_service_pb2_grpc.py").touch()
    found = repository.run("generate_stubs.py", "--check")
    assert found.returncode == 1
    assert found.stderr.splitlines()[:-1] == [
        "missing: snapshot_pb2.pyi",
        "left over: old_service_pb2_grpc.py",
        "differs: errors_pb2.py",
        "differs: errors_pb2.pyi",
    ]
    assert "make protos" in found.stderr
    assert repository.run("generate_stubs.py").returncode == 0
    assert repository.run("generate_stubs.py", "--check").returncode == 0
    assert (stubs / "__init__.py").exists()


def test_a_change_that_breaks_callers_is_found(repository: Repository) -> None:
    """A number that changes its meaning breaks; a comment does not."""
    repository.commit()
    repository.edit("// Never sent.", "// Is never sent.")
    assert repository.run("lint_protos.py", "--against", "main").returncode == 0
    repository.edit("INVALID_FILTER = 3;", "INVALID_FILTER = 15;")
    ended = repository.run("lint_protos.py", "--against", "main")
    assert ended.returncode == 100
    assert "errors.proto" in ended.stdout


def test_nothing_breaks_before_there_is_a_contract(repository: Repository) -> None:
    """Neither before the first commit nor against a commit without protos."""
    repository._run("git", "init", "--quiet", "--initial-branch=main")
    assert repository.run("lint_protos.py", "--against", "main").returncode == 0
    (repository.folder / ".gitignore").write_text("*\n")
    repository.commit()
    ended = repository.run("lint_protos.py", "--against", "main")
    assert (ended.returncode, "no contract yet" in ended.stderr) == (0, True)


def test_a_misspelt_revision_is_no_success(repository: Repository) -> None:
    """Nothing was compared, so nothing is said to be fine."""
    repository.commit()
    ended = repository.run("lint_protos.py", "--against", "mian")
    assert ended.returncode == 2
    assert "`mian`" in ended.stderr


def test_protos_hold_proto_files_and_nothing_else() -> None:
    """They are what other teams copy."""
    assert {file.suffix for file in (ROOT / "protos").rglob("*") if file.is_file()} == {".proto"}
