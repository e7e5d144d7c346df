"""`execute` with its arms: one for each instruction, the meaning inlined, all on syntax trees.

The run loop is `vm.core.execute`, the arms by kind are `vm.core.instruction_arms`, the meanings are those of the
declarations.
"""

import ast
import copy
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from trapline.isa import Instruction, Kind
from trapline.isa.word import HALFWORD, WORD
from trapline.isa.zicsr import ALWAYS_WRITE
from trapline.vm.codegen.collect import (
    Definition,
    Fold,
    Function,
    Substitute,
    comment,
    engine_name,
    function_tree,
    inline_expression,
    used_names,
)
from trapline.vm.core import execute
from trapline.vm.core import instruction_arms as arms
from trapline.vm.core.execute import FIRST_OP
from trapline.vm.core.op_numbers import first_apart, forms
from trapline.vm.core.packed import PACKED_IMM, PACKED_RD, PACKED_RS1, PACKED_RS2, REGISTER
from trapline.vm.core.page_walk import load_allowed, real_address
from trapline.vm.core.parcels import encoding_at


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _parsed(texts: Mapping[str, str]) -> dict[str, ast.expr]:
    return {name: _expression(text) for name, text in texts.items()}


SOURCE = f"(d >> {PACKED_RS1}) & {REGISTER}"
RS1 = f"x[{SOURCE}]"
_FIELDS = {
    "rs1": RS1,
    "rs2": f"x[(d >> {PACKED_RS2}) & {REGISTER}]",
    "rd": f"(d >> {PACKED_RD}) & {REGISTER}",
    "imm": f"d >> {PACKED_IMM}",
    "csr": f"d >> {PACKED_IMM}",
    "source": SOURCE,
    "pc": "(vbase + 2 * ip) & MASK",
    "word": "encoding_at(h, ram16, code, ip - number)",
    "cycle": "start + n",
}
FIELDS = _parsed(_FIELDS)
"""Parameters of arms in terms of the variables of `execute`."""

_OPERANDS = {
    "rs1": RS1,
    "rs2": _FIELDS["rs2"],
    "imm": f"(d >> {PACKED_IMM}) & MASK",
    "shamt": f"d >> {PACKED_IMM}",
    "uimm": SOURCE,
    "pc": _FIELDS["pc"],
}
OPERANDS = _parsed(_OPERANDS)
"""What a meaning takes, in the same terms."""

SYSTEM_OPERANDS = _parsed(
    _OPERANDS
    | {
        "h": "h",
        "rd": _FIELDS["rd"],
        "readable": f"load_allowed(h, m, ram32, {RS1})",
        "paddr": f"real_address(h, m, ram32, {RS1})",
    }
)
"""What a meaning that acts on the hart takes."""

ENDS: dict[type[NamedTuple], list[ast.stmt]] = {
    arms.Near: ast.parse("n += 1\ncontinue").body,
    arms.Far: ast.parse("status = FAR_JUMP\nbreak").body,
    arms.Leave: ast.parse("break").body,
    arms.Trap: ast.parse("break").body,
}
"""What an arm's answer does in `execute`, once its fields are assigned to the variables of their names."""


def arm_of(i: Instruction) -> Function:
    """The function of `vm.core.instruction_arms` that runs an instruction."""
    return arms.csr_swap if i.name in ALWAYS_WRITE else arms.ARMS[i.kind]


def _assign(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(name, ast.Store())], value, lineno=0)


class _Splice(ast.NodeTransformer):
    """Make an arm part of `execute` for one instruction.

    What lives within one arm gets a name of its own in each: numba takes long over variables with many definitions.
    """

    def __init__(self, i: Instruction, op: int) -> None:
        self.instruction = i
        self.op = op
        self.called: list[Function] = []
        self._operands: list[ast.stmt] = []

    def visit(self, node: ast.AST) -> Any:
        """A statement's operands come before it."""
        if not isinstance(node, ast.stmt):
            return super().visit(node)
        outer, self._operands = self._operands, []
        new = super().visit(node)
        result = [*self._operands, *(new if isinstance(new, list) else [new])]
        self._operands = outer
        return result

    def visit_Return(self, node: ast.Return) -> list[ast.stmt]:
        """Where an arm goes."""
        self.generic_visit(node)
        assert isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name)
        answer = getattr(arms, node.value.func.id)
        fields = zip(answer._fields, node.value.args, strict=True)
        return [*(_assign(name, value) for name, value in fields), *copy.deepcopy(ENDS[answer])]

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """The meaning, in place of its call."""
        self.generic_visit(node)
        if not (isinstance(node.func, ast.Name) and node.func.id == "meaning"):
            return node
        i = self.instruction
        if "h" in i.inputs:
            self.called += [i.meaning, load_allowed, real_address]
            operands = [copy.deepcopy(SYSTEM_OPERANDS[name]) for name in i.inputs]
            return ast.Call(_expression(engine_name(i.meaning)), operands, [])
        values = {k.arg: k.value for k in node.keywords if k.arg is not None}
        for name in i.inputs:
            if name not in values:
                own = f"{name}_{self.op}"
                self._operands.append(_assign(own, self._operand(name)))
                values[name] = ast.Name(own, ast.Load())
        expression, called = inline_expression(i.meaning, values)
        self.called += called
        return expression

    def _operand(self, name: str) -> ast.expr:
        if name == "operand":
            name = "uimm" if "uimm" in self.instruction.operands else "rs1"
        return copy.deepcopy(OPERANDS[name])


class _Rename(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)


AFTER_SHORT = ast.parse("ip += 1\nn += 1\ncontinue").body
"""Where the short form of an instruction goes on; others do as `execute` has it."""


def arm_body(i: Instruction, op: int, length: int = WORD) -> tuple[list[ast.stmt], list[Function]]:
    """The statements of an instruction's arm, and the functions that they call beside the arm's own."""
    tree = function_tree(arm_of(i))
    local = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    tree = _Rename({name: f"{name}_{op}" for name in local}).visit(tree)
    fields = copy.deepcopy(FIELDS) | {"width": ast.Constant(i.width), "length": ast.Constant(length)}
    parameters = {a.arg for a in tree.args.args}
    known = {name: value for name, value in fields.items() if name in parameters}
    # What these decide is decided here: the compiler finds out later that they are constant, and allocates worse.
    constants = ("BYTE", "HALFWORD", "WORD", "PACKED_IMM", "STRICT", "STRICT_SHIFT", "PAGE_PARCELS")
    values: dict[str, ast.expr] = {name: ast.Constant(getattr(arms, name)) for name in constants}
    tree = Substitute(known | values).visit(tree)
    splice = _Splice(i, op)
    body = [new for statement in tree.body for new in splice.visit(statement)]
    folded = Fold().visit(ast.Module(body, []))
    return [*folded.body, *(copy.deepcopy(AFTER_SHORT) if length < WORD else [])], splice.called


def _all_arms() -> Iterator[tuple[Instruction, int, int]]:
    """Every instruction and every short form, with its op number and its length in bytes."""
    for number, form in enumerate(forms(), FIRST_OP):
        if form.instruction.kind is not Kind.FENCE and not form.is_apart:
            yield form.instruction, number, form.length


def spliced_execute() -> Definition:
    """`execute` for the instructions of the table."""
    known = {
        "OP": execute.OP,
        "FIRST_APART": first_apart(WORD),
        "FIRST_SHORT_APART": first_apart(HALFWORD),
    }
    constants: dict[str, ast.expr] = {name: ast.Constant(value) for name, value in known.items()}
    tree = Substitute(constants).visit(function_tree(execute.execute))
    scope = {**vars(arms), **vars(execute), "encoding_at": encoding_at}
    place = next(n for n in ast.walk(tree) if isinstance(n, ast.If) and ast.unparse(n.test).startswith("arms("))
    chain = place.orelse
    for i, op, length in reversed(list(_all_arms())):
        body, called = arm_body(i, op, length)
        scope.update({engine_name(function): function for function in called})
        name = i.name if length == WORD else f"{i.name}, compressed"
        chain = [ast.If(_expression(f"op == {op}"), [comment(name), *body], chain)]
    (first,) = chain
    assert isinstance(first, ast.If)
    place.test, place.body, place.orelse = first.test, first.body, first.orelse
    for name in used_names(tree) & vars(arms).keys() & vars(execute).keys():
        if vars(arms)[name] is not vars(execute)[name]:
            raise TypeError(f"'{name}' is not the same in vm.core.instruction_arms and vm.core.execute")
    return Definition(tree, scope, execute.__name__)
