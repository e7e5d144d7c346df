"""An instruction's meaning as LLVM IR, from the syntax tree of which the interpreter's arm is made as well.

Nothing here knows an instruction: only Python's operators, and what integers are in `isa.word`.
"""

import ast
import inspect
import textwrap
import types
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, cast

from trapline.isa import Instruction, Kind
from trapline.vm.translator.expression import (
    SIGNED_WORD,
    UNSIGNED_WORD,
    CannotLowerError,
    Node,
    binary,
    comparison,
    constant,
    magnitude,
    selection,
    variable,
)
from trapline.vm.translator.lower import Lowering

LOWERED = (Kind.VALUE, Kind.BRANCH, Kind.JUMP, Kind.LOAD, Kind.STORE, Kind.AMO, Kind.LR, Kind.SC, Kind.CSR)
"""The kinds whose meanings are functions of words alone."""

_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.LShift: "<<",
    ast.RShift: ">>", ast.FloorDiv: "//", ast.Mod: "%",
}  # fmt: skip
_RELATIONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge",
}  # fmt: skip


class LoweredMeaning(NamedTuple):
    """lines: instructions of LLVM IR; result: the i32 they compute, of a branch the i1."""

    lines: tuple[str, ...]
    result: str


def lower(instruction: Instruction, operands: Mapping[str, str], prefix: str = "%t") -> LoweredMeaning:
    """The IR of a meaning.

    operands: an i32 of IR for each input of the meaning; `data` of a load is zero-extended. prefix: how the names of
    new values begin. Raises CannotLowerError if the meaning is not an expression of integer operators.
    """
    inputs = {name: variable(operands[name], _range(instruction, name)) for name in instruction.inputs}
    node = meaning(instruction, inputs)
    lowering = Lowering(prefix)
    result = lowering.bit(node) if instruction.kind is Kind.BRANCH else lowering.word(node)
    return LoweredMeaning(tuple(lowering.lines), result)


def _range(instruction: Instruction, name: str) -> tuple[int, int]:
    if name in ("shamt", "uimm"):
        return 0, 31
    if name == "data":
        return 0, (1 << (8 * instruction.width)) - 1
    return UNSIGNED_WORD


def meaning(instruction: Instruction, inputs: Mapping[str, Node]) -> Node:
    """What an instruction computes from its inputs. Raises CannotLowerError."""
    if instruction.kind not in LOWERED:
        raise CannotLowerError(f"{instruction.name} does more than compute a word")
    function = instruction.meaning
    if not isinstance(function, types.FunctionType):
        raise CannotLowerError(f"{instruction.name}'s meaning is not a plain function")
    return _call(function, [inputs[name] for name in instruction.inputs])


def jumps_by_immediate(instruction: Instruction) -> bool:
    """Whether a jump goes to pc + imm, which is known before it is executed."""
    if set(instruction.inputs) != {"pc", "imm"}:
        return False
    pc, imm = variable("pc"), variable("imm")
    target = meaning(instruction, {"pc": pc, "imm": imm})
    if target.operation == "and" and target.arguments[1].constant == UNSIGNED_WORD[1]:
        target = target.arguments[0]
    return target.operation == "add" and set(target.arguments) == {pc, imm}


class Record(NamedTuple):
    """The hart's record as an argument. field: what a field of it holds, a word; may raise CannotLowerError."""

    field: Callable[[str], Node]


Argument = Node | Record


def value_read(function: Callable[..., Any], record: Record) -> Node:
    """What a function answers that reads a record. Raises CannotLowerError."""
    return _call(function, [record])


def field_written(function: Callable[..., Any], record: Record, value: Node) -> tuple[str, Node]:
    """The field of a record that a function of it and a value writes, and what. Raises CannotLowerError."""
    return _written(function, [record, value])


class _Function(NamedTuple):
    """A function: its parameters, the variables that it assigns in order, and its last statement."""

    parameters: tuple[str, ...]
    assignments: tuple[tuple[str, ast.expr], ...]
    last: ast.stmt


@cache
def _parsed(function: Callable[..., Any]) -> _Function:
    try:
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    except (OSError, TypeError, SyntaxError, ValueError):
        raise CannotLowerError(f"{function!r} has no source of its own") from None
    if not isinstance(tree, ast.FunctionDef):
        raise CannotLowerError(f"{function!r} is not a plain function")
    *before, last = (s for s in tree.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)))
    assignments = []
    for statement in before:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                assignments.append((name, value))
            case ast.If(test=test, body=[ast.Assign(targets=[ast.Name(id=name)], value=value)], orelse=[]):
                assignments.append((name, ast.IfExp(test, value, ast.Name(name))))
            case _:
                raise CannotLowerError(f"{tree.name} does more than compute its result")
    return _Function(tuple(a.arg for a in tree.args.args), tuple(assignments), last)


def _call(function: Callable[..., Any], arguments: Sequence[Argument]) -> Node:
    evaluation, last = _evaluated(function, arguments)
    if not isinstance(last, ast.Return) or last.value is None:
        raise CannotLowerError(f"{function.__name__} does not end with its result")
    return evaluation.of(last.value)


def _written(function: Callable[..., Any], arguments: Sequence[Argument]) -> tuple[str, Node]:
    evaluation, last = _evaluated(function, arguments)
    match last:
        case ast.Assign(targets=[ast.Attribute(value=ast.Name(), attr=field)], value=value):
            return field, evaluation.of(value)
        case ast.Expr(value=ast.Call(func=ast.Name(id=name), args=trees, keywords=[])):
            called = evaluation.scope.get(name)
            if isinstance(called, types.FunctionType):
                return _written(called, [evaluation.argument(tree) for tree in trees])
    raise CannotLowerError(f"{function.__name__} does not end with the field that it writes")


def _evaluated(function: Callable[..., Any], arguments: Sequence[Argument]) -> "tuple[_Evaluation, ast.stmt]":
    """The variables before the last statement of a function, and that one."""
    parsed = _parsed(function)
    if len(parsed.parameters) != len(arguments):
        raise CannotLowerError(f"{function.__name__} is called with {len(arguments)} arguments")
    evaluation = _Evaluation(dict(zip(parsed.parameters, arguments, strict=True)), function.__globals__)
    for name, value in parsed.assignments:
        evaluation.variables[name] = evaluation.of(value)
    return evaluation, parsed.last


class _Evaluation:
    """Expressions of one function. variables: its own; scope: its module's names."""

    def __init__(self, variables: dict[str, Argument], scope: Mapping[str, Any]) -> None:
        self.variables = variables
        self.scope = scope

    def argument(self, tree: ast.expr) -> Argument:
        """What a called function gets: the record, or the node of an expression."""
        found = self.variables.get(tree.id) if isinstance(tree, ast.Name) else None
        return found if isinstance(found, Record) else self.of(tree)

    def of(self, tree: ast.expr) -> Node:
        """The node of an expression."""
        match tree:
            case ast.Constant(value=bool() | int() as value):
                return constant(int(value))
            case ast.Name(id=name):
                return self._name(name)
            case ast.BinOp() if type(tree.op) in _OPERATORS:
                return binary(_OPERATORS[type(tree.op)], self.of(tree.left), self.of(tree.right))
            case ast.UnaryOp(op=ast.USub()):
                return binary("-", constant(0), self.of(tree.operand))
            case ast.UnaryOp(op=ast.Invert()):
                return binary("^", self.of(tree.operand), constant(-1))
            case ast.Compare(ops=[relation], comparators=[right]) if type(relation) in _RELATIONS:
                return comparison(_RELATIONS[type(relation)], self.of(tree.left), self.of(right))
            case ast.IfExp():
                return selection(self.of(tree.test), self.of(tree.body), self.of(tree.orelse))
            case ast.Attribute(value=ast.Name(id=name), attr=field) if isinstance(self.variables.get(name), Record):
                return cast(Record, self.variables[name]).field(field)
            case ast.Call(func=ast.Name(id=name), keywords=[]):
                return self._called(name, [self.argument(argument) for argument in tree.args])
        raise CannotLowerError(f"'{ast.unparse(tree)}' has no translation")

    def _name(self, name: str) -> Node:
        if isinstance(found := self.variables.get(name), Node):
            return found
        value = self.scope.get(name)
        if not isinstance(value, int):
            raise CannotLowerError(f"'{name}' is not an integer")
        return constant(int(value))

    def _called(self, name: str, arguments: list[Argument]) -> Node:
        function = self.scope.get(name)
        if isinstance(function, types.FunctionType):
            return _call(function, arguments)
        if function is None and name == abs.__name__:
            match arguments:
                case [Node() as value] if value.within(SIGNED_WORD):
                    return magnitude(value)
        raise CannotLowerError(f"'{name}' has no translation")
