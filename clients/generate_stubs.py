"""Generates `clients/entraid/v1` from `protos/entraid/v1`.

What happens here, in this order: protoc writes the messages of every file, then the stubs of the files that declare a
service, both with type stubs, into a temporary folder; `--check` compares that folder with the committed one, and
without it the folder replaces the committed one. What the contract says is not judged here: see `lint_protos.py`.

The generated files are never edited: proto path, proto package and Python path are the same, so no import is rewritten.
A tool for developers, in no wheel: `python clients/generate_stubs.py [--check]`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from google.rpc import status_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
STUBS = ROOT / "clients" / "entraid" / "v1"
COMMAND_TIMEOUT_SECONDS = 120.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Generates the stubs, or with `--check` compares them.

    Returns:
        The exit code: 0, or 1 where `--check` found a difference.

    Raises:
        subprocess.CalledProcessError: protoc refused the contract; it has said why.
    """
    parser = argparse.ArgumentParser(description="generate clients/entraid/v1 from protos/entraid/v1")
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 if the stubs are out of date")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        generate(PROTOS, Path(folder))
        fresh = generated_files(Path(folder, "entraid", "v1"))
    if not options.check:
        write(fresh, STUBS)
        return 0
    differences = compare(fresh, generated_files(STUBS))
    for difference in differences:
        sys.stderr.write(f"{difference}\n")
    if differences:
        sys.stderr.write("The stubs do not match protos/entraid/v1. Run `make protos` and commit what it changed.\n")
    return 1 if differences else 0


def generate(protos: Path, output: Path) -> None:
    """Runs protoc over every file of the contract, and its gRPC plugins over those with a service.

    Args:
        protos: The import root, which holds `entraid/v1/*.proto`.
        output: An existing folder; `entraid/v1` is made in it.
    """
    files = sorted(protos.glob("entraid/v1/*.proto"))
    services = [file for file in files if file.name.endswith("_service.proto")]
    # Only the asyncio half of the stubs: the product has no synchronous caller, and the half has exact types
    # (https://github.com/nipunn1313/mypy-protobuf#only_async).
    _protoc(protos, files, outputs=[f"--python_out={output}", f"--mypy_out=quiet:{output}"])
    _protoc(protos, services, outputs=[f"--grpc_python_out={output}", f"--mypy_grpc_out=quiet,only_async:{output}"])


def _protoc(protos: Path, files: Sequence[Path], *, outputs: Sequence[str]) -> None:
    """Runs grpcio-tools' protoc with the plugins that lie beside this interpreter, whatever PATH says."""
    programs = Path(sys.executable).parent
    subprocess.run(  # noqa: S603 - fixed program, arguments from this repository
        [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            f"--plugin=protoc-gen-mypy={programs / 'protoc-gen-mypy'}",
            f"--plugin=protoc-gen-mypy_grpc={programs / 'protoc-gen-mypy_grpc'}",
            f"-I{protos}",
            f"-I{third_party_protos()}",
            *outputs,
            *(str(file) for file in files),
        ],
        check=True,
        timeout=COMMAND_TIMEOUT_SECONDS,
    )


def third_party_protos() -> Path:
    """The folder above `google/rpc/status.proto`, as the googleapis-common-protos package installed it."""
    return Path(status_pb2.__file__).resolve().parents[2]


def generated_files(folder: Path) -> dict[str, bytes]:
    """The generated files of a folder, name to content; the hand-written `__init__.py` is none."""
    return {file.name: file.read_bytes() for file in sorted(folder.glob("*_pb2*.py*")) if file.is_file()}


def compare(fresh: dict[str, bytes], committed: dict[str, bytes]) -> list[str]:
    """What is wrong with the committed files, one line each; empty when they match."""
    return [
        *(f"missing: {name}" for name in sorted(fresh.keys() - committed.keys())),
        *(f"left over: {name}" for name in sorted(committed.keys() - fresh.keys())),
        *(f"differs: {name}" for name in sorted(fresh.keys() & committed.keys()) if fresh[name] != committed[name]),
    ]


def write(fresh: dict[str, bytes], folder: Path) -> None:
    """Makes the folder's generated files exactly these."""
    for name in generated_files(folder).keys() - fresh.keys():
        (folder / name).unlink()
    for name, content in fresh.items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    sys.exit(main())
