"""Arithmetic: the operators of expressions, in 64-bit two's complement as in GNU as, and the parts of an address."""

from collections.abc import Callable

from trapline.asm.nodes import Binary, Expression

MAX_SHIFT = 1 << 16
"""Shifting by this much or more is reported as a mistake."""

SHIFTS = ("<<", ">>")
EQUALITIES = ("==", "!=", "<>")
COMPARISONS = (*EQUALITIES, "<", ">", "<=", ">=")


def truncated(a: int, b: int) -> tuple[int, int]:
    """C's quotient and remainder, rounded towards zero. Raises ZeroDivisionError."""
    quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    return quotient, a - quotient * b


OPERATORS: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: truncated(a, b)[0],
    "%": lambda a, b: truncated(a, b)[1],
    "<<": lambda a, b: (a << b) & (2**64 - 1) if b < 64 else 0,
    ">>": lambda a, b: (a & (2**64 - 1)) >> b,
    "|": lambda a, b: a | b,
    "&": lambda a, b: a & b,
    "^": lambda a, b: a ^ b,
    "!": lambda a, b: a | ~b,
    "==": lambda a, b: -(a == b),
    "<>": lambda a, b: -(a != b),
    "!=": lambda a, b: -(a != b),
    "<": lambda a, b: -(a < b),
    ">": lambda a, b: -(a > b),
    "<=": lambda a, b: -(a <= b),
    ">=": lambda a, b: -(a >= b),
    "&&": lambda a, b: int(bool(a) and bool(b)),
    "||": lambda a, b: int(bool(a) or bool(b)),
}

UNARY_OPERATORS: dict[str, Callable[[int], int]] = {
    "-": lambda a: -a,
    "~": lambda a: ~a,
    "!": lambda a: int(not a),
}


def wrap(value: int) -> int:
    """`value` truncated to 64-bit two's complement."""
    if -(1 << 63) <= value < 1 << 63:
        return value
    return ((value + (1 << 63)) & (2**64 - 1)) - (1 << 63)


def compute(operator: str, left: int, right: int) -> int:
    """The result of an operation. Raises ZeroDivisionError, and ValueError for a shift out of range."""
    if operator in SHIFTS and not 0 <= right < MAX_SHIFT:
        raise ValueError(f"cannot shift by {right}")
    return wrap(OPERATORS[operator](left, right))


def folded(operator: str, left: Expression, right: Expression) -> Expression:
    """The result when both sides are numbers, else the operation as a node; mistakes are left to `compute`."""
    if type(left) is int and type(right) is int:
        try:
            return compute(operator, left, right)
        except (ZeroDivisionError, ValueError):
            pass  # reported once the statement's location is known
    return Binary(operator, left, right)


def high20(value: int) -> int:
    """What `lui` or `auipc` must load for `addi` with `low12(value)` to give the 32-bit `value`."""
    return (value + 0x800) & 0xFFFFF000


def low12(value: int) -> int:
    """The lowest 12 bits of a value as a signed immediate."""
    return ((value & 0xFFF) ^ 0x800) - 0x800


def normalized(value: int) -> int:
    """A constant operand as GNU as takes it: one whose upper 32 bits are all equal is a 32-bit pattern."""
    return signed32(value) if -(1 << 32) <= value < 1 << 32 else value


def signed32(value: int) -> int:
    """The lowest 32 bits of a value as a signed number."""
    return (value & 0xFFFFFFFF ^ 0x80000000) - 0x80000000
