"""Tables of the grammar that were kept make the parser that lark makes of the grammar."""

import random
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.asm.statements import Statements
from trapline.asm import parser
from trapline.asm.parser import SyntaxProblem

pytestmark = pytest.mark.once


class Kept:
    """Tables in this process."""

    def __init__(self) -> None:
        self.tables: dict[str, bytes] = {}
        self.reads = 0

    def read(self, key: str) -> bytes | None:
        self.reads += 1
        return self.tables.get(key)

    def keep(self, key: str, tables: bytes) -> None:
        self.tables[key] = tables


@pytest.fixture
def kept() -> Iterator[Kept]:
    """Where tables are kept; the parser is made anew before and after."""
    before, mine = parser._kept, Kept()
    parser._lark.cache_clear()
    parser.keep_tables(mine)
    yield mine
    parser._kept = before
    parser._lark.cache_clear()


def test_they_are_made_once(kept: Kept) -> None:
    first = parser._lark()
    assert list(kept.tables) == [parser.tables_key()] and kept.reads == 1 and parser._lark() is first
    parser._lark.cache_clear()
    assert parser._lark() is not first and kept.reads == 2 and len(kept.tables) == 1


MADE, LOADED = parser._made(), parser._loaded(parser.tables())


def outcome(lark: object, text: str) -> object:
    """What a parser makes of a statement: nodes, or where it finds which mistake."""
    before, parser._lark = parser._lark, lambda: lark  # type: ignore[assignment]
    try:
        return parser._parse(text, "statement")
    except SyntaxProblem as problem:
        return problem.column, problem.message
    finally:
        parser._lark = before


@given(st.integers(0, 1 << 32), st.integers(0, 200))
@example(0, 0)
def test_statements_and_mistakes_are_the_same(seed: int, cut: int) -> None:
    source = random.Random(seed)
    lines = Statements(source).program().splitlines()
    text = source.choice(lines or [""])
    for statement in (text, text[: cut % (len(text) + 1)]):
        assert outcome(LOADED, statement) == outcome(MADE, statement)
