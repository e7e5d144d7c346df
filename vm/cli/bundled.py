"""Programs that come with the package: found by name from any folder."""

from pathlib import Path
from types import ModuleType
from typing import Any

PARTS = ("kernels", "hypervisors", "firmware", "demos")
"""Folders of sources that are no program each."""


def find_program(name: str) -> Path:
    """The file of this name, else the bundled program, such as `programs/hello.s` or `hello.s`."""
    path = Path(name)
    if path.exists():
        return path
    folder = bundled_programs()
    relative = Path(*path.parts[1:]) if path.parts[:1] == ("programs",) else path
    for candidate in (relative, relative.with_suffix(".s")):
        if not path.is_absolute() and ".." not in path.parts and (folder / candidate).is_file():
            return folder / candidate
    return path


def bundled_programs() -> Path:
    """The folder of programs that come with the package."""
    return Path(__file__).parents[2] / "programs"


def script(path: Path) -> Any:
    """A script beside the programs, such as a `build.py`, as a module, run without writing byte code."""
    module = ModuleType(f"{path.parent.name}_{path.stem}")
    module.__file__ = str(path)
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    return module


def list_programs() -> list[tuple[str, str]]:
    """(name, what it is) of each bundled program: the first line of its header comment.

    Those under kernels/, hypervisors/ and firmware/ are parts of larger ones; those under demos/ run on one.
    """
    rows = []
    folder = bundled_programs()
    for path in sorted(folder.rglob("*.s")):
        if path.relative_to(folder).parts[0] in PARTS:
            continue
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        rows.append((f"programs/{path.relative_to(folder).as_posix()}", first.lstrip("# ").partition(" - ")[2]))
    return rows
