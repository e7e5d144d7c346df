"""Values of optional extensions, which have no arm in `execute`: one function computes them all."""

import ast

from trapline.isa.word import MASK, WORD
from trapline.vm.codegen.collect import Definition, Function, inline_expression
from trapline.vm.core.op_numbers import forms, op_numbers, short_forms
from trapline.vm.core.packed import OP, PACKED_IMM

_OPERANDS = {"imm": f"(d >> {PACKED_IMM}) & {MASK:#x}", "shamt": f"d >> {PACKED_IMM}"}
"""Operands of a meaning that are in the decoded instruction; the others are parameters of the function."""


def value_apart() -> Definition:
    """`value_apart(d, rs1, rs2, pc)`: what a decoded instruction that is computed apart writes to rd."""
    lines = ["def value_apart(d, rs1, rs2, pc):", f"    op = d & {OP:#x}"]
    called: list[Function] = []
    short = short_forms()
    for form in forms():
        i = form.instruction
        if form.is_apart and form.length == WORD:
            values = {name: ast.parse(_OPERANDS.get(name, name), mode="eval").body for name in i.inputs}
            expression, functions = inline_expression(i.meaning, values)
            called += functions
            numbers = [op_numbers()[i.name], *([short[i.name]] if i.name in short else [])]
            lines.append(f"    if {' or '.join(f'op == {number}' for number in numbers)}:")
            lines.append(f"        return {ast.unparse(ast.fix_missing_locations(expression))}")
    return Definition.generated("\n".join([*lines, "    return 0"]), *called)
