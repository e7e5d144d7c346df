"""Bits, modes, causes, statuses and techniques are written by their names.

Ruff's PLR2004 looks at comparisons; this looks at all that functions compute, in what is compiled and beside it.
A number stands where a constant is defined, outside of functions, or is one of these.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.paths import ROOT

FOLDERS = ("isa", "vm/core", "vm/hypervisor", "vm/exits")
"""Their files, not their subfolders."""

MEANINGS = {"isa/base.py", "isa/multiply.py", "isa/atomic.py", "isa/word.py"}
"""Where numbers are the definition: what instructions compute, in the specification's own terms."""

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
    0xFFFFFFFF: "a word",
}
"""Numbers that say what they are wherever they stand."""

SHIFTS = {16: "the third byte of a word", 24: "the fourth"}

NAMED = {"mode", "access", "technique", "status", "cause", "board", "data_mode"}
"""What is never compared with a number but for its sign: by variable or field."""


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    """The functions of a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            yield node


def number(node: ast.expr) -> int | None:
    """The value of a literal, with its sign."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = number(node.operand)
        return None if inner is None else -inner
    return node.value if isinstance(node, ast.Constant) and type(node.value) is int else None


def name(node: ast.expr) -> str:
    """The variable or field that an expression is."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def magic(function: ast.FunctionDef) -> Iterator[str]:
    """The literals of a function that should have a name, as the expressions that they are in."""
    for node in ast.walk(function):
        if isinstance(node, ast.Compare):
            sign = all(isinstance(op, ast.Lt | ast.GtE) for op in node.ops)
            sides = [node.left, *node.comparators]
            if any(name(s) in NAMED for s in sides) and any(
                number(s) is not None and not (number(s) == 0 and sign and name(node.left) in {"status", "cause"})
                for s in sides
            ):
                yield ast.unparse(node)
        if isinstance(node, ast.BinOp):
            allowed = COMMON | SHIFTS if isinstance(node.op, ast.LShift | ast.RShift) else COMMON
            for side in (node.left, node.right):
                value = number(side)
                if value is not None and value not in allowed:
                    yield ast.unparse(node)
        if isinstance(node, ast.Return) and node.value is not None:
            value = number(node.value)
            if value is not None and value not in (0, 1, -1):
                yield ast.unparse(node)
        if isinstance(node, ast.Assign):
            value = number(node.value)
            names = {name(target) for target in node.targets}
            if value is not None and (names & NAMED or value not in (0, 1, -1)):
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
        "return satp >> 22", "if m.board == 1: pass",
    ],
)  # fmt: skip
def test_a_number_without_one_is_found(body: str) -> None:
    tree = ast.parse(f"def f():\n    {body}\n").body[0]
    assert isinstance(tree, ast.FunctionDef)
    assert list(magic(tree))


@pytest.mark.parametrize(
    "body", ["return h.mip & SSIP", "return -1", "return h.mode == M", "if status < 0: pass", "return value >> 8"]
)
def test_names_and_common_numbers_are_not(body: str) -> None:
    tree = ast.parse(f"def f():\n    {body}\n").body[0]
    assert isinstance(tree, ast.FunctionDef)
    assert not list(magic(tree))
