"""Expressions of a debugger: numbers, registers, CSRs, symbols, memory and C's operators. Nothing is ever executed.

    parse("*(sp + 4) == main").value(where)

Values are whole numbers. Registers are read as words from 0 to 0xffffffff, comparisons are of what is written, but for
`==` and `!=`, which look at 32 bits: `a0 == -1` holds where a0 is 0xffffffff. `signed(a0)` is negative there.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, Protocol

from trapline.isa.word import MASK
from trapline.vm.debug.mistake import Mistake, quoted

LONGEST = 1000
"""Characters of an expression."""
DEEPEST = 50
"""Parentheses and unary operators within each other."""
MOST_BITS = 64
"""Values are cut to so many bits, two's complement."""
WORD, HALF, BYTE = 4, 2, 1
SIGN = 1 << 31

LEVELS: tuple[tuple[str, ...], ...] = (
    ("||",), ("&&",), ("|",), ("^",), ("&",), ("==", "!="), ("<=", ">=", "<", ">"), ("<<", ">>"), ("+", "-"),
    ("*", "/", "%"),
)  # fmt: skip
"""C's binary operators, those that bind least first."""
FUNCTIONS = ("word", "half", "byte", "signed")
"""word, half, byte: memory at an address, as `*` is a word; signed: a word as a signed number."""

_TOKEN = re.compile(
    r"\s*(?:(?P<number>0[xX][0-9a-fA-F]+|0[bB][01]+|[0-9]+)(?![\w.])|'(?P<character>\\?[^'])'"
    r"|\$?(?P<name>[A-Za-z_.][\w.$@]*)|(?P<operator>\|\||&&|==|!=|<=|>=|<<|>>|[-+*/%&|^<>!~(),]))"
)
_ESCAPES = {"\\n": "\n", "\\t": "\t", "\\r": "\r", "\\0": "\0", "\\\\": "\\"}


class Where(Protocol):
    """What names and addresses mean."""

    def named(self, name: str) -> int:
        """The value of a register, CSR or symbol. Raises Mistake."""

    def load(self, address: int, width: int) -> int:
        """Memory at an address. Raises Mistake where there is none."""


@dataclass(frozen=True)
class Expression:
    """An expression that is right as far as its form says. text: as it was written."""

    text: str
    _value: Callable[[Where], int]

    def value(self, where: Where) -> int:
        """The value there. Raises Mistake."""
        return self._value(where)


def parse(text: str) -> Expression:
    """The expression that a text is. Raises Mistake."""
    return Expression(text.strip(), _Parser(text).whole())


def cut(value: int) -> int:
    """A number as `MOST_BITS` bits hold it."""
    half = 1 << (MOST_BITS - 1)
    return (value + half) % (1 << MOST_BITS) - half


def signed(value: int) -> int:
    """A word as a signed number."""
    return ((value & MASK) ^ SIGN) - SIGN


def _divided(left: int, right: int) -> int:
    if right == 0:
        raise Mistake("division by 0")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _shifted(left: int, right: int) -> int:
    if not 0 <= right < MOST_BITS:
        raise Mistake(f"a shift by {right} is not in 0..{MOST_BITS - 1}")
    return left << right


OPERATORS: dict[str, Callable[[int, int], int]] = {
    "|": operator.or_, "^": operator.xor, "&": operator.and_,
    "==": lambda a, b: int((a ^ b) & MASK == 0), "!=": lambda a, b: int((a ^ b) & MASK != 0),
    "<": lambda a, b: int(a < b), ">": lambda a, b: int(a > b), "<=": lambda a, b: int(a <= b),
    ">=": lambda a, b: int(a >= b), "<<": _shifted, ">>": lambda a, b: a >> min(max(b, 0), MOST_BITS),
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": _divided,
    "%": lambda a, b: a - b * _divided(a, b),
}  # fmt: skip
UNARY: dict[str, Callable[[int], int]] = {
    "-": operator.neg, "+": operator.pos, "~": operator.invert, "!": lambda a: int(a == 0),
}  # fmt: skip

Value = Callable[[Where], int]


class _Parser:
    """Parses one text, by recursive descent."""

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise Mistake(f"an expression has at most {LONGEST} characters")
        self._text = text
        self._tokens = self._split(text)
        self._at = 0
        self._depth = 0

    def _split(self, text: str) -> list[tuple[str, str]]:
        found, at = [], 0
        end = len(text.rstrip())
        while at < end:
            match = _TOKEN.match(text, at)
            if match is None:
                raise Mistake(f"{quoted(text[at:].strip())} in {quoted(text)} is not understood")
            kind = match.lastgroup or ""
            found.append((kind, match[kind]))
            at = match.end()
        return found

    def _fail(self, wanted: str) -> NoReturn:
        found = quoted(self._tokens[self._at][1]) if self._at < len(self._tokens) else "the end"
        raise Mistake(f"{wanted} is missing before {found} in {quoted(self._text)}")

    def _next_is(self, *operators: str) -> str:
        """The operator that comes next, if it is one of these; it is then passed."""
        if self._at < len(self._tokens):
            kind, text = self._tokens[self._at]
            if kind == "operator" and text in operators:
                self._at += 1
                return text
        return ""

    def whole(self) -> Value:
        value = self._binary(0)
        if self._at < len(self._tokens):
            self._fail("an operator")
        return value

    def _binary(self, level: int) -> Value:
        if level == len(LEVELS):
            return self._unary()
        value = self._binary(level + 1)
        while symbol := self._next_is(*LEVELS[level]):
            value = _joined(symbol, value, self._binary(level + 1))
        return value

    def _unary(self) -> Value:
        self._depth += 1
        if self._depth > DEEPEST:
            raise Mistake(f"{quoted(self._text)} is nested too deeply")
        try:
            if symbol := self._next_is(*UNARY):
                operand, function = self._unary(), UNARY[symbol]
                return lambda where: cut(function(operand(where)))
            if self._next_is("*"):
                return _loaded(self._unary(), WORD)
            return self._primary()
        finally:
            self._depth -= 1

    def _primary(self) -> Value:
        if self._next_is("("):
            return self._closed()
        if self._at == len(self._tokens) or self._tokens[self._at][0] == "operator":
            self._fail("a value")
        kind, text = self._tokens[self._at]
        self._at += 1
        if kind == "number":
            number = cut(int(text, 10 if text.isdigit() else 0))
            return lambda where: number
        if kind == "character":
            code = ord(_ESCAPES.get(text, text[-1]))
            return lambda where: code
        if text in FUNCTIONS and self._next_is("("):
            operand = self._closed()
            if text == "signed":
                return lambda where: signed(operand(where))
            return _loaded(operand, {"word": WORD, "half": HALF, "byte": BYTE}[text])
        return lambda where: where.named(text)

    def _closed(self) -> Value:
        value = self._binary(0)
        if not self._next_is(")"):
            self._fail("')'")
        return value


def _joined(symbol: str, left: Value, right: Value) -> Value:
    if symbol == "||":
        return lambda where: int(bool(left(where)) or bool(right(where)))
    if symbol == "&&":
        return lambda where: int(bool(left(where)) and bool(right(where)))
    function = OPERATORS[symbol]
    return lambda where: cut(function(left(where), right(where)))


def _loaded(address: Value, width: int) -> Value:
    return lambda where: where.load(address(where) & MASK, width)
