"""What the documents claim about the code, checked against it."""

import re
import subprocess
from pathlib import Path

import pytest

from entraid_service.config import Settings, describe
from entraid_service.config.settings import SETTINGS
from entraid_service.model.directory import DEFAULT_ATTRIBUTES

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")))
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
MAKE_TARGET = re.compile(r"(?:`|^ *)make ([a-z][a-z-]*)(?:`|$| +#)", re.MULTILINE)
TEST_NAME = re.compile(r"`(test_\w+)`")


def test_the_configuration_table_is_complete_and_true() -> None:
    """Every setting with its default and its meaning, as the code has them; a change there has to come here."""
    wanted = "\n".join(rows())
    assert wanted in read("README.md"), f"the table in README.md has to be:\n{wanted}"


def test_the_default_attributes_are_all_named() -> None:
    """docs/configuration.md lists what is synced unless told otherwise."""
    text = read("docs/configuration.md")
    assert [name for name in DEFAULT_ATTRIBUTES if f"`{name}`" not in text] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    """No document points to a file that is not there."""
    targets = [target for target in LINK.findall(read(document)) if "://" not in target]
    assert [target for target in targets if not (ROOT / document).parent.joinpath(target).exists()] == []


def test_every_test_that_the_documents_name_exists() -> None:
    """docs/testing.md says where to find the proof of each claim; proofs that were renamed are renamed there."""
    named = set(TEST_NAME.findall(read("docs/testing.md")))
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    defined = set(re.findall(r"def (test_\w+)\(", sources)) | {
        path.stem for path in (ROOT / "tests").rglob("test_*.py")
    }
    assert named
    assert named - defined == set()


def test_make_knows_every_target_that_the_documents_name() -> None:
    """`make something` in a document is a target of the Makefile."""
    listed = subprocess.run(("make", "help"), cwd=ROOT, capture_output=True, text=True, timeout=20, check=True).stdout  # noqa: S607 - the make of the machine
    known = {line.split()[0] for line in listed.splitlines() if line.startswith("  ")}
    named = {name for document in DOCUMENTS for name in MAKE_TARGET.findall(read(document))}
    assert {"demo", "test"} <= named <= known


def rows() -> list[str]:
    """The rows of the table, from the settings."""
    shown = dict(describe(Settings()))
    return [row(name, shown[f"ENTRAID_{name.upper()}"]) for name in SETTINGS]


def row(name: str, default: str) -> str:
    """One setting."""
    setting = SETTINGS[name]
    variable = f"`ENTRAID_{name.upper()}`"
    if setting.metadata.get("secret"):
        variable += f" or `ENTRAID_{name.upper()}_FILE`"
    value = "see docs" if isinstance(setting.default, tuple) and default else f"`{default}`" if default else ""
    return f"| {variable} | {value} | {setting.metadata['help']} |".replace("|  |", "| |")


def read(document: str) -> str:
    """A document's text."""
    return (ROOT / document).read_text(encoding="utf-8")
