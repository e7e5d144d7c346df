"""Files, folders and Python names that documents mention exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import trapline
from support.paths import ROOT

DOCUMENTS = sorted(
    str(p.relative_to(ROOT))
    for p in ROOT.rglob("*.md")
    if not {".venv", "build", "dist", "node_modules"} & set(p.relative_to(ROOT).parts)
)
FOLDERS = ("isa", "asm", "vm", "trapline", "tests", "docs", "programs", "benchmarks", ".ci")
PATH = re.compile(rf"(?:{'|'.join(map(re.escape, FOLDERS))})(?:/[\w.*-]+)*/?")
MODULE = re.compile(r"(trapline\.)?(isa|asm|vm)((?:\.\w+)+)")


def mentions(document: str) -> list[str]:
    """What stands between single backticks, outside of fenced blocks."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.S))


@cache
def python_files() -> frozenset[str]:
    return frozenset(p.name for folder in FOLDERS for p in (ROOT / folder).rglob("*.py"))


def defines(path: Path, name: str) -> bool:
    """Whether a module, or a class in it, defines a name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if getattr(node, "name", None) == name or (isinstance(node, ast.Name) and node.id == name):
            return True
    return False


def resolves(folder: str, dotted: str) -> bool:
    """Whether `trapline.FOLDER.DOTTED` is a module, or names in one."""
    path = ROOT / folder
    names = dotted.strip(".").split(".")
    while names and (path / names[0]).is_dir():
        path /= names.pop(0)
    if names and (path / f"{names[0]}.py").is_file():
        path /= f"{names.pop(0)}.py"
    else:
        path /= "__init__.py"
    return path.is_file() and all(defines(path, name) for name in names)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_exist(document: str) -> None:
    for mention in mentions(document):
        if PATH.fullmatch(mention):
            assert list(ROOT.glob(mention.rstrip("/"))), f"`{mention}` is not in the repository"
        elif re.fullmatch(r"\w+\.py", mention):
            assert mention in python_files(), f"no file is called `{mention}`"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_python_names_exist(document: str) -> None:
    """They are written as they are imported, from `trapline`."""
    for mention in mentions(document):
        if (match := MODULE.fullmatch(mention)) and not mention.endswith((".py", ".s", ".md")):
            assert match[1], f"`{mention}` is imported as `trapline.{mention}`"
            assert resolves(match[2], match[3]), f"`{mention}` does not exist"


def test_the_page_of_the_library_has_every_public_name() -> None:
    text = (ROOT / "docs/project/api.md").read_text(encoding="utf-8")
    assert {name for name in trapline.__all__ if f":: trapline.{name}\n" not in text} == set()
