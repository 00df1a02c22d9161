"""The blocks of the README, told apart by their language: what is run, what is an answer, what is only read."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TERMINAL = re.compile(r"# terminal \d+\n")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    language: str
    text: str

    @property
    def stays_open(self) -> bool:
        """Whether it is for a terminal of its own, where it runs until it is stopped."""
        return self.language == "sh" and _TERMINAL.match(self.text) is not None


@dataclass(frozen=True, slots=True)
class Example:
    """A block that is run, and the answer that is printed below it, if there is one."""

    block: Block
    answer: Block | None


def examples() -> Iterator[Example]:
    """Every block that is run, in order."""
    blocks = [Block(language, text) for language, text in _FENCED.findall(README.read_text(encoding="utf-8"))]
    for block, follower in zip(blocks, [*blocks[1:], Block("", "")], strict=True):
        if block.language in {"sh", "python"}:
            yield Example(block, follower if follower.language in {"json", "text"} else None)
