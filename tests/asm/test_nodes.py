"""Nodes of expressions: what the parser makes, and where an operand stands in its statement."""

import pytest

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
from trapline.asm.parser import parse_expression, parse_operands, parse_statement

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
