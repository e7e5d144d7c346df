"""Bits, modes, causes, statuses and techniques are written by their names.

Ruff's PLR2004 looks at comparisons; this looks at all that functions compute, in what is compiled and beside it.
A number stands where a constant is defined, outside of functions, or is one of these.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.paths import ROOT

FOLDERS = ("isa", "vm/core", "vm/hypervisor", "vm/hypervisor/host", "vm/codegen", "vm/exits")
"""Their files, not their subfolders."""

MEANINGS = {"isa/base.py", "isa/bitmanip.py", "isa/multiply.py", "isa/atomic.py", "isa/word.py"}
"""Where numbers are the definition: what instructions compute, in the specification's own terms."""

WORD = 0xFFFFFFFF

COMMON = {
    0: "nothing",
    1: "one",
    2: "halves and pairs; shifts between bytes and words",
    3: "the bits of an address within its word; x0 to x31 and shift amounts take five",
    4: "bytes of a word",
    8: "bits of a byte; bytes of 64 bits",
    31: "register numbers and shift amounts",
    32: "bits of a word, and registers",
    0xFF: "a byte",
    WORD: "a word",
}
"""Numbers that say what they are wherever they stand."""

CONVERSIONS = {"I64", "U64", "U32", "U16", "U8"}
"""Calls that are the number they are given."""

SHIFTS = {16: "the third byte of a word", 24: "the fourth"}

NAMED = {
    "mode", "access", "technique", "status", "cause", "board", "data_mode", "waiting",
    "pte", "mstatus", "mip", "mie", "mideleg", "medeleg", "lines", "satp", "pmpcfg", "mleak", "real_mleak",
}  # fmt: skip
"""Variables and fields that no number but a zero or a sign is computed from or compared with."""

CODED = {"mode", "access", "technique", "board", "data_mode"}
"""Those of them whose zero has a name as well."""

PLAIN = (0, 1, -1)
"""What is returned, assigned or passed without a name, unless the variable is in NAMED."""


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    """The functions of a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            yield node


def number(node: ast.AST | None) -> int | None:
    """The value of a literal, with its sign, also where it is converted: `U8(1)`."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = number(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.Call) and name(node.func) in CONVERSIONS and len(node.args) == 1:
        return number(node.args[0])
    return node.value if isinstance(node, ast.Constant) and type(node.value) is int else None


def name(node: ast.AST) -> str:
    """The variable or field that an expression is, or is an element of."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def results(node: ast.expr) -> Iterator[ast.expr]:
    """The expressions that an expression may have the value of."""
    if isinstance(node, ast.IfExp):
        yield from results(node.body)
        yield from results(node.orelse)
    else:
        yield node


def compared(node: ast.Compare) -> bool:
    """Whether something in NAMED is compared with a number: all but a sign, and the zero of what is no code."""
    sign = all(isinstance(op, ast.Lt | ast.GtE) for op in node.ops)
    sides = [node.left, *node.comparators]
    named = {name(side) for side in sides} & NAMED
    values = [value for side in sides if (value := number(side)) is not None]
    zero_is_plain = (sign and named <= {"status", "cause"}) or not named & (CODED | {"status", "cause"})
    return bool(named) and any(value != 0 or not zero_is_plain for value in values)


def computed(node: ast.BinOp | ast.AugAssign) -> bool:
    """Whether an operation has a number that says nothing by itself."""
    left, right = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.target, node.value)
    shift = isinstance(node.op, ast.LShift | ast.RShift)
    bits = isinstance(node.op, ast.BitAnd | ast.BitOr | ast.BitXor)
    for side, other in ((left, right), (right, left)):
        for result in results(side):
            value = number(result)
            if value is not None and value not in (COMMON | SHIFTS if shift else COMMON):
                return True
            if value not in (None, 0, WORD) and bits and (name(other) in NAMED or isinstance(result, ast.Call)):
                return True
    return False


def assigned(targets: list[ast.expr], value: ast.expr | None) -> bool:
    """Whether these variables, or without one what is returned, may become a number that should have a name."""
    names = {name(target) for target in targets}
    allowed = () if names & CODED else (0,) if names & NAMED else PLAIN
    return value is not None and any(number(result) not in (None, *allowed) for result in results(value))


def passed(node: ast.Call) -> bool:
    """Whether a function is called with a number that has no name."""
    if name(node.func) in CONVERSIONS | {"range"}:
        return False
    values = [*node.args, *(keyword.value for keyword in node.keywords)]
    return any(number(result) not in (None, *PLAIN, *COMMON) for value in values for result in results(value))


def magic(function: ast.FunctionDef) -> Iterator[str]:
    """The literals of a function that should have a name, as the expressions that they are in."""
    for node in ast.walk(function):
        match node:
            case ast.Compare():
                found = compared(node)
            case ast.BinOp():
                found = computed(node)
            case ast.AugAssign():
                found = computed(node)
            case ast.Return(value=ast.expr() as value):
                found = assigned([], value)
            case ast.Assign():
                found = assigned(node.targets, node.value)
            case ast.AnnAssign():
                found = assigned([node.target], node.value)
            case ast.Call():
                found = passed(node)
            case ast.Subscript():
                found = name(node.value) == "x" and number(node.slice) not in (None, 0)
            case ast.MatchValue():
                found = number(node.value) is not None
            case _:
                found = False
        if found:
            yield ast.unparse(node)


@pytest.mark.parametrize("folder", FOLDERS)
def test_numbers_have_names(folder: str) -> None:
    found = {}
    for path in sorted((ROOT / folder).glob("*.py")):
        file = f"{folder}/{path.name}"
        if file not in MEANINGS and (lines := [text for f in functions(path) for text in magic(f)]):
            found[file] = lines
    assert found == {}


@pytest.mark.parametrize(
    "body",
    [
        "return h.mip & 0x222", "return 2", "return -10", "return h.mode == 3", "return h.mode == 0",
        "if status != -10: pass", "return pte | 0x40", "access = 2", "return m.technique >= 3", "h.mode = 0",
        "return satp >> 22", "if m.board == 1: pass", "h.mip |= 0x222", "take_trap(h, 13, 0)", "f(x=0x222)",
        "return h.x[17]", "a: int = 0x222", "m.waiting = 2 if a else 3", "match a:\n        case -10: pass",
        "return x | U8(1)", "return pte & 2", "return h.mstatus & 2", "return h.mip & 8", "h.lines |= 2",
        "return h.satp ^ 1", "h.pmpcfg[i] = 31", "return m.mleak == 4", "h.mie = 0x222", "f(3 if a else 17)",
    ],
)  # fmt: skip
def test_a_number_without_one_is_found(body: str) -> None:
    tree = ast.parse(f"def f():\n    {body}\n").body[0]
    assert isinstance(tree, ast.FunctionDef)
    assert list(magic(tree))


@pytest.mark.parametrize(
    "body",
    [
        "return h.mip & SSIP",
        "return -1",
        "return h.mode == M",
        "if status < 0: pass",
        "return value >> 8",
        "h.mstatus = 0",
        "if h.pmpcfg[i] & PMP_L == 0: pass",
        "f(h, 0, -1)",
        "return h.x[A7]",
        "return U32(0)",
        "return h.mip & (SSIP if a else STIP)",
        "return status & 0xFFFFFFFF",
    ],
)
def test_names_and_common_numbers_are_not(body: str) -> None:
    tree = ast.parse(f"def f():\n    {body}\n").body[0]
    assert isinstance(tree, ast.FunctionDef)
    assert not list(magic(tree))
