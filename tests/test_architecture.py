"""The direction of imports, and the size of files."""

import ast
import sys
from pathlib import Path

import pytest

from support.paths import ROOT

LIMIT = 400
"""Lines that a file may have: one subject a file."""

OURS = {
    "isa": {"isa"},
    "asm": {"asm", "isa"},
    "vm": {"vm", "isa"},
}
MEET = ("cli", "machine", "loader", "bench")
"""Modules of `vm` that may import `asm`: the command line, `trapline bench`, and where a source is loaded like any
other program.

All but the first only inside a function: an ELF file runs without the assembler.
"""

OTHERS = {
    "isa": set(),
    "asm": {"lark", "pcpp", "elftools"},
    "vm": {"numba", "numpy", "llvmlite", "click", "rich", "elftools", "z3", "matplotlib"},
}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path, anywhere: bool = True) -> set[str]:
    """Packages that a module imports, anywhere in it or at its top level only."""
    found = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree) if anywhere else tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            found.add((node.module or "").partition(".")[0])
    return found


@pytest.mark.parametrize("package", OURS)
def test_imports_point_down(package: str) -> None:
    wrong = {}
    for path in modules(package):
        allowed = OURS[package] | OTHERS[package] | sys.stdlib_module_names
        if package == "vm" and path.stem.split("_")[0] in MEET and path.parent.name == "vm":
            allowed |= {"asm"}
        if beyond := imported(path) - allowed:
            wrong[str(path.relative_to(ROOT))] = beyond
    assert modules(package)
    assert wrong == {}


def test_running_a_program_loads_no_assembler() -> None:
    for path in modules("vm"):
        if not path.stem.startswith("cli"):
            assert "asm" not in imported(path, anywhere=False), path


@pytest.mark.parametrize("package", OURS)
def test_a_file_has_one_subject(package: str) -> None:
    lengths = {str(p.relative_to(ROOT)): len(p.read_text(encoding="utf-8").splitlines()) for p in modules(package)}
    assert {name: length for name, length in lengths.items() if length > LIMIT} == {}
