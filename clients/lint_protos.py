"""Judges the contract in `protos` with buf.

What happens here, in this order: the files of googleapis-common-protos that the contract imports are copied to
`build/googleapis`, where `buf.yaml` looks for them; then buf lints the contract, or with `--against REVISION` says
which changes since that revision of git break callers. buf gets everything from this disk and never asks its registry.

A tool for developers, in no wheel: `python clients/lint_protos.py [--against main]`.
"""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from generate_stubs import COMMAND_TIMEOUT_SECONDS, ROOT, third_party_protos

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTRACT = ("buf.yaml", "protos")


def main(arguments: Sequence[str] | None = None) -> int:
    """Lints the contract, or compares it with a former one.

    Returns:
        The exit code: buf's own, which is 0 where nothing is wrong and 100 where something is.
    """
    parser = argparse.ArgumentParser(description="lint protos/ with buf, or find what breaks callers")
    parser.add_argument("--against", metavar="REVISION", help="report breaking changes since this git revision")
    options = parser.parse_args(arguments)
    place_imports(ROOT)
    if options.against is None:
        return _buf(["lint", "protos"])
    return breaking_changes(options.against)


def breaking_changes(revision: str) -> int:
    """Compares the contract with that of a git revision; one without a contract has no callers to break."""
    if not _commit_exists(revision):
        return _revision_missing(revision)
    if not _git("ls-tree", "-r", revision, "--", *CONTRACT).stdout:
        sys.stderr.write(f"`{revision}` has no contract yet, so nothing can break.\n")
        return 0
    archive = _git("archive", "--format=tar", revision, "--", *CONTRACT)
    archive.check_returncode()
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
            if hasattr(tarfile, "data_filter"):  # from 3.11.4 on; Debian 12 has an older one
                tar.extraction_filter = tarfile.data_filter
            tar.extractall(folder)  # noqa: S202 - git made it a moment ago
        place_imports(Path(folder))
        return _buf(["breaking", ".", "--against", folder])


def _revision_missing(revision: str) -> int:
    """Tells a repository before its first commit, where nothing can break, from a misspelt revision."""
    if not _commit_exists("HEAD"):
        sys.stderr.write("The repository has no commit yet, so nothing can break.\n")
        return 0
    sys.stderr.write(f"git knows no revision `{revision}`. Fetch it or name another with --against.\n")
    return 2


def _commit_exists(revision: str) -> bool:
    """Whether git finds a commit under that name."""
    return _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").returncode == 0


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Runs the developer's git in the repository's root; the caller looks at the return code."""
    command = ["git", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=COMMAND_TIMEOUT_SECONDS)  # noqa: S603 - a developer's own command


def place_imports(workspace: Path) -> None:
    """Copies `google/rpc/*.proto` to where `buf.yaml` of a workspace expects them."""
    target = workspace / "build" / "googleapis" / "google" / "rpc"
    target.mkdir(parents=True, exist_ok=True)
    for proto in sorted((third_party_protos() / "google" / "rpc").glob("*.proto")):
        shutil.copyfile(proto, target / proto.name)


def _buf(arguments: Sequence[str]) -> int:
    """Runs the buf that lies beside this interpreter, in the repository's root."""
    program = str(Path(sys.executable).parent / "buf")
    return subprocess.run([program, *arguments], cwd=ROOT, check=False, timeout=COMMAND_TIMEOUT_SECONDS).returncode  # noqa: S603 - fixed program


if __name__ == "__main__":
    sys.exit(main())
