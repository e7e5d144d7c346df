"""Burrow, the operating system in `programs/kernels/burrow`, for commands that build and boot it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from trapline.vm.cli import bundled

MEMORY = 8 << 20
"""Bytes of RAM that Burrow gets by default."""
SHELL = "shell"


@dataclass(frozen=True)
class Demo:
    """A program that Burrow can start first. sources: what has to be added to its file system; summary: one line."""

    name: str
    summary: str
    sources: tuple[Path, ...] = ()


def folder() -> Path:
    """Where its sources are."""
    return bundled.bundled_programs() / "kernels/burrow"


@cache
def builder() -> Any:
    """Its build.py as a module."""
    return bundled.script(folder() / "build.py")


def demos() -> dict[str, Demo]:
    """The demos in `programs/demos`: NAME.s, or a folder NAME with NAME.s and more programs."""
    found = {}
    for path in sorted((bundled.bundled_programs() / "demos").glob("*")):
        main = path / f"{path.name}.s" if path.is_dir() else path
        if main.suffix == ".s" and main.is_file():
            others = sorted(p for p in path.glob("*.s") if p != main) if path.is_dir() else []
            found[main.stem] = Demo(main.stem, summary(main), (main, *others))
    return found


def programs() -> dict[str, Demo]:
    """The user programs that are always in its file system."""
    paths = sorted((folder() / "user").glob("*.s"))
    return {path.stem: Demo(path.stem, summary(path)) for path in paths if path.stem != "lib"}


def summary(path: Path) -> str:
    """What a source is, by the first line of its header."""
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.lstrip("# ").partition(" - ")[2].rstrip(".")


def build(
    variant: str = "plain", init: Sequence[str] = (SHELL,), defines: dict[str, object] | None = None,
    sources: Sequence[Path] = (),
) -> bytes:  # fmt: skip
    """The kernel as an ELF. init: the first process and its arguments. Raises AsmError and ValueError."""
    return builder().build(variant, list(init), defines, sources)


def measure(elf: bytes) -> dict[str, int]:
    """The kernel in numbers: files and lines of its sources, instructions, user programs, bytes of all of it."""
    from trapline.asm.disassembler.contents import elf_contents

    text = sum(section.size for section in elf_contents(elf).sections if section.executable)
    sources = [path for path in folder().iterdir() if path.suffix in (".s", ".inc")]
    return {
        "files": len(sources),
        "lines": sum(len(path.read_text(encoding="utf-8").splitlines()) for path in sources),
        "instructions": text // 4,
        "programs": len(programs()),
        "bytes": len(elf),
    }
