"""Which file imports which, read from the text of the sources: nothing is imported to find out.

Every import counts: inside a function, under TYPE_CHECKING, or of a name that a package passes on.
"""

import ast
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGES = ("isa", "asm", "vm", "trapline")
"""Folders at the top; `isa/` is imported as `trapline.isa`."""


@dataclass(frozen=True)
class Import:
    """One import statement. module: what it names, `trapline.asm.elf` too for `from trapline.asm import elf`."""

    module: str
    line: int
    in_function: bool


def modules(root: Path) -> dict[str, Path]:
    """Files of the packages by the name that they are imported by."""
    found = {}
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            parts = parts if package == "trapline" else ("trapline", *parts)
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def _statements(text: str) -> tuple[tuple[ast.Import | ast.ImportFrom, bool], ...]:
    """The import statements of a source, and whether each is inside a function; a source has many readers."""
    found: list[tuple[ast.Import | ast.ImportFrom, bool]] = []

    def visit(node: ast.AST, in_function: bool) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.append((node, in_function))
        inside = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            visit(child, inside)

    visit(ast.parse(text), False)
    return tuple(found)


def imports(path: Path, known: Collection[str] = ()) -> list[Import]:
    """The imports of a file. known: names of modules, to tell these from names within a module.

    Raises ValueError for a relative import.
    """
    found: list[Import] = []
    for node, in_function in _statements(path.read_text(encoding="utf-8")):
        if isinstance(node, ast.Import):
            found.extend(Import(alias.name, node.lineno, in_function) for alias in node.names)
            continue
        if node.level:
            raise ValueError(f"{path}:{node.lineno}: imports are absolute")
        module = node.module or ""
        for name in dict.fromkeys(alias.name for alias in node.names):
            whole = f"{module}.{name}"
            found.append(Import(whole if whole in known else module, node.lineno, in_function))
    return found


def graph(root: Path) -> dict[str, set[str]]:
    """The modules of the packages that each module imports."""
    known = modules(root)
    arrows = {}
    for name, path in known.items():
        arrows[name] = {one.module for one in imports(path, known) if one.module in known} - {name}
    return arrows


def circles(arrows: Mapping[str, Collection[str]]) -> list[list[str]]:
    """Groups of nodes that lead to one another, by Tarjan's algorithm (1972); none in a tree without circles."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def connect(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in sorted(arrows.get(node, ())):
            if target not in index:
                connect(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            cut = stack.index(node)
            component = sorted(stack[cut:])
            del stack[cut:]
            if len(component) > 1 or node in arrows.get(node, ()):
                found.append(component)

    for node in sorted(arrows):
        if node not in index:
            connect(node)
    return found
