"""One function of the engine's text as LLVM IR: its expressions.

They mean what they mean in Python as long as numbers fit 64 bits. Beyond, they wrap.
"""

import ast
from collections.abc import Callable
from typing import Any, Protocol

from trapline.vm.codegen.ir_kinds import (
    BIT,
    HART,
    INT,
    MACHINE,
    UNSIGNED,
    WORD_BITS,
    Array,
    Kind,
    Number,
    Record,
    UnknownConstructError,
    Value,
    field,
    record_bytes,
)

_OPERATIONS = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor",
}  # fmt: skip
_COMPARISONS = {
    ast.Eq: ("eq", "eq"), ast.NotEq: ("ne", "ne"), ast.Lt: ("slt", "ult"), ast.LtE: ("sle", "ule"),
    ast.Gt: ("sgt", "ugt"), ast.GtE: ("sge", "uge"),
}  # fmt: skip
"""LLVM's names of comparisons, signed and unsigned."""
_CUT = {"U8": 8, "U16": 16, "U32": 32}
"""Conversions that leave so many bits."""
_ARRAYS = {
    "words_at": Array(WORD_BITS), "bytes_at": Array(8), "halfwords_at": Array(16), "words32_at": Array(32),
    "harts_at": Array(HART), "machines_at": Array(MACHINE),
}  # fmt: skip
"""Functions of an address and a length, and the arrays that they answer."""


class Module(Protocol):
    """What a function needs of the module that it is in."""

    constants: dict[str, int]

    def call(self, caller: str, name: str, kinds: tuple[Kind, ...], arguments: str) -> str:
        """A call of a function with arguments of these kinds."""


class Expressions:
    """Writes expressions down. The lines that it makes are in `lines`, places on the stack in `stack`.

    name: the function's; own: names of its parameters and variables. variables: what those are that have a value
    already.
    """

    def __init__(self, module: Module, name: str, own: set[str]) -> None:
        self.module = module
        self.name = name
        self.own = own
        self.lines: list[str] = []
        self.stack: list[str] = []
        self.variables: dict[str, tuple[Kind, list[str]]] = {}
        self.loops: list[tuple[str, str]] = []
        self.ended = False
        self.at = ""
        self._count = 0

    # Lines

    def line(self, text: str) -> None:
        """One more line."""
        self.lines.append(f"  {text}")

    def new(self, text: str) -> str:
        """The name of what one more line computes."""
        self._count += 1
        name = f"%v{self._count}"
        self.line(f"{name} = {text}")
        return name

    def new_label(self) -> str:
        """A label that is to be put somewhere."""
        self._count += 1
        return f"b{self._count}"

    def label(self, name: str) -> None:
        """Here begins what has this label."""
        self.end(f"br label %{name}")
        self.lines.append(f"{name}:")
        self.ended = False
        self.at = name

    def end(self, text: str) -> None:
        """Leave for somewhere else, unless that was done."""
        if self.at and not self.ended:
            self.line(text)
        self.ended = True

    def place_on_stack(self, type_: str) -> str:
        """The address of a new variable, which begins as 0."""
        self._count += 1
        name = f"%s{self._count}"
        zero = "null" if type_ == "ptr" else "0"
        self.stack += [f"  {name} = alloca {type_}", f"  store {type_} {zero}, ptr {name}"]
        return name

    # Ways into the syntax tree

    def method(self, node: ast.AST) -> Callable[[Any], Any]:
        """What writes a node down."""
        found = getattr(self, f"_{type(node).__name__}", None)
        if found is None:
            raise self.unknown(node)
        return found

    def unknown(self, node: ast.AST) -> UnknownConstructError:
        """What to raise for a node that is not part of the language."""
        return UnknownConstructError(ast.unparse(node).partition("\n")[0])

    def called(self, node: ast.Call) -> str:
        """The name of a function that is called."""
        if not isinstance(node.func, ast.Name) or node.keywords:
            raise self.unknown(node)
        return node.func.id

    def known(self, node: ast.expr) -> int | None:
        """The value of a constant expression, None for another."""
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            return int(node.value)
        if isinstance(node, ast.Name) and node.id not in self.own:
            return self.module.constants.get(node.id)
        if isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Not):
            inner = self.known(node.operand)
            return None if inner is None else eval(ast.unparse(ast.UnaryOp(node.op, ast.Constant(inner))))
        return None

    def truth_known(self, node: ast.expr) -> bool | None:
        """Whether a condition is true, if that is known."""
        if isinstance(node, ast.BoolOp):
            decides = isinstance(node.op, ast.Or)
            first = self.truth_known(node.values[0])
            return first if first is decides else None
        known = self.known(node)
        return None if known is None else bool(known)

    # Values

    def value(self, node: ast.expr) -> Value:
        """Write an expression down."""
        known = self.known(node)
        return Value(INT, str(known)) if known is not None else self.method(node)(node)

    def number(self, value: Value) -> str:
        """A value as i64."""
        if value.kind == BIT:
            return self.new(f"zext i1 {value.name} to i64")
        if not isinstance(value.kind, Number):
            raise UnknownConstructError(f"{value.kind} is no number")
        return value.name

    def int_of(self, node: ast.expr) -> str:
        """An expression as i64."""
        return self.number(self.value(node))

    def _Name(self, node: ast.Name) -> Value:
        if node.id not in self.variables:
            raise self.unknown(node)
        kind, places = self.variables[node.id]
        if isinstance(kind, Number):
            return Value(kind, self.new(f"load i64, ptr {places[0]}"))
        pointer = self.new(f"load ptr, ptr {places[0]}")
        return Value(kind, pointer, self.new(f"load i64, ptr {places[1]}") if isinstance(kind, Array) else "")

    def _BinOp(self, node: ast.BinOp) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        unsigned = left.kind == right.kind == UNSIGNED
        a, b = self.number(left), self.number(right)
        if isinstance(node.op, ast.LShift | ast.RShift):
            # Processors take a shift by these bits, too, so this costs nothing.
            count = b if b.isdecimal() else self.new(f"and i64 {b}, {WORD_BITS - 1}")
            shift = "shl" if isinstance(node.op, ast.LShift) else "lshr" if left.kind == UNSIGNED else "ashr"
            return Value(left.kind if left.kind == UNSIGNED else INT, self.new(f"{shift} i64 {a}, {count}"))
        if isinstance(node.op, ast.FloorDiv | ast.Mod):
            return Value(UNSIGNED if unsigned else INT, self._divided(node, a, b, unsigned))
        if type(node.op) not in _OPERATIONS:
            raise self.unknown(node)
        kind = UNSIGNED if unsigned else INT
        return Value(kind, self.new(f"{_OPERATIONS[type(node.op)]} i64 {a}, {b}"))

    def _divided(self, node: ast.BinOp, a: str, b: str, unsigned: bool) -> str:
        """Quotient or remainder, rounded down; by 0 it is 0."""
        rest = isinstance(node.op, ast.Mod)
        zero = self.new(f"icmp eq i64 {b}, 0")
        if unsigned:
            answer = self.new(f"{'urem' if rest else 'udiv'} i64 {a}, {self.new(f'select i1 {zero}, i64 1, i64 {b}')}")
            return self.new(f"select i1 {zero}, i64 0, i64 {answer}")
        # Processors trap where the least number is divided by -1.
        minus = self.new(f"icmp eq i64 {b}, -1")
        by = self.new(f"select i1 {self.new(f'or i1 {zero}, {minus}')}, i64 1, i64 {b}")
        remainder = self.new(f"srem i64 {a}, {by}")
        other_sign = self.new(f"icmp slt i64 {self.new(f'xor i64 {remainder}, {by}')}, 0")
        down = self.new(f"and i1 {other_sign}, {self.new(f'icmp ne i64 {remainder}, 0')}")
        if rest:
            return self.new(f"add i64 {remainder}, {self.new(f'select i1 {down}, i64 {by}, i64 0')}")
        quotient = self.new(f"sub i64 {self.new(f'sdiv i64 {a}, {by}')}, {self.new(f'zext i1 {down} to i64')}")
        signed = self.new(f"select i1 {minus}, i64 {self.new(f'sub i64 0, {a}')}, i64 {quotient}")
        return self.new(f"select i1 {zero}, i64 0, i64 {signed}")

    def _UnaryOp(self, node: ast.UnaryOp) -> Value:
        if isinstance(node.op, ast.Not):
            return Value(BIT, self.new(f"xor i1 {self.truth(node.operand)}, true"))
        operand = self.int_of(node.operand)
        if isinstance(node.op, ast.UAdd):
            return Value(INT, operand)
        negated = isinstance(node.op, ast.USub)
        return Value(INT, self.new(f"sub i64 0, {operand}" if negated else f"xor i64 {operand}, -1"))

    def _Compare(self, node: ast.Compare) -> Value:
        if len(node.ops) != 1 or type(node.ops[0]) not in _COMPARISONS:
            raise self.unknown(node)
        left, right = self.value(node.left), self.value(node.comparators[0])
        unsigned = UNSIGNED in (left.kind, right.kind)
        if unsigned and left.kind != right.kind:
            raise self.unknown(node)
        operation = _COMPARISONS[type(node.ops[0])][unsigned]
        return Value(BIT, self.new(f"icmp {operation} i64 {self.number(left)}, {self.number(right)}"))

    def truth(self, node: ast.expr) -> str:
        """Whether an expression is true: i1."""
        value = self.value(node)
        return value.name if value.kind == BIT else self.new(f"icmp ne i64 {self.number(value)}, 0")

    def branch(self, node: ast.expr, yes: str, no: str) -> None:
        """Go to one of two labels by a condition."""
        known = self.truth_known(node)
        if known is not None:
            self.end(f"br label %{yes if known else no}")
        elif isinstance(node, ast.BoolOp):
            for operand in node.values[:-1]:
                onward = self.new_label()
                both = isinstance(node.op, ast.And)
                self.branch(operand, onward if both else yes, no if both else onward)
                self.label(onward)
            self.branch(node.values[-1], yes, no)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            self.branch(node.operand, no, yes)
        else:
            self.end(f"br i1 {self.truth(node)}, label %{yes}, label %{no}")

    def _BoolOp(self, node: ast.BoolOp) -> Value:
        """The operand that decides, as in Python."""
        behind = self.new_label()
        ways: list[str] = []
        for operand in node.values[:-1]:
            number = self.int_of(operand)
            ways.append(f"[{number}, %{self.at}]")
            truth, onward = self.new(f"icmp ne i64 {number}, 0"), self.new_label()
            both = isinstance(node.op, ast.And)
            self.end(f"br i1 {truth}, label %{onward if both else behind}, label %{behind if both else onward}")
            self.label(onward)
        number = self.int_of(node.values[-1])
        ways.append(f"[{number}, %{self.at}]")
        self.end(f"br label %{behind}")
        self.label(behind)
        return Value(INT, self.new(f"phi i64 {', '.join(ways)}"))

    def _IfExp(self, node: ast.IfExp) -> Value:
        known = self.truth_known(node.test)
        if known is not None:
            return self.value(node.body if known else node.orelse)
        yes, no, behind = self.new_label(), self.new_label(), self.new_label()
        self.branch(node.test, yes, no)
        ways = []
        for label, choice in ((yes, node.body), (no, node.orelse)):
            self.label(label)
            ways.append(f"[{self.int_of(choice)}, %{self.at}]")
            self.end(f"br label %{behind}")
        self.label(behind)
        return Value(INT, self.new(f"phi i64 {', '.join(ways)}"))

    # Memory

    def _Attribute(self, node: ast.Attribute) -> Value:
        base = self.value(node.value)
        if isinstance(base.kind, Record) and (found := field(base.kind.name, node.attr))[1] > 1:
            address = self.new(f"getelementptr inbounds i8, ptr {base.name}, i64 {found[0]}")
            return Value(Array(WORD_BITS), address, str(found[1]))
        return self._loaded(node)

    def _Subscript(self, node: ast.Subscript) -> Value:
        base = self.value(node.value)
        if isinstance(base.kind, Array) and isinstance(base.kind.element, Record):
            size = record_bytes(base.kind.element.name)
            offset = self.new(f"mul i64 {self._index(base, node.slice)}, {size}")
            address = self.new(f"getelementptr inbounds i8, ptr {base.name}, i64 {offset}")
            return Value(base.kind.element, address)
        return self._loaded(node)

    def _loaded(self, node: ast.Attribute | ast.Subscript) -> Value:
        address, bits = self.place(node)
        loaded = self.new(f"load i{bits}, ptr {address}")
        return Value(INT, loaded if bits == WORD_BITS else self.new(f"zext i{bits} {loaded} to i64"))

    def place(self, node: ast.Attribute | ast.Subscript) -> tuple[str, int]:
        """The address of a field or an element, and how many bits it has."""
        base = self.value(node.value)
        if isinstance(node, ast.Attribute):
            if not isinstance(base.kind, Record):
                raise self.unknown(node)
            offset, _ = field(base.kind.name, node.attr)
            address = self.new(f"getelementptr inbounds i8, ptr {base.name}, i64 {offset}")
            return address, WORD_BITS
        if not isinstance(base.kind, Array) or isinstance(base.kind.element, Record):
            raise self.unknown(node)
        bits = base.kind.element
        index = self._index(base, node.slice)
        return self.new(f"getelementptr inbounds i{bits}, ptr {base.name}, i64 {index}"), bits

    def _index(self, base: Value, node: ast.expr) -> str:
        """An index; a negative one counts from the end, unless U64 says that there is none."""
        index = self.value(node)
        at = self.number(index)
        if index.kind == UNSIGNED or at.isdecimal():
            return at
        negative = self.new(f"icmp slt i64 {at}, 0")
        return self.new(f"select i1 {negative}, i64 {self.new(f'add i64 {at}, {base.length}')}, i64 {at}")

    # Calls

    def _Call(self, node: ast.Call) -> Value:
        name = self.called(node)
        special = getattr(self, f"_call_{name}", None)
        if special is not None:
            return special(node)
        if name in _CUT:
            return Value(INT, self.new(f"and i64 {self.int_of(node.args[0])}, {(1 << _CUT[name]) - 1}"))
        if name in _ARRAYS:
            address, length = (self.int_of(a) for a in node.args)
            return Value(_ARRAYS[name], self.new(f"inttoptr i64 {address} to ptr"), length)
        arguments = [self.value(a) for a in node.args]
        kinds = tuple(INT if a.kind == BIT else a.kind for a in arguments)
        passed = []
        for argument in arguments:
            if isinstance(argument.kind, Number | type(BIT)):
                passed.append(f"i64 {self.number(argument)}")
            else:
                passed.append(f"ptr {argument.name}")
                passed += [f"i64 {argument.length}"] if isinstance(argument.kind, Array) else []
        return Value(INT, self.new(self.module.call(self.name, name, kinds, ", ".join(passed))))

    def _call_I64(self, node: ast.Call) -> Value:
        return Value(INT, self.int_of(node.args[0]))

    def _call_U64(self, node: ast.Call) -> Value:
        return Value(UNSIGNED, self.int_of(node.args[0]))

    def _call_len(self, node: ast.Call) -> Value:
        return Value(INT, self.value(node.args[0]).length)

    def _call_abs(self, node: ast.Call) -> Value:
        return Value(INT, self.new(f"call i64 @llvm.abs.i64(i64 {self.int_of(node.args[0])}, i1 false)"))

    def _call_min(self, node: ast.Call) -> Value:
        return self._least(node, "smin")

    def _call_max(self, node: ast.Call) -> Value:
        return self._least(node, "smax")

    def _least(self, node: ast.Call, name: str) -> Value:
        best, *others = (self.int_of(a) for a in node.args)
        for other in others:
            best = self.new(f"call i64 @llvm.{name}.i64(i64 {best}, i64 {other})")
        return Value(INT, best)

    def _call_address_of_registers(self, node: ast.Call) -> Value:
        return Value(INT, self.new(f"ptrtoint ptr {self.value(node.args[0]).name} to i64"))

    def _call_call_door(self, node: ast.Call) -> Value:
        door, *words = (self.int_of(a) for a in node.args)
        pointer = self.new(f"inttoptr i64 {door} to ptr")
        return Value(INT, self.new(f"call i64 {pointer}({', '.join(f'i64 {word}' for word in words)})"))
