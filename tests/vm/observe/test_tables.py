"""Tables: plain text is what aligning by hand gives, whatever the terminal; a drawn one fits it; Markdown escapes."""

import os
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.cli.command import environment
from trapline.vm.observe import tables

pytestmark = pytest.mark.once

CELLS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12).map(str.strip)


def by_hand(rows: list[list[str]]) -> list[str]:
    """The first column to the left, the others to the right, two blanks between them."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [c.rjust(w) if i else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(cells).rstrip(" "))
    return lines


@given(st.integers(1, 5).flatmap(lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n), min_size=2, max_size=6)))
def test_text_is_aligned_as_by_hand(rows: list[list[str]]) -> None:
    """No cell is broken, and nothing in one is markup."""
    rows[0] = [cell or "x" for cell in rows[0]]
    assert tables.lines(rows[0], rows[1:], tables.ALL_BUT_FIRST) == by_hand(rows)


def test_a_table_without_headings_has_no_line_for_them() -> None:
    assert tables.lines(["", ""], [["a", "[b]long"], ["aaa", "b"]]) == ["a    [b]long", "aaa  b"]


@pytest.mark.parametrize("variables", [{"COLUMNS": "20"}, {"FORCE_COLOR": "1"}, {"TERM": "xterm-256color"}])
def test_text_depends_on_no_terminal(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    headings, rows = ["technique", "instructions of the guest"], [["interpret", "1,000,000"], ["trap", "1"]]
    assert tables.lines(headings, rows, tables.ALL_BUT_FIRST) == by_hand([headings, *rows])


DRAW = """
from trapline.vm.observe import tables
tables._draw("Title", ("name", "summary"), [("csrrw", "word " * 30), ("[b]", "x")], folded=[1])
"""


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_drawn_table_fits_its_terminal(columns: int) -> None:
    env = environment(COLUMNS=str(columns), FORCE_COLOR=None, PYTHONPATH=os.pathsep.join(p for p in sys.path if p))
    text = subprocess.run([sys.executable, "-c", DRAW], capture_output=True, env=env, check=True).stdout.decode()
    assert "\x1b" not in text and "csrrw" in text and "[b]" in text and "──" in text
    assert max(map(len, text.splitlines())) <= min(columns, tables.WIDEST)
    assert len(re.findall("word", text)) == 30


def test_markdown_escapes_what_would_end_a_cell() -> None:
    assert tables.markdown(["a", "b"], [["x|y", ""]]) == ["| a | b |", "|---|---|", "| x\\|y |  |"]
