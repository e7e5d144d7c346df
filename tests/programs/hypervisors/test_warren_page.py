"""docs/warren.md is true: excerpts, output of commands, and what each level counts."""

from pathlib import Path

import pytest

from support.burrow.walkthrough import commands, differing_piece, excerpts, run_script
from support.paths import WARREN
from support.vmm.levels import PAGE, kinds, recursion, with_help

pytestmark = pytest.mark.once

UPDATE = "PYTHONPATH=tests python -m support.vmm.levels"
"""Brings the tables up to date."""


@pytest.mark.parametrize("name, pieces", excerpts(PAGE), ids=[name for name, _ in excerpts(PAGE)])
def test_excerpts_are_in_the_sources(name: str, pieces: list[str]) -> None:
    piece = differing_piece(WARREN / name, pieces)
    assert piece is None, f"{name} has changed, and the page has not: {piece}"


def test_every_block_of_assembly_is_an_excerpt() -> None:
    assert PAGE.read_text(encoding="utf-8").count("```asm\n") == len(excerpts(PAGE)) == 4


def test_commands_print_what_the_page_shows(tmp_path: Path) -> None:
    shown = commands(PAGE)
    assert len(shown) == 2
    for script, expected in shown:
        assert run_script(script, tmp_path) == expected, script


@pytest.mark.parametrize("table", [recursion, kinds, with_help], ids=["recursion", "kinds", "help"])
def test_tables_are_what_is_counted(table) -> None:
    assert f"<!-- {table.__name__} -->\n\n{table()}\n\n" in PAGE.read_text(encoding="utf-8"), UPDATE
