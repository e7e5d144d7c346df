"""The tutorial on Warren is true: excerpts, and what its commands print."""

from pathlib import Path

import pytest

from support.burrow.walkthrough import commands, differing_piece, excerpts, run_script
from support.paths import WARREN
from support.vmm.walkthrough import PAGE

pytestmark = pytest.mark.once

UPDATE = "PYTHONPATH=tests python -m support.vmm.walkthrough"
"""Brings the outputs up to date."""


@pytest.mark.parametrize(
    "name, pieces", excerpts(PAGE), ids=[f"{i}-{name}" for i, (name, _) in enumerate(excerpts(PAGE))]
)
def test_excerpts_are_in_the_sources(name: str, pieces: list[str]) -> None:
    piece = differing_piece(WARREN / name, pieces)
    assert piece is None, f"{name} has changed, and the page has not: {piece}"


def test_every_block_of_assembly_is_an_excerpt() -> None:
    assert PAGE.read_text(encoding="utf-8").count("```asm\n") == len(excerpts(PAGE)) > 15


@pytest.mark.slow
def test_commands_print_what_the_page_shows(tmp_path: Path) -> None:
    shown = commands(PAGE)
    assert len(shown) >= 10
    for script, expected in shown:
        assert run_script(script, tmp_path) == (expected or ""), f"{script}: update the page: {UPDATE}"
