"""The look of every table.

What is copied from a table, such as an object ID, stands on one line wherever it can: rich narrows the other columns
first. Little space between columns, so that most tables fit a terminal of 80.
"""

from __future__ import annotations

from typing import Final

from rich import box
from rich.table import Table

WHOLE: Final = frozenset({"connection", "tenant", "run", "object id"})
"""Columns that are copied from."""


def table(*columns: str) -> Table:
    """An empty table with these columns."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        made.add_column(column, overflow="fold", no_wrap=column in WHOLE, min_width=max(map(len, column.split())))
    return made
