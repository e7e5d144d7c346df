"""Nodes of expressions: what the parser makes, and where an operand stands in its statement."""

import random

import pytest

from support.paths import PROGRAMS, TESTS
from trapline.asm.diagnostics import Diagnostics
from trapline.asm.nodes import (
    Assignment,
    Binary,
    Function,
    LocalLabel,
    Memory,
    Modified,
    Name,
    Operation,
    Parenthesized,
    Parsed,
    String,
    TypeName,
    Unary,
    parts,
    where_written,
)
from trapline.asm.parser import (
    SyntaxProblem,
    _parse,
    _plain_instruction,
    parse_expression,
    parse_operands,
    parse_statement,
)
from trapline.asm.preprocess.source_text import SourceText, Text

A = Name("a")


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("a", A),
        ("1f", LocalLabel("1f")),
        ("printf@plt", Modified("printf", "plt")),
        ("-a", Unary("-", A)),
        ("a + 2 * 3", Binary("+", A, 6)),
        ("(a)", Parenthesized(A)),
        ("(4)", 4),
        ("%hi(a)", Function("%hi", A)),
        ('"x\\n"', String(b"x\n")),
        ("1 / 0", Binary("/", 1, 0)),
    ],
)
def test_expressions(text, node):
    assert parse_expression(text) == node
    assert hash(parse_expression(text)) == hash(node)


def test_nodes_of_two_kinds_differ():
    assert len({Name("1f"), LocalLabel("1f"), TypeName("1f")}) == 3


def test_operands():
    assert parse_operands("4(a), (a), @function") == (Memory(4, A), Parenthesized(A), TypeName("@function"))


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("x: y: mv a, a", Parsed(("x", "y"), Operation("mv", (A, A)))),
        ("x = a", Parsed((), Assignment("x", A))),
        ("x:", Parsed(("x",), None)),
    ],
)
def test_statements(text, parsed):
    assert parse_statement(text) == parsed


def test_parts():
    assert parts(Binary("+", A, 1)) == (A, 1)
    assert parts(Unary("-", A)) == (A,)
    assert parts(A) == parts(7) == ()


@pytest.mark.parametrize(
    ("operand", "text"),
    [
        (5, "5"),
        (A, "a"),
        (Memory(-4, A), "-4"),
        (Parenthesized(A), "a"),
        (Function("%hi", A), "%hi"),
        (String(b"x"), None),
    ],
)
def test_where_an_operand_is_written(operand, text):
    assert where_written(operand) == text


def outcome(parse, *arguments):
    """What a parser makes of a statement: nodes, or where it finds which mistake."""
    try:
        return parse(*arguments)
    except SyntaxProblem as problem:
        return problem.column, problem.message


def test_operands_parsed_one_by_one_are_those_of_the_grammar():
    paths = [*PROGRAMS.rglob("*.s"), *(TESTS / "asm").rglob("*.s")]
    sources = [SourceText(Text("t.s", path.read_text(encoding="utf-8")), Diagnostics()) for path in paths]
    statements = sorted({text for source in sources for text, _ in source})
    assert sum(_plain_instruction(text) is not None for text in statements) > 1000
    mutate = random.Random(1)
    letters = [*",,,()+-*/%<>!~&|@.$ \t0189abfxUL_#'\"=:;\\é[]", "%hi(", "0x", "1f", "@plt"]
    for text in statements:
        position = mutate.randrange(len(text) + 1)
        wrong = text[:position] + mutate.choice(letters) + text[position + mutate.randrange(2) :]
        for one in (text, wrong.strip()):
            assert outcome(parse_statement, one) == outcome(_parse, one, "statement"), one
