"""From expressions to LLVM IR, in 32 bits wherever that computes the same."""

from collections.abc import Callable
from typing import TypeVar, cast

from trapline.vm.translator.expression import SIGNED_WORD, UNSIGNED_WORD, CannotLowerError, Node

Value = TypeVar("Value", str, str | None)

WORD_BITS = 32
_WRAPPING = ("add", "sub", "mul", "and", "or", "xor")
"""Operations whose low bits depend on the low bits of their operands alone."""


class Lowering:
    """Writes the IR of nodes, each once. lines: what was written; prefix: how the names of values begin."""

    def __init__(self, prefix: str) -> None:
        self.lines: list[str] = []
        self._prefix = prefix
        self._known: dict[tuple[Node, str], str | None] = {}

    def _new(self, text: str) -> str:
        name = f"{self._prefix}{len(self.lines)}"
        self.lines.append(f"{name} = {text}")
        return name

    def word(self, node: Node) -> str:
        """An i32: its low 32 bits."""
        return self._once(node, self._word)

    def long(self, node: Node) -> str:
        """An i64: its low 64 bits."""
        return self._once(node, self._long)

    def bit(self, node: Node) -> str:
        """An i1: whether it is not 0."""
        return self._once(node, self._bit)

    def _once(self, node: Node, write: Callable[[Node], Value]) -> Value:
        key = node, write.__name__
        if key not in self._known:
            self._known[key] = write(node)
        return cast(Value, self._known[key])

    def _word(self, node: Node) -> str:
        return self._narrow(node) or self._new(f"trunc i64 {self._in_64_bits(node)} to i32")

    def _long(self, node: Node) -> str:
        if node.constant is not None:
            return str(node.constant)
        for bounds, extend in ((UNSIGNED_WORD, "zext"), (SIGNED_WORD, "sext")):
            if node.within(bounds) and (word := self._narrow(node)):
                return self._new(f"{extend} i32 {word} to i64")
        return self._in_64_bits(node)

    def _narrow(self, node: Node) -> str | None:
        return self._once(node, self._in_32_bits)

    def _in_32_bits(self, node: Node) -> str | None:
        """Its low 32 bits by 32-bit arithmetic, None where that cannot be."""
        arguments = node.arguments
        match node.operation:
            case "constant":
                number = node.low & UNSIGNED_WORD[1]
                return str(number - (1 << WORD_BITS) if number > SIGNED_WORD[1] else number)
            case "input":
                return node.name
            case "and" if arguments[1].constant is not None and ~arguments[1].constant & UNSIGNED_WORD[1] == 0:
                return self.word(arguments[0])
            case operation if operation in _WRAPPING:
                return self._two(operation, arguments)
            case "shl" if arguments[1].within((0, WORD_BITS - 1)):
                return self._two("shl", arguments)
            case "shr" if arguments[1].within((0, WORD_BITS - 1)) and arguments[0].within(UNSIGNED_WORD):
                return self._two("lshr", arguments)
            case "shr" if arguments[1].within((0, WORD_BITS - 1)) and arguments[0].within(SIGNED_WORD):
                return self._two("ashr", arguments)
            case "udiv" | "urem" if all(a.within(UNSIGNED_WORD) for a in arguments):
                return self._two(node.operation, arguments)
            case "sext":
                return self._extended(node)
            case "select":
                condition, then, otherwise = arguments
                values = f"i32 {self.word(then)}, i32 {self.word(otherwise)}"
                return self._new(f"select i1 {self.bit(condition)}, {values}")
            case "comparison":
                return self._new(f"zext i1 {self.bit(node)} to i32")
            case "abs":
                value = self.word(arguments[0])
                negated = self._new(f"sub i32 0, {value}")
                negative = self._new(f"icmp slt i32 {value}, 0")
                return self._new(f"select i1 {negative}, i32 {negated}, i32 {value}")
        return None

    def _two(self, operation: str, arguments: tuple[Node, ...]) -> str:
        left, right = arguments
        return self._new(f"{operation} i32 {self.word(left)}, {self.word(right)}")

    def _extended(self, node: Node) -> str:
        value = self.word(node.arguments[0])
        if node.bits == WORD_BITS:
            return value
        if node.bits > WORD_BITS:
            raise CannotLowerError(f"a sign extension from {node.bits} bits")
        narrow = self._new(f"trunc i32 {value} to i{node.bits}")
        return self._new(f"sext i{node.bits} {narrow} to i32")

    def _in_64_bits(self, node: Node) -> str:
        operation = {"shr": "ashr"}.get(node.operation, node.operation)
        if operation == "select":
            condition, then, otherwise = node.arguments
            values = f"i64 {self.long(then)}, i64 {self.long(otherwise)}"
            return self._new(f"select i1 {self.bit(condition)}, {values}")
        if operation not in (*_WRAPPING, "shl", "ashr", "udiv", "urem"):
            raise CannotLowerError(f"a {operation} of 64 bits")
        left, right = node.arguments
        return self._new(f"{operation} i64 {self.long(left)}, {self.long(right)}")

    def _bit(self, node: Node) -> str:
        if node.operation != "comparison":
            if node.within(UNSIGNED_WORD) or node.within(SIGNED_WORD):
                return self._new(f"icmp ne i32 {self.word(node)}, 0")
            return self._new(f"icmp ne i64 {self.long(node)}, 0")
        left, right = node.arguments
        same = node.name in ("eq", "ne")
        if same and left.operation == right.operation == "comparison":
            return self._new(f"icmp {node.name} i1 {self.bit(left)}, {self.bit(right)}")
        if left.within(UNSIGNED_WORD) and right.within(UNSIGNED_WORD):
            relation, kind, side = ("" if same else "u") + node.name, "i32", self.word
        else:
            narrow = left.within(SIGNED_WORD) and right.within(SIGNED_WORD)
            relation = ("" if same else "s") + node.name
            kind, side = ("i32", self.word) if narrow else ("i64", self.long)
        return self._new(f"icmp {relation} {kind} {side(left)}, {side(right)}")
