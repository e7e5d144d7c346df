"""Tables: aligned columns of plain text, a drawn table at a terminal, Markdown."""

import io
import os
import shutil
import sys
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.table import Table

Rows = Sequence[Sequence[str]]

ALL_BUT_FIRST = range(1, sys.maxsize)
"""Columns to align to the right where the first has names and the others have numbers."""
WIDEST = 140
"""Columns of a terminal that a drawn table uses at most: longer lines are hard to read."""


def build(
    headings: Sequence[str], rows: Rows, *, right: Collection[int] = (), folded: Collection[int] = (), gap: int = 2,
    markup: bool = False,
) -> "Table":  # fmt: skip
    """A table without lines, its headings left out if all are empty.

    right: columns that are aligned to the right; folded: columns that are broken where room is short; gap: blanks
    between columns; markup: whether cells have that of rich.
    """
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="dim", show_header=any(headings))
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="right" if i in right else "left", no_wrap=i not in folded)
    for row in rows:
        table.add_row(*(cell if markup else Text(cell) for cell in row))
    return table


def lines(headings: Sequence[str], rows: Rows, right: Collection[int] = ()) -> list[str]:
    """A table as plain text without escapes, as wide as it must be whatever the terminal."""
    from rich.console import Console

    widest = sum(max((len(row[i]) for row in (headings, *rows)), default=0) * 2 + 2 for i in range(len(headings)))
    # Into a file of its own: rich would flush stdout, and end the process where the reader closed the pipe.
    text = io.StringIO()
    console = Console(
        file=text, width=max(1, widest), color_system=None, force_terminal=False, highlight=False, emoji=False
    )
    console.print(build(headings, rows, right=right), soft_wrap=False)
    return [line.rstrip(" ") for line in text.getvalue().splitlines()]


def show(title: str, headings: Sequence[str], rows: Rows, folded: Collection[int] = ()) -> None:
    """Print a table on stdout: drawn and as wide as the terminal, or aligned below its title anywhere else."""
    if sys.stdout.isatty():
        _draw(title, headings, rows, folded)
    else:
        text = lines([""] * len(headings), rows)
        sys.stdout.write("".join(f"{line}\n" for line in (title, *(f"  {line}" for line in text), "")))


def _draw(title: str, headings: Sequence[str], rows: Rows, folded: Collection[int]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console

    table = build(headings, rows, folded=folded)
    table.title, table.title_justify, table.box, table.header_style = title, "left", SIMPLE_HEAD, "table.header"
    table.padding = (0, 1)
    styles: Literal["auto"] | None = None if os.environ.get("NO_COLOR") else "auto"
    Console(width=min(shutil.get_terminal_size().columns, WIDEST), color_system=styles).print(table)


def markdown(headings: Sequence[str], rows: Rows) -> list[str]:
    """A table in Markdown, a line for each row."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return [f"| {' | '.join(headings)} |", f"|{'---|' * len(headings)}", *(f"| {' | '.join(row)} |" for row in cells)]
