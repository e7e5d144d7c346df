"""Integer expressions with their ranges: what a meaning computes, before it is lowered to instructions of LLVM.

A node stands for an exact integer, of which only the low 64 bits count if it may exceed these (`isa.word`). Its range
tells which machine type can hold it, so that lowering asks LLVM for 32-bit arithmetic where that is the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from operator import add, and_, floordiv, lshift, mod, mul, or_, rshift, sub, xor

Range = tuple[int, int]
"""The lowest and the highest value."""

UNSIGNED_WORD: Range = (0, 0xFFFFFFFF)
SIGNED_WORD: Range = (-(1 << 31), (1 << 31) - 1)
SIGNED_LONG: Range = (-(1 << 63), (1 << 63) - 1)
BITS = 64


class CannotLowerError(TypeError):
    """A meaning that has no translation; the interpreter executes its instruction."""


@dataclass(frozen=True, eq=False)
class Node:
    """An operation and what it is applied to. may_be_zero: False if it is known that the value is not 0."""

    operation: str
    arguments: tuple["Node", ...]
    low: int
    high: int
    may_be_zero: bool
    name: str = ""
    """Of an input: its IR value; of a comparison: the relation, as LLVM writes it without the sign."""
    bits: int = 0
    """Of a sign extension: the bits that are extended."""

    def within(self, bounds: Range) -> bool:
        """Whether all its values are in a range."""
        return bounds[0] <= self.low and self.high <= bounds[1]

    @property
    def constant(self) -> int | None:
        """Its value, if that is known."""
        return self.low if self.operation == "constant" else None


def _node(operation: str, arguments: tuple[Node, ...], low: int, high: int) -> Node:
    if low < SIGNED_LONG[0] or high > SIGNED_LONG[1]:
        low, high = SIGNED_LONG
    return Node(operation, arguments, low, high, low <= 0 <= high)


def constant(value: int) -> Node:
    """A number."""
    return Node("constant", (), value, value, value == 0)


def variable(name: str, bounds: Range = UNSIGNED_WORD) -> Node:
    """An input. name: its IR value."""
    return Node("input", (), *bounds, bounds[0] <= 0 <= bounds[1], name)


def comparison(relation: str, left: Node, right: Node) -> Node:
    """1 where it holds, else 0. relation: eq, ne, lt, le, gt or ge."""
    return Node("comparison", (left, right), 0, 1, True, relation)


def selection(condition: Node, then: Node, otherwise: Node) -> Node:
    """One of two. Where `then` stands for the case that `otherwise` is 0, the result is known not to be."""
    nonzero = not otherwise.may_be_zero or _is_test_for_zero(condition, otherwise)
    low, high = min(then.low, otherwise.low), max(then.high, otherwise.high)
    return Node("select", (condition, then, otherwise), low, high, then.may_be_zero or not nonzero)


def _is_test_for_zero(condition: Node, value: Node) -> bool:
    if condition.operation != "comparison" or condition.name != "eq":
        return False
    left, right = condition.arguments
    return left is value and right.constant == 0


def magnitude(value: Node) -> Node:
    """Its absolute value."""
    low = 0 if value.low <= 0 <= value.high else min(abs(value.low), abs(value.high))
    return Node("abs", (value,), low, max(abs(value.low), abs(value.high)), value.may_be_zero)


def binary(operation: str, left: Node, right: Node) -> Node:
    """`left operation right`, in Python's notation. Raises CannotLowerError where LLVM would do something else."""
    if left.constant is not None and right.constant is not None and (operation not in ("//", "%") or right.constant):
        return constant(_COMPUTE[operation](left.constant, right.constant))
    return _BINARY[operation](left, right)


_COMPUTE: dict[str, Callable[[int, int], int]] = {
    "+": add, "-": sub, "*": mul, "&": and_, "|": or_, "^": xor, "<<": lshift, ">>": rshift, "//": floordiv, "%": mod,
}  # fmt: skip


def _monotonic(operation: str, left: Node, right: Node, of: Callable[[int, int], int]) -> Node:
    """A node whose extremes are at those of its operands."""
    corners = [of(a, b) for a, b in product((left.low, left.high), (right.low, right.high))]
    return _node(operation, (left, right), min(corners), max(corners))


def _sum(left: Node, right: Node) -> Node:
    return _monotonic("add", left, right, add)


def _difference(left: Node, right: Node) -> Node:
    """A difference, or the sign extension that `isa.word` writes as one: ((v & (2s - 1)) ^ s) - s."""
    sign = right.constant
    if sign is not None and left.operation == "xor" and left.arguments[1].constant == sign:
        inner = left.arguments[0]
        mask = 2 * sign - 1
        if sign & (sign - 1) == 0 and inner.within((0, mask)):
            while inner.operation == "and" and inner.arguments[1].constant == mask:
                inner = inner.arguments[0]
            zero = inner.may_be_zero or not inner.within((0, mask))
            return Node("sext", (inner,), -sign, sign - 1, zero, bits=sign.bit_length())
    return _monotonic("sub", left, right, sub)


def _product(left: Node, right: Node) -> Node:
    return _monotonic("mul", left, right, mul)


def _and(left: Node, right: Node) -> Node:
    if left.constant is not None:
        left, right = right, left
    mask = right.constant
    if mask is not None and mask >= 0:
        if mask & (mask + 1) == 0 and left.within((0, mask)):
            return left
        if left.operation == "and" and left.arguments[1].constant is not None:
            return _and(left.arguments[0], constant(mask & left.arguments[1].constant))
        return _node("and", (left, right), 0, min(mask, left.high) if left.low >= 0 else mask)
    if left.low >= 0 and right.low >= 0:
        return _node("and", (left, right), 0, min(left.high, right.high))
    return _node("and", (left, right), *SIGNED_LONG)


def _bitwise(operation: str) -> Callable[[Node, Node], Node]:
    def make(left: Node, right: Node) -> Node:
        if left.low >= 0 and right.low >= 0:
            return _node(operation, (left, right), 0, (1 << max(left.high, right.high).bit_length()) - 1)
        signed = left.within(SIGNED_WORD) and right.within(SIGNED_WORD)
        return _node(operation, (left, right), *(SIGNED_WORD if signed else SIGNED_LONG))

    return make


def _shift(operation: str, of: Callable[[int, int], int]) -> Callable[[Node, Node], Node]:
    def make(left: Node, right: Node) -> Node:
        if not right.within((0, BITS - 1)):
            raise CannotLowerError(f"a shift by {right.low} to {right.high}")
        return _monotonic(operation, left, right, of)

    return make


def _division(operation: str) -> Callable[[Node, Node], Node]:
    """Of what has no sign, where rounding down and towards zero are the same, and of no divisor that may be zero."""

    def make(left: Node, right: Node) -> Node:
        if left.low < 0 or right.low < 0 or right.may_be_zero:
            raise CannotLowerError("a division of signed values, or by what may be zero")
        high = left.high if operation == "udiv" else min(left.high, right.high)
        return _node(operation, (left, right), 0, high)

    return make


_BINARY: dict[str, Callable[[Node, Node], Node]] = {
    "+": _sum,
    "-": _difference,
    "*": _product,
    "&": _and,
    "|": _bitwise("or"),
    "^": _bitwise("xor"),
    "<<": _shift("shl", lshift),
    ">>": _shift("shr", rshift),
    "//": _division("udiv"),
    "%": _division("urem"),
}
