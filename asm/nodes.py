"""Parsed statements as trees: expressions, operands, and what a statement does.

An expression is an int or a node; so is an operand, which may also be an address, a string or a type.
`Unit.bind` replaces names by symbols; what it returns (`Bound`) holds only ints, symbols, `Unary` and `Binary`.
Nodes are immutable, hashable and compared by value.
"""

from dataclasses import dataclass


class Node:
    """Base class of everything that an expression or operand can be, except an int."""

    __slots__ = ()


Expression = int | Node
Operand = int | Node
Operands = tuple[Operand, ...]
Bound = int | Node


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A symbol, a register, a CSR, or `.`, the current position: the context decides."""

    text: str


@dataclass(frozen=True, slots=True)
class LocalLabel(Node):
    """`1b` or `1f`: the nearest label `1:` before or after the statement; `1$`: the label between two named ones."""

    text: str


@dataclass(frozen=True, slots=True)
class Modified(Node):
    """A name with a suffix for linkers, such as `printf@plt`."""

    name: str
    modifier: str


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """`-x`, `~x` or `!x`."""

    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """`left operator right`, such as `end - start`."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Parenthesized(Node):
    """`(x)`: an expression, or an address without an offset."""

    inside: Expression


@dataclass(frozen=True, slots=True)
class Function(Node):
    """A relocation function such as `%hi(x)`, which selects a part of an address."""

    name: str
    argument: Expression


@dataclass(frozen=True, slots=True)
class Memory(Node):
    """`offset(base)`."""

    offset: Expression
    base: Expression


@dataclass(frozen=True, slots=True)
class String(Node):
    """A string's bytes, escapes resolved."""

    content: bytes


@dataclass(frozen=True, slots=True)
class TypeName(Node):
    """`@function`, or `%function`."""

    text: str


@dataclass(frozen=True, slots=True)
class Operation:
    """An instruction and its operands."""

    mnemonic: str
    operands: Operands


@dataclass(frozen=True, slots=True)
class Assignment:
    """`name = value`, or with `once` `name == value`, which cannot be assigned again."""

    name: str
    value: Expression
    once: bool = False


@dataclass(frozen=True, slots=True)
class Parsed:
    """One statement: its labels, and what follows them, if anything."""

    labels: tuple[str, ...]
    body: Operation | Assignment | None


def parts(expression: Expression) -> tuple[Expression, ...]:
    """The operands of a `Unary` or `Binary`; empty for everything else."""
    match expression:
        case Binary(_, left, right):
            return left, right
        case Unary(_, operand):
            return (operand,)
    return ()


def leftmost(expression: Expression) -> Expression:
    """The operand that an expression without parentheses begins with."""
    while isinstance(expression, Binary):
        expression = expression.left
    return expression


def where_written(operand: Operand) -> str | None:
    """Text to search the statement for to find the operand, None for a string; a number may be spelt otherwise."""
    match operand:
        case int():
            return str(operand)
        case Name(text) | LocalLabel(text) | TypeName(text) | Modified(text) | Function(text):
            return text
        case Unary(operator) | Binary(operator):
            return operator
        case Parenthesized(inside) | Memory(inside):
            return where_written(inside)
    return None
