"""One function of the engine's text as LLVM IR: its statements.

Variables are places on the stack, of which LLVM makes registers. They begin as 0.
"""

import ast

from trapline.vm.codegen.collect import CONVERSIONS
from trapline.vm.codegen.ir_expression import Expressions
from trapline.vm.codegen.ir_kinds import (
    BIT,
    INT,
    WORD_BITS,
    Array,
    Kind,
    Number,
    Record,
    UnknownConstructError,
    Value,
)

RANGE = 3
"""Arguments of `range` with a step."""


def parameter_types(kinds: tuple[Kind, ...]) -> list[str]:
    """LLVM's types of parameters of these kinds: an array's pointer and length."""
    types: list[str] = []
    for kind in kinds:
        if isinstance(kind, Array):
            types += ["ptr", "i64"]
        else:
            types.append("ptr" if isinstance(kind, Record) else "i64")
    return types


class Statements(Expressions):
    """Writes a function down, statement by statement."""

    def write(self, tree: ast.FunctionDef, kinds: tuple[Kind, ...]) -> None:
        """Write the whole function down. kinds: of its parameters."""
        self.label("entry")
        number = 0
        for argument, kind in zip(tree.args.args, kinds, strict=True):
            length = f"%p{number + 1}" if isinstance(kind, Array) else ""
            self.store(argument.arg, Value(kind, f"%p{number}", length))
            number += len(parameter_types((kind,)))
        self.block(tree.body)
        self.end("ret i64 0")

    def block(self, statements: list[ast.stmt]) -> None:
        """Some statements, up to one that leaves them."""
        for statement in statements:
            if self.ended:
                return
            self.method(statement)(statement)

    def _Pass(self, node: ast.Pass) -> None:
        pass

    def _Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.value(node.value)

    def _Return(self, node: ast.Return) -> None:
        self.end(f"ret i64 {0 if node.value is None else self.number(self.value(node.value))}")

    def _Assign(self, node: ast.Assign) -> None:
        if isinstance(node.targets[0], ast.Tuple):
            self._assign_all(node)
            return
        value = self.value(node.value)
        for target in node.targets:
            self.assign(target, value)

    def _assign_all(self, node: ast.Assign) -> None:
        """`a, b = b, a`: all values come before the first is stored."""
        (target,) = node.targets if len(node.targets) == 1 else [None]
        if not (isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)):
            raise self.unknown(node)
        if len(target.elts) != len(node.value.elts):
            raise self.unknown(node)
        for part, value in zip(target.elts, [self.value(part) for part in node.value.elts], strict=True):
            self.assign(part, value)

    def _AugAssign(self, node: ast.AugAssign) -> None:
        if any(isinstance(part, ast.Call) and self.called(part) not in CONVERSIONS for part in ast.walk(node.target)):
            raise self.unknown(node)  # it would be called twice
        self.assign(node.target, self.value(ast.BinOp(node.target, node.op, node.value)))

    def assign(self, target: ast.expr, value: Value) -> None:
        """Store a value in a variable, a field or an element."""
        if isinstance(target, ast.Name):
            self.store(target.id, value)
        elif isinstance(target, ast.Attribute | ast.Subscript):
            address, bits = self.place(target)
            number = self.number(value)
            if bits < WORD_BITS:
                number = self.new(f"trunc i64 {number} to i{bits}")
            self.line(f"store i{bits} {number}, ptr {address}")
        else:
            raise self.unknown(target)

    def _If(self, node: ast.If) -> None:
        known = self.truth_known(node.test)
        if known is not None:
            self.block(node.body if known else node.orelse)
            return
        yes, no = self.new_label(), self.new_label()
        behind = self.new_label() if node.orelse else no
        self.branch(node.test, yes, no)
        self.label(yes)
        self.block(node.body)
        self.end(f"br label %{behind}")
        if node.orelse:
            self.label(no)
            self.block(node.orelse)
            self.end(f"br label %{behind}")
        self.label(behind)

    def _While(self, node: ast.While) -> None:
        again, body, behind = self.new_label(), self.new_label(), self.new_label()
        self.end(f"br label %{again}")
        self.label(again)
        self.branch(node.test, body, behind)
        self.loop(node, again, body, behind)
        self.label(behind)

    def _For(self, node: ast.For) -> None:
        call = node.iter
        if not (isinstance(call, ast.Call) and self.called(call) == "range" and isinstance(node.target, ast.Name)):
            raise self.unknown(node)
        bounds = [self.number(self.value(a)) for a in call.args]
        start, stop = ("0", bounds[0]) if len(bounds) == 1 else bounds[:2]
        step = 1 if len(bounds) < RANGE else self.known(call.args[-1])
        if not step:
            raise self.unknown(call)
        test, body, onward, behind = (self.new_label() for _ in range(4))
        counter = self.place_on_stack("i64")
        self.line(f"store i64 {start}, ptr {counter}")
        self.end(f"br label %{test}")
        self.label(test)
        at = self.new(f"load i64, ptr {counter}")
        more = self.new(f"icmp {'slt' if step > 0 else 'sgt'} i64 {at}, {stop}")
        self.end(f"br i1 {more}, label %{body}, label %{behind}")
        self.label(onward)
        self.line(f"store i64 {self.new(f'add nsw i64 {at}, {step}')}, ptr {counter}")
        self.end(f"br label %{test}")
        self.label(body)
        self.store(node.target.id, Value(INT, at))
        self.loop(node, onward, None, behind)
        self.label(behind)

    def loop(self, node: ast.While | ast.For, again: str, body: str | None, behind: str) -> None:
        """The body of a loop, which begins at a label, if it has not begun."""
        if node.orelse:
            raise self.unknown(node)
        if body is not None:
            self.label(body)
        self.loops.append((again, behind))
        self.block(node.body)
        self.loops.pop()
        self.end(f"br label %{again}")

    def _Break(self, node: ast.Break) -> None:
        self.end(f"br label %{self.loops[-1][1]}")

    def _Continue(self, node: ast.Continue) -> None:
        self.end(f"br label %{self.loops[-1][0]}")

    # Variables

    def store(self, name: str, value: Value) -> None:
        """Give a variable a value."""
        kind = INT if value.kind == BIT else value.kind
        if isinstance(kind, Number) and kind.unsigned:
            raise UnknownConstructError(f"variable '{name}' is unsigned")
        if name not in self.variables:
            types = parameter_types((kind,))
            self.variables[name] = kind, [self.place_on_stack(t) for t in types]
        known, places = self.variables[name]
        if known != kind:
            raise UnknownConstructError(f"variable '{name}' is {known}, and {kind}")
        parts = [self.number(value)] if kind == INT else [value.name, value.length]
        for type_, place, part in zip(parameter_types((kind,)), places, parts, strict=False):
            self.line(f"store {type_} {part}, ptr {place}")
