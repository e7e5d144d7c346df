"""The tutorial on Burrow and the page on containers are true: excerpts, output of commands, sizes, costs."""

from pathlib import Path

import pytest

from support.burrow.walkthrough import (
    CONTAINERS,
    PAGE,
    PAGES,
    commands,
    costs,
    differing_piece,
    excerpts,
    run_script,
    sizes,
)
from support.paths import BURROW

pytestmark = pytest.mark.once

UPDATE = "PYTHONPATH=tests python -m support.burrow.walkthrough"
"""Brings the page up to date, except for excerpts."""


EXCERPTS = [*excerpts(), *excerpts(CONTAINERS)]


@pytest.mark.parametrize("name, pieces", EXCERPTS, ids=[f"{i}-{name}" for i, (name, _) in enumerate(EXCERPTS)])
def test_excerpts_are_in_the_sources(name: str, pieces: list[str]) -> None:
    piece = differing_piece(BURROW / name, pieces)
    assert piece is None, f"{name} has changed, and the page has not: {piece}"


def test_every_block_of_assembly_is_an_excerpt() -> None:
    assert sum(page.read_text(encoding="utf-8").count("```asm\n") for page in PAGES) == len(EXCERPTS) > 15


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_print_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    shown = commands(page)
    assert len(shown) >= 7
    for script, expected in shown:
        assert run_script(script, tmp_path) == (expected or ""), f"{script}: update the page: {UPDATE}"


@pytest.mark.slow
@pytest.mark.parametrize("table", [sizes, costs], ids=["sizes", "costs"])
def test_tables_are_what_is_measured(table) -> None:
    assert f"<!-- {table.__name__} -->\n\n{table()}\n\n" in PAGE.read_text(encoding="utf-8"), UPDATE
