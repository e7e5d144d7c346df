"""The IR of a meaning as terms of z3, and whether it can differ from what the meaning makes of symbolic words."""

import re
from functools import partial
from typing import Any
from unittest.mock import patch

import z3

from trapline.isa import Instruction, Kind
from trapline.vm.classifier.proof import symbolic
from trapline.vm.classifier.proof.symbolic import Explorer, low, term_of, word_of

_BINARY = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "and": lambda a, b: a & b,
    "or": lambda a, b: a | b, "xor": lambda a, b: a ^ b, "shl": lambda a, b: a << b, "lshr": z3.LShR,
    "ashr": lambda a, b: a >> b, "udiv": lambda a, b: _ANY_QUOTIENT(a, b), "urem": lambda a, b: _ANY_REST(a, b),
}  # fmt: skip
_RELATIONS = {
    "eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "slt": lambda a, b: a < b, "sle": lambda a, b: a <= b,
    "sgt": lambda a, b: a > b, "sge": lambda a, b: a >= b, "ult": z3.ULT, "ule": z3.ULE, "ugt": z3.UGT, "uge": z3.UGE,
}  # fmt: skip
TIMEOUT = 10_000
"""Milliseconds that z3 has for one path."""

_LINE = re.compile(r"(\S+) = (\w+) (.*)")


class Terms:
    """Values by their names. undefined: conditions under which LLVM says nothing about a value that is used."""

    def __init__(self, operands: dict[str, z3.BitVecRef]) -> None:
        self.values = operands
        self.undefined: list[z3.BoolRef] = []

    def of(self, text: str, bits: int) -> Any:
        """The term of a value that is used."""
        return self.values[text] if text.startswith("%") else z3.BitVecVal(int(text), bits)

    def add(self, line: str) -> None:
        """Compute a line."""
        match = _LINE.fullmatch(line)
        assert match is not None, line
        name, operation, rest = match.groups()
        self.values[name] = self._computed(operation, rest.replace(",", "").split())

    def _computed(self, operation: str, words: list[str]) -> Any:
        match operation, words:
            case "select", [_, condition, kind, then, _, otherwise]:
                bits = int(kind[1:])
                return z3.If(self.of(condition, 1) == 1, self.of(then, bits), self.of(otherwise, bits))
            case "icmp", [relation, kind, left, right]:
                bits = int(kind[1:])
                holds = _RELATIONS[relation](self.of(left, bits), self.of(right, bits))
                return z3.If(holds, z3.BitVecVal(1, 1), z3.BitVecVal(0, 1))
            case "trunc" | "zext" | "sext", [old, value, "to", new]:
                before, after = int(old[1:]), int(new[1:])
                if operation == "trunc":
                    return z3.Extract(after - 1, 0, self.of(value, before))
                extend = z3.ZeroExt if operation == "zext" else z3.SignExt
                return extend(after - before, self.of(value, before))
            case _, [kind, left, right]:
                bits = int(kind[1:])
                a, b = self.of(left, bits), self.of(right, bits)
                if operation in ("shl", "lshr", "ashr"):
                    self.undefined.append(z3.UGE(b, bits))
                if operation in ("udiv", "urem"):
                    self.undefined.append(b == 0)
                return _ANY_PRODUCT(a, b) if (operation, bits) == ("mul", 64) else _BINARY[operation](a, b)
        raise AssertionError(f"{operation} {words}")


WORDS = z3.BitVecSort(32), z3.BitVecSort(32), z3.BitVecSort(32)
LONGS = z3.BitVecSort(64), z3.BitVecSort(64), z3.BitVecSort(64)
# Any function: what is equal whatever division is, is equal for division, and z3 need not think about it.
_ANY_QUOTIENT, _ANY_REST = z3.Function("quotient", *WORDS), z3.Function("rest", *WORDS)
_ANY_PRODUCT = z3.Function("product", *LONGS)


def _without_sign(dividend: z3.BitVecRef, divisor: z3.BitVecRef) -> tuple[z3.BitVecRef, z3.BitVecRef]:
    """Quotient and remainder of what fits 32 bits without a sign, and is not divided by zero."""
    beyond = z3.Or(z3.UGT(dividend, 0xFFFFFFFF), z3.UGT(divisor, 0xFFFFFFFF), divisor == 0)
    assert symbolic.active().solver.check(beyond) == z3.unsat
    terms = (z3.Extract(31, 0, dividend), z3.Extract(31, 0, divisor))
    return z3.ZeroExt(32, _ANY_QUOTIENT(*terms)), z3.ZeroExt(32, _ANY_REST(*terms))


def _any_product(left: symbolic.Word, right: symbolic.Word) -> symbolic.Word:
    return word_of(_ANY_PRODUCT(term_of(left), term_of(right)))


def _inputs(instruction: Instruction) -> dict[str, z3.BitVecRef]:
    """An i32 for each input, within its range."""
    terms = {}
    for name in instruction.inputs:
        bits = {"shamt": 5, "uimm": 5, "data": 8 * instruction.width}.get(name, 32)
        term = z3.BitVec(name, bits)
        terms[name] = z3.ZeroExt(32 - bits, term) if bits < 32 else term
    return terms


def differences(instruction: Instruction, lines: tuple[str, ...], result: str) -> z3.ModelRef | None:
    """Operands for which the IR is not the meaning, or LLVM may make anything of it; None if there are none."""
    inputs = _inputs(instruction)
    terms = Terms({f"%{name}": term for name, term in inputs.items()})
    for line in lines:
        terms.add(line)
    found = terms.of(result, 1 if instruction.kind is Kind.BRANCH else 32)
    meaning = partial(instruction.meaning, **{name: word_of(term) for name, term in inputs.items()})
    product = _any_product if any(" = mul i64 " in line for line in lines) else symbolic.Word.__mul__
    with patch.object(symbolic, "_floor", _without_sign), patch.object(symbolic.Word, "__mul__", product):
        paths = list(Explorer([]).paths(meaning))
    for path in paths:
        value = path.result
        if instruction.kind is Kind.BRANCH:
            expected = z3.If(term_of(value) != 0, z3.BitVecVal(1, 1), z3.BitVecVal(0, 1))
        else:
            expected = low(value, 32)
        solver = z3.Solver()
        solver.set("timeout", TIMEOUT)
        solver.add(*path.conditions, z3.Or(found != expected, *terms.undefined))
        if (answer := solver.check()) != z3.unsat:
            assert answer == z3.sat, solver.reason_unknown()
            return solver.model()
    return None
